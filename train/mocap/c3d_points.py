"""The points of C3D files, read by a child process: ezc3d dies on some damaged files, and the trainer must not.

Of 300 files with a few bytes changed, ezc3d 1.7.2 brought its process down three times. What comes back is an ``.npz``
without objects, so that nothing the child says is ever unpickled.
"""

from __future__ import annotations

import io
import multiprocessing
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from stream3d.errors import TrackFileError
from train.mocap.motion import Float32

LARGEST_FILE = 1 << 30
_PATIENCE_S = 120.0
_GOOD, _BAD = b"+", b"-"


@dataclass(frozen=True, kw_only=True, slots=True)
class Points:
    """``places`` float32 [T, N, 3] in ``units``, NaN = not seen, of points called ``labels`` [N], at ``fps``.

    ``screen`` is what the file says of the axis that points up on a screen, such as ``+Z``; empty if it says nothing.
    """

    places: Float32
    labels: tuple[str, ...]
    fps: float
    units: str
    screen: str


def read_points(path: Path) -> Points:
    """All points of a C3D file.

    Raises:
        TrackFileError: it is not one, is damaged, or is too large.
    """
    if not path.is_file() or path.stat().st_size > LARGEST_FILE:
        raise TrackFileError(f"{path}: is no file of at most {LARGEST_FILE} bytes")
    with path.open("rb") as file:
        head = file.read(2)
    if len(head) < 2 or head[1] != 0x50:
        raise TrackFileError(f"{path}: is not C3D: its second byte is not 0x50")
    with np.load(io.BytesIO(_CHILD.ask(path)), allow_pickle=False) as reply:
        return Points(
            places=reply["places"],
            labels=tuple(str(label) for label in reply["labels"]),
            fps=float(reply["fps"]),
            units=str(reply["units"]),
            screen=str(reply["screen"]),
        )


class _Child:
    """One process that lives until it fails or the trainer ends, and is replaced when it is needed again."""

    def __init__(self) -> None:
        self._process: Any = None
        self._line: Connection | None = None

    def ask(self, path: Path) -> bytes:
        line = self._line if self._process is not None and self._process.is_alive() else self._start()
        try:
            line.send_bytes(str(path.absolute()).encode())
            answer = line.recv_bytes() if line.poll(_PATIENCE_S) else b""
        except (EOFError, OSError):
            answer = b""
        if answer[:1] == _GOOD:
            return answer[1:]
        if not answer:
            self._process.kill()
            self._process = None
        said = answer[1:].decode("utf-8", "replace") or "the reader failed on it or took too long"
        raise TrackFileError(f"{path}: is damaged C3D: {said}")

    def _start(self) -> Connection:
        context = multiprocessing.get_context("spawn")
        self._line, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()
        return self._line


_CHILD = _Child()


def serve(line: Connection) -> None:
    """Answer paths with an ``.npz`` of what the file holds, or with why it cannot be read, until the line closes."""
    while True:
        try:
            path = line.recv_bytes().decode()
        except EOFError:
            return
        try:
            line.send_bytes(_GOOD + _packed(path))
        except Exception as error:  # whatever ezc3d raises is an answer
            line.send_bytes(_BAD + f"{type(error).__name__}: {error}".encode())


def _packed(path: str) -> bytes:
    import ezc3d  # only the child needs it

    content = ezc3d.c3d(path)
    about = content["parameters"]["POINT"]
    labels = [
        label for name in sorted(about, key=_block) if name.startswith("LABELS") for label in about[name]["value"]
    ]
    places = np.asarray(content["data"]["points"])[:3].transpose(2, 1, 0).astype(np.float32)
    out = io.BytesIO()
    np.savez(
        out,
        places=places,
        labels=np.array(labels[: places.shape[1]], dtype=str),
        fps=np.float64(_first(about, "RATE", 0.0)),
        units=np.array(str(_first(about, "UNITS", "")).strip()),
        screen=np.array(str(_first(about, "Y_SCREEN", "")).strip()),
    )
    return out.getvalue()


def _block(name: str) -> int:
    """LABELS, LABELS2, LABELS3, … hold 255 names each."""
    return int(name.removeprefix("LABELS") or 1) if name.removeprefix("LABELS").isdigit() else 1


def _first(about: Any, name: str, default: Any) -> Any:
    value = about[name]["value"] if name in about else []
    return value[0] if len(value) else default
