"""The last frames of every person, as the lifter wants them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from stream3d.lift.features import WINDOW, Float32
from stream3d.lift.placement import steadied

Float64 = npt.NDArray[np.float64]
Key = tuple[str, int]


@dataclass(slots=True)
class _Window:
    """``rays`` [27, 17, 2] and ``confidence`` [27, 17] at ``time`` [27] s; the newest last, unused ones unseen."""

    rays: Float32 = field(default_factory=lambda: np.zeros((WINDOW, 17, 2), np.float32))
    confidence: Float32 = field(default_factory=lambda: np.zeros((WINDOW, 17), np.float32))
    time: Float64 = field(default_factory=lambda: np.zeros(WINDOW))
    move: Float32 | None = None

    def push(self, rays: Float32, confidence: Float32, pts: float) -> None:
        for array, new in ((self.rays, rays), (self.confidence, confidence), (self.time, pts)):
            array[:-1] = array[1:]
            array[-1] = new


class Histories:
    """Windows by (source, person); bounded in number and in time."""

    def __init__(self, *, reset_gap_s: float, max_people: int) -> None:
        self._gap, self._most = reset_gap_s, max_people
        self._windows: dict[Key, _Window] = {}

    def __len__(self) -> int:
        return len(self._windows)

    def push(self, key: Key, rays: Float32, confidence: Float32, pts: float) -> None:
        """Add a frame; a person unseen for too long, or a time that runs back, starts anew."""
        window = self._windows.pop(key, None)
        if window is None or not 0 <= pts - window.time[-1] <= self._gap:
            window = _Window()
        window.push(rays, confidence, pts)
        self._windows[key] = window
        while len(self._windows) > self._most:
            self._windows.pop(next(iter(self._windows)))

    def steady_moves(self, keys: Iterable[Key], moves: Float32) -> Float32:
        """The moves [P, 17, 2] of the newest frame's joints, low-passed over each person's own past."""
        out = moves.copy()
        for row, key in enumerate(keys):
            window = self._windows[key]
            if window.move is not None:
                out[row] = steadied(window.move, moves[row], float(window.time[-1] - window.time[-2]))
            window.move = out[row]
        return out

    def drop_stale(self, source_id: str, pts: float) -> None:
        """Forget the people of one source who have been away for longer than the gap, or whose time is to come."""
        stale = [
            key
            for key, window in self._windows.items()
            if key[0] == source_id and not 0 <= pts - window.time[-1] <= self._gap
        ]
        for key in stale:
            del self._windows[key]

    def forget(self, source_id: str) -> None:
        """Forget everybody of one source."""
        for key in [key for key in self._windows if key[0] == source_id]:
            del self._windows[key]

    def stacked(self, keys: Iterable[Key]) -> tuple[Float32, Float32, Float64]:
        """Rays [P, 27, 17, 2], confidences [P, 27, 17] and times [P, 27] of some people."""
        windows = [self._windows[key] for key in keys]
        return (
            np.stack([window.rays for window in windows]),
            np.stack([window.confidence for window in windows]),
            np.stack([window.time for window in windows]),
        )
