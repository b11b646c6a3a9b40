"""The last frames of every person, as the lifter wants them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from stream3d.lift.body import Body
from stream3d.lift.bridge import Bridge
from stream3d.lift.features import WINDOW, Float32

Float64 = npt.NDArray[np.float64]
Key = tuple[str, int]


@dataclass(slots=True, eq=False)
class Past:
    """One person's last frames without a gap: ``rays`` [27, 17, 2], ``confidence`` [27, 17], ``time`` [27] s.

    The newest last, unused ones unseen; ``count`` of them have come so far. Joints unseen for a moment are bridged.
    ``body`` is what is known of theirs.
    """

    rays: Float32 = field(default_factory=lambda: np.zeros((WINDOW, 17, 2), np.float32))
    confidence: Float32 = field(default_factory=lambda: np.zeros((WINDOW, 17), np.float32))
    time: Float64 = field(default_factory=lambda: np.zeros(WINDOW))
    count: int = 0
    body: Body = field(default_factory=Body)
    bridge: Bridge = field(default_factory=Bridge)

    def push(self, rays: Float32, confidence: Float32, pts: float) -> None:
        """Add a frame and lose the oldest."""
        rays, confidence = self.bridge(rays, confidence, pts)
        for array, new in ((self.rays, rays), (self.confidence, confidence), (self.time, pts)):
            array[:-1] = array[1:]
            array[-1] = new
        self.count += 1


@dataclass(frozen=True, slots=True)
class Moment:
    """A frame of a person's past: the newest when ``count`` frames had come."""

    past: Past
    count: int

    @property
    def since(self) -> int:
        """How many frames of the person have come after it."""
        return self.past.count - self.count


class Histories:
    """Pasts by (source, person); bounded in number and in time.

    After ``reset_gap_s`` without a person their motion begins anew, with the body that they had; after ``forget_s``
    that is forgotten too.
    """

    def __init__(self, *, reset_gap_s: float, forget_s: float, max_people: int) -> None:
        self._gap, self._forget, self._most = reset_gap_s, max(reset_gap_s, forget_s), max_people
        self._pasts: dict[Key, Past] = {}

    def __len__(self) -> int:
        return len(self._pasts)

    def push(self, key: Key, rays: Float32, confidence: Float32, pts: float) -> Moment:
        """Add a frame; a person unseen for too long, or a time that runs back, starts anew."""
        past = self._pasts.pop(key, None)
        away_s = -1.0 if past is None else float(pts - past.time[-1])
        if past is None or not 0 <= away_s <= self._forget:
            past = Past()
        elif away_s > self._gap:
            past = Past(body=past.body)
        past.push(rays, confidence, pts)
        self._pasts[key] = past
        while len(self._pasts) > self._most:
            self._pasts.pop(next(iter(self._pasts)))
        return Moment(past, past.count)

    def drop_stale(self, source_id: str, pts: float) -> None:
        """Forget the people of one source who have been away for too long, or whose time is to come."""
        stale = [
            key
            for key, past in self._pasts.items()
            if key[0] == source_id and not 0 <= pts - past.time[-1] <= self._forget
        ]
        for key in stale:
            del self._pasts[key]

    def forget(self, source_id: str) -> None:
        """Forget everybody of one source."""
        for key in [key for key in self._pasts if key[0] == source_id]:
            del self._pasts[key]


def windows_of(moments: Sequence[Moment], lookahead: int) -> tuple[Float32, Float32, Float64]:
    """Rays [P, 27, 17, 2], confidences [P, 27, 17] and times [P, 27] with each moment at 26 - ``lookahead``.

    What has not come of the frames after it, or never will, is unseen.
    """
    rays = np.zeros((len(moments), WINDOW, 17, 2), np.float32)
    confidence = np.zeros((len(moments), WINDOW, 17), np.float32)
    time = np.zeros((len(moments), WINDOW))
    for row, moment in enumerate(moments):
        later = lookahead - moment.since
        end = WINDOW - later
        rays[row, :end], confidence[row, :end] = moment.past.rays[later:], moment.past.confidence[later:]
        time[row, :end] = moment.past.time[later:]
    return rays, confidence, time
