"""The bytes that go from the capture to the viewer's process: a fixed header, then plain arrays. Nothing is pickled.

One message is one frame: header (magic, lengths, layout, time, field of view), then ``joints`` float32 [P, J, 3] metres
in camera space, ``sigma`` float32 [P, J] metres, ``person`` int64 [P], all little-endian.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stream3d.errors import ViewerError
from stream3d.skeleton import LAYOUTS, Layout

_MAGIC = b"s3d\x01"
_HEADER = struct.Struct("<4sIH16sdff")
_MAX_PEOPLE = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class Shot:
    """What the viewer shows of one frame: people in camera space, and the tangents of half the camera's field of view.

    ``joints`` float32 [P, J, 3] metres; ``sigma`` float32 [P, J] metres; ``person`` int64 [P]; ``pts`` seconds;
    ``half_view`` is (0, 0) where the camera is unknown.
    """

    joints: npt.NDArray[np.float32]
    sigma: npt.NDArray[np.float32]
    person: npt.NDArray[np.int64]
    layout: Layout
    pts: float
    half_view: tuple[float, float] = (0.0, 0.0)


def encode(shot: Shot) -> bytes:
    """The message for one frame; people beyond the thousandth are left out."""
    people = min(len(shot.joints), _MAX_PEOPLE)
    arrays = (shot.joints[:people].astype("<f4"), shot.sigma[:people].astype("<f4"), shot.person[:people].astype("<i8"))
    body = b"".join(array.tobytes() for array in arrays)
    name = shot.layout.name.encode()
    return _HEADER.pack(_MAGIC, len(body), people, name, shot.pts, *shot.half_view) + body


class Decoder:
    """Puts messages together from the pieces in which a pipe delivers them."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, piece: bytes) -> list[Shot]:
        """The frames that are complete after ``piece``, oldest first.

        Raises:
            ViewerError: the bytes are not this protocol's.
        """
        self._held += piece
        shots = []
        while len(self._held) >= _HEADER.size:
            length = self._check_header()
            if len(self._held) < _HEADER.size + length:
                break
            message = bytes(self._held[: _HEADER.size + length])
            del self._held[: _HEADER.size + length]
            shots.append(_decode(message))
        return shots

    def _check_header(self) -> int:
        magic, length, people, name = _HEADER.unpack_from(self._held)[:4]
        layout = LAYOUTS.get(name.rstrip(b"\0").decode("ascii", "replace"))
        expected = people * (layout.size * 16 + 8) if layout else -1
        if magic != _MAGIC or people > _MAX_PEOPLE or length != expected:
            raise ViewerError(f"the viewer was sent a message that is not a frame: {bytes(self._held[:16])!r}")
        return int(length)


def _decode(message: bytes) -> Shot:
    _, _, people, name, pts, half_width, half_height = _HEADER.unpack_from(message)
    layout = LAYOUTS[name.rstrip(b"\0").decode()]
    count, at = people * layout.size, _HEADER.size
    return Shot(
        joints=np.frombuffer(message, "<f4", count * 3, at).reshape(people, layout.size, 3),
        sigma=np.frombuffer(message, "<f4", count, at + count * 12).reshape(people, layout.size),
        person=np.frombuffer(message, "<i8", people, at + count * 16),
        layout=layout,
        pts=pts,
        half_view=(half_width, half_height),
    )
