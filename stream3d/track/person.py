"""One person being followed: where they will be, what they look like, what speaks for them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stream3d.track.body import Body, implausible
from stream3d.track.motion import CENTRE, POINTS, Motion, reach
from stream3d.values import Detections2D

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

_STEADY, _STEADY_SIZE, _STEADY_TURN = 0.01, 0.02, 0.03  # changes of a region that are not worth another crop
_LOOK_S = 1.0  # time constant of what somebody looks like
SETTLE_S = 0.6  # after somebody was near, before what they look like is learned again
_NOW_S = 0.15  # and of what they look like at the moment
_BONE_UP, _BONE_DOWN = 0.3, 0.01  # how fast a bone's greatest length is learned and forgotten
_EVIDENCE_S = 0.4
_AGREE = 0.25  # weight of one look of the detector in how often it agrees
_DOUBTFUL, _UPSIDE_DOWN = 0.55, 2.0
_MOVED, _MOVED_S = 0.12, 3.0  # sides that only somebody alive goes, and for how long it counts
_WRONG = 0.25  # share of impossible bones that makes doubtful
_FOUND, _OFTEN = 3, 0.65  # looks and their share in which the detector must see a doubtful newcomer
_RARELY = 0.5  # share of looks in which the detector saw them, below which the doubtful are ghosts


@dataclass(kw_only=True, slots=True, eq=False)
class Identity:
    """Who somebody is, whichever body they were last seen in.

    ``number`` is 0 until the newcomer is believed; ``look`` float32 [D] is their appearance when nobody was near;
    ``bones`` float64 [L] are the greatest lengths of their limbs in sides of the region.
    """

    number: int = 0
    born_at: float
    look: Float32 | None = None
    bones: Float64


class Person:
    """Motion, identity and evidence of somebody in the picture or out of it a moment ago."""

    def __init__(self, seen: Detections2D, row: int, body: Body) -> None:
        self.pts = seen.pts
        self.side = float(seen.regions[row, 2])
        self.motion = Motion(seen.regions[row], seen.keypoints[row, :, :2])
        self.identity = Identity(born_at=seen.pts, bones=np.full(len(body.limbs), np.nan))
        self.now: Float32 | None = None
        self.near_until = -math.inf  # when somebody else was last near
        self.hidden_since: float | None = None
        self.confirmed_at, self.looks_in_doubt, self.found = seen.pts, 0, 0
        self.trust, self.wrong, self.agreed = 1.0, 0.0, 0.6
        self._anchor, self._moved_at = self.place, -math.inf
        self._asked: Float32 | None = None
        self._weigh(seen, row, math.inf, body)
        self._appear(seen, row, math.inf)

    @property
    def number(self) -> int:
        """The id, 0 until believed."""
        return self.identity.number

    def expected(self, pts: float) -> Float32:
        """The region float32 [4] at another time."""
        step = pts - self.pts
        ahead = self.motion.values[:2] + self.motion.speeds[:2] * reach(step)
        (x, y), (size, turn) = ahead.tolist()
        return np.array([x, y, math.exp(size), math.remainder(turn, 2 * math.pi)], np.float32)

    def region(self, pts: float) -> Float32:
        """Where to look for them: as expected, and just as before where that makes hardly a difference."""
        now, asked = self.expected(pts), self._asked
        if asked is not None:
            near = math.hypot(now[0] - asked[0], now[1] - asked[1]) < _STEADY * asked[2]
            alike = abs(now[2] - asked[2]) < _STEADY_SIZE * asked[2]
            if near and alike and abs(math.remainder(now[3] - asked[3], 2 * math.pi)) < _STEADY_TURN:
                return asked
        self._asked = now
        return now

    def spread(self, pts: float) -> tuple[float, float]:
        """Variances of the expected centre and of the expected keypoints, in squared sides."""
        step = pts - self.pts
        return self.motion.spread(step, self.side, CENTRE), self.motion.spread(step, self.side, POINTS)

    @property
    def speed(self) -> float:
        """Of the centre, in sides per second."""
        return math.hypot(*self.motion.speeds[0].tolist()) / self.side

    @property
    def place(self) -> tuple[float, float]:
        """The centre when last seen, px."""
        x, y = self.motion.values[0].tolist()
        return x, y

    def follow(self, seen: Detections2D, row: int, keypoints: Float32, body: Body, *, crowded: bool) -> None:
        """Take a row's pose, with what was put right of its ``keypoints`` [J, 3]; ``crowded``: it may be another's."""
        step = seen.pts - self.pts
        if step > 0:
            self.motion.correct(seen.regions[row], keypoints[:, :2], step, side=self.side, crowded=crowded)
        self.pts, self.hidden_since = seen.pts, None
        self.side = math.exp(self.motion.values[1, 0])
        self._weigh(seen, row, step, body)
        if not crowded:
            self._appear(seen, row, step)
            self._measure(keypoints[:, :2].astype(np.float64), body)

    def come_back(self, seen: Detections2D, row: int, body: Body) -> None:
        """Take up again in another place: the past motion says nothing any more."""
        fresh = Person(seen, row, body)
        self.motion, self._anchor = fresh.motion, fresh.place
        self.pts, self.side, self.hidden_since, self._asked = seen.pts, fresh.side, None, None
        self.confirmed_at, self.looks_in_doubt, self.trust, self.wrong = seen.pts, 0, fresh.trust, fresh.wrong
        self.now = fresh.now

    def _weigh(self, seen: Detections2D, row: int, step: float, body: Body) -> None:
        """Note what speaks for this being a person."""
        points = seen.keypoints[row, :, :2].astype(np.float64)
        wrong = implausible(points, float(seen.regions[row, 2]), body)
        score = float(seen.keypoints[row, :, 2].mean()) * float(seen.presence[row]) * (1 - wrong)
        rate = 1 - math.exp(-max(step, 0.0) / _EVIDENCE_S)
        self.trust += (score - self.trust) * rate
        self.wrong += (wrong - self.wrong) * rate
        if math.dist(self.place, self._anchor) > _MOVED * self.side:
            self._anchor, self._moved_at = self.place, seen.pts
        if seen.looked:
            self.agreed += _AGREE * (float(seen.confirmed[row]) - self.agreed)
        if seen.confirmed[row]:
            self.confirmed_at, self.looks_in_doubt = seen.pts, 0
            self.found += 1
        elif seen.looked:
            self.looks_in_doubt += 1

    def _appear(self, seen: Detections2D, row: int, step: float) -> None:
        if seen.appearance is None or not seen.appearance[row].any():
            return
        look = seen.appearance[row]
        self.now = look if self.now is None else _mixed(self.now, look, step / _NOW_S)
        if seen.pts > self.near_until + SETTLE_S:
            known = self.identity.look
            self.identity.look = look if known is None else _mixed(known, look, step / _LOOK_S)

    def _measure(self, points: Float64, body: Body) -> None:
        """Learn how long limbs can be; foreshortened ones say little."""
        lengths, known = body.lengths(points) / self.side, self.identity.bones
        change = lengths - known
        change *= np.where(change > 0, _BONE_UP, _BONE_DOWN)
        self.identity.bones = np.where(np.isnan(known), lengths, np.where(np.isnan(change), known, known + change))

    @property
    def doubtful(self) -> bool:
        """Whether the net itself is not sure: hardly visible, upside down, with limbs that cannot be."""
        upside_down = abs(math.remainder(float(self.motion.values[1, 1]), 2 * math.pi)) > _UPSIDE_DOWN
        return self.trust < _DOUBTFUL or self.wrong > _WRONG or upside_down

    @property
    def alive(self) -> bool:
        """Whether they went somewhere a moment ago, which furniture does not."""
        return self.pts - self._moved_at <= _MOVED_S

    @property
    def affirmed(self) -> bool:
        """Whether the detector found them again and again."""
        return self.found >= _FOUND and self.agreed > _OFTEN

    @property
    def unlikely(self) -> bool:
        """Whether nothing speaks for a person: doubtful, at rest, and the detector rarely agrees."""
        return self.agreed < _RARELY and self.doubtful and not self.alive


def _mixed(old: Float32, new: Float32, steps: float) -> Float32:
    """The older appearance moved towards the newer."""
    return old + (new - old) * np.float32(1 - math.exp(-max(steps, 0.0)))
