"""Where a recording is being played: time, speed, steps and jumps, without a window."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stream3d.errors import TrackFileError

SPEEDS = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)


class Player:
    """Plays the frames that begin at ``times`` float64 [F] seconds, ascending.

    Raises:
        TrackFileError: there is no frame, or the times do not ascend.
    """

    def __init__(self, times: npt.NDArray[np.float64], *, loop: bool = False):
        if not len(times) or not np.isfinite(times).all() or (np.diff(times) <= 0).any():
            raise TrackFileError(
                f"the times of {len(times)} frames cannot be played: they must ascend, and be at least one"
            )
        self._times = times
        self.now_s = float(times[0])
        self.playing = True
        self.loop = loop
        self._speed = SPEEDS.index(1.0)

    @property
    def span_s(self) -> tuple[float, float]:
        """The times of the first and the last frame."""
        return float(self._times[0]), float(self._times[-1])

    @property
    def index(self) -> int:
        """The frame that is shown now."""
        return max(int(np.searchsorted(self._times, self.now_s + 1e-9, "right")) - 1, 0)

    @property
    def speed(self) -> float:
        """Media seconds per second."""
        return SPEEDS[self._speed]

    @property
    def progress(self) -> float:
        """How much has been played, 0..1."""
        first, last = self.span_s
        return (self.now_s - first) / (last - first) if last > first else 1.0

    def advance(self, elapsed_s: float) -> None:
        """Let ``elapsed_s`` seconds of wall time pass; at the end it stops, or begins again when it loops."""
        if not self.playing:
            return
        first, last = self.span_s
        self.now_s += elapsed_s * self.speed
        if self.now_s > last:
            self.now_s = first if self.loop else last
            self.playing = self.loop

    def toggle(self) -> None:
        """Play or pause; at the end, play from the start."""
        self.playing = not self.playing
        if self.playing and self.now_s >= self.span_s[1]:
            self.now_s = self.span_s[0]

    def step(self, frames: int) -> None:
        """Go ``frames`` frames on or back, and pause."""
        self.playing = False
        self.now_s = float(self._times[np.clip(self.index + frames, 0, len(self._times) - 1)])

    def jump(self, seconds: float) -> None:
        """Go ``seconds`` on or back."""
        self.now_s = float(np.clip(self.now_s + seconds, *self.span_s))

    def seek(self, fraction: float) -> None:
        """Go to ``fraction`` (0..1) of the recording."""
        first, last = self.span_s
        self.now_s = first + fraction * (last - first)

    def change_speed(self, steps: int) -> None:
        """Go ``steps`` up or down in the list of speeds."""
        self._speed = int(np.clip(self._speed + steps, 0, len(SPEEDS) - 1))
