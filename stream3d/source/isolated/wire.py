"""What the two processes say to each other: one line of JSON each. Nothing is ever unpickled.

To the child: a request (a target, passwords and all, and settings), and ``taken`` for each picture of a source that may
lose none. From the child: ``ready``; ``info`` or ``error`` in answer to a request; then ``shot`` for each picture,
``log`` in between, and ``end`` or ``error``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from stream3d import errors
from stream3d.errors import SourceError, Stream3DError
from stream3d.planes import Int32, LazyPicture
from stream3d.source.info import SourceCounts, SourceInfo
from stream3d.source.settings import SourceSettings
from stream3d.source.target import Target
from stream3d.values import UInt8

TAKEN = b"taken\n"
_ERRORS = {
    kind.__name__: kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Stream3DError)
}

Message = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Header:
    """What is said of picture ``number`` (1, 2, ...) while its pixels lie in the ring.

    ``width`` and ``height`` in pixels, upright; ``colours`` int32 [6] the coefficients of its planes, None for RGB.
    ``time_s`` is media time since the first picture that was decoded, ``captured_at`` the monotonic clock.
    """

    number: int
    width: int
    height: int
    colours: Int32 | None
    time_s: float
    captured_at: float
    corrupt: bool
    counts: SourceCounts

    @property
    def size(self) -> int:
        """Bytes in the ring."""
        pixels = self.width * self.height
        return pixels * 3 if self.colours is None else pixels * 3 // 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Shot:
    """A picture as it arrived from the other process, and how many before it were ``lost`` on the way."""

    header: Header
    picture: UInt8 | LazyPicture
    lost: int


def line(message: Mapping[str, object]) -> bytes:
    """As it travels."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def request(target: Target, settings: SourceSettings) -> bytes:
    """What to open, and how."""
    return line({"target": asdict(target), "settings": asdict(settings)})


def read_request(text: bytes) -> tuple[Target, SourceSettings]:
    """The other way round."""
    said = json.loads(text)
    target: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in said["target"].items()
    }
    return Target(**target), SourceSettings(**said["settings"])


def info_message(info: SourceInfo) -> bytes:
    """The source is open."""
    return line({"what": "info", "info": asdict(info)})


def read_info(message: Message) -> SourceInfo:
    """The other way round."""
    return SourceInfo(**message["info"])


def error_message(error: BaseException, shown: str) -> bytes:
    """What went wrong; of errors that are not of this project only the kind, since their texts may hold a password."""
    if isinstance(error, Stream3DError):
        return line({"what": "error", "kind": type(error).__name__, "text": str(error)})
    return line(
        {"what": "error", "kind": "SourceError", "text": f"{shown}: its reader failed ({type(error).__name__})"}
    )


def read_error(message: Message) -> Stream3DError:
    """The other way round: an error of the same class."""
    return _ERRORS.get(message["kind"], SourceError)(message["text"])


def shot_message(header: Header) -> bytes:
    """A picture lies in the ring."""
    colours, counts = header.colours, header.counts
    return line(
        {
            "what": "shot",
            "number": header.number,
            "size": (header.width, header.height),
            "colours": None if colours is None else colours.tolist(),
            "times": (header.time_s, header.captured_at),
            "corrupt": header.corrupt,
            "counts": (counts.corrupt, counts.skipped, counts.repaired),
        }
    )


def read_shot(message: Message) -> Header:
    """The other way round."""
    corrupt, skipped, repaired = message["counts"]
    colours = message["colours"]
    return Header(
        number=message["number"],
        width=message["size"][0],
        height=message["size"][1],
        colours=None if colours is None else np.array(colours, np.int32),
        time_s=message["times"][0],
        captured_at=message["times"][1],
        corrupt=message["corrupt"],
        counts=SourceCounts(corrupt=corrupt, skipped=skipped, repaired=repaired),
    )
