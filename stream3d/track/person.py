"""What speaks for somebody's being a person, and who they are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from stream3d.track.sight import Sight

_STEADY, _STEADY_SIZE, _STEADY_TURN = 0.01, 0.02, 0.03  # changes of a region that are not worth another crop
_EVIDENCE_S = 0.4
SETTLE_S = 0.6  # after somebody was near, before what they look like is learned again
_LOOK_S, _WARY_S = 1.0, 10.0  # time constants of learning what somebody looks like; when it is another all at once
_LIKE, _UNLIKE = 0.93, 0.88  # how alike somebody is to themselves, and below which it may be another
_CHANGED_S = 2.0  # for how long; after that they have just changed
_FOUND, _MISSED = 0.9, -1.0  # what a look of the detector says, as logarithms of odds: it finds 3 people in 4, 3 in 10
_SURELY, _HARDLY = 3.4, 1.0  # odds from which doubtful newcomers are people, and below which they no longer are
_GIVEN_UP = -0.5  # and below which newcomers are ghosts
_MOST, _LEAST = 5.0, -3.0
_DOUBTFUL, _UPSIDE_DOWN = 0.55, 2.0
_MOVED, _MOVED_S = 0.12, 3.0  # sides that only somebody alive goes, and for how long it counts
_WRONG = 0.25  # share of impossible bones that makes doubtful


@dataclass(kw_only=True, slots=True, eq=False)
class Person:
    """Somebody in the picture or out of it a moment ago; ``row`` is where their motion and their figure are.

    ``number`` is 0 until the newcomer is believed; ``near_until`` is when somebody else was last near; ``home`` is the
    region where they last looked like themselves, at ``alike_at``.
    """

    row: int
    born_at: float
    number: int = 0
    near_until: float = -math.inf
    confirmed_at: float = -math.inf
    looks_in_doubt: int = 0
    trust: float = 1.0
    wrong: float = 0.0
    belief: float = 0.0
    upside_down: bool = False
    anchor: tuple[float, float] | None = None
    moved_at: float = -math.inf
    asked: Sequence[float] | None = None
    home: Sequence[float] | None = None
    alike: float = 1.0
    alike_at: float = -math.inf

    def weigh(self, sight: Sight, row: int, step: float) -> None:
        """Note what a pose says that was seen ``step`` seconds after the last."""
        rate = 1 - math.exp(-max(step, 0.0) / _EVIDENCE_S)
        self.trust += (float(sight.trust[row]) - self.trust) * rate
        self.wrong += (sight.wrong[row] - self.wrong) * rate
        if sight.confirmed[row]:
            self.confirmed_at, self.looks_in_doubt = sight.pts, 0
            self.belief = min(self.belief + _FOUND, _MOST)
        elif sight.seen.looked:
            self.looks_in_doubt += 1
            self.belief = max(self.belief + _MISSED, _LEAST)

    def stand(self, region: Sequence[float], pts: float) -> None:
        """Note where they are at ``pts``."""
        x, y, side, turn = region
        self.upside_down = abs(math.remainder(turn, 2 * math.pi)) > _UPSIDE_DOWN
        if self.anchor is None:
            self.anchor = x, y
        elif math.hypot(x - self.anchor[0], y - self.anchor[1]) > _MOVED * side:
            self.anchor, self.moved_at = (x, y), pts

    def come_back(self, sight: Sight, row: int) -> None:
        """Take up again in another place."""
        self.anchor, self.asked = None, None
        self.confirmed_at, self.looks_in_doubt = sight.pts, 0
        self.trust, self.wrong = float(sight.trust[row]), sight.wrong[row]

    def learns_within(self, pts: float) -> float:
        """The time constant for learning what they look like; infinite where it may be somebody else."""
        if pts <= self.near_until + SETTLE_S:
            return math.inf
        return _WARY_S if self.alike < _LIKE and pts - self.alike_at <= _CHANGED_S else _LOOK_S

    def resemble(self, alike: float, region: Sequence[float], pts: float) -> None:
        """Note how much they look like themselves (NaN: unknown), and where."""
        self.alike = alike
        if not alike < _LIKE:
            self.home, self.alike_at = region, pts

    def changed(self, pts: float) -> bool:
        """Whether they look like somebody else all at once: their pose may be another's who passed."""
        return self.number > 0 and self.alike < _UNLIKE and pts - self.alike_at <= _CHANGED_S

    def ask(self, region: Sequence[float]) -> Sequence[float]:
        """Where to look for them, which is remembered."""
        self.asked = self.wanted(region)
        return self.asked

    def wanted(self, region: Sequence[float]) -> Sequence[float]:
        """Where to look for them: where expected, and just as before where that makes hardly a difference."""
        if self.asked is not None:
            (x, y, side, turn), (a, b, before, turned) = region, self.asked
            near = math.hypot(x - a, y - b) < _STEADY * before
            alike = abs(side - before) < _STEADY_SIZE * before
            if near and alike and abs(math.remainder(turn - turned, 2 * math.pi)) < _STEADY_TURN:
                return self.asked
        return region

    @property
    def doubtful(self) -> bool:
        """Whether the net itself is not sure: hardly visible, upside down, with limbs that cannot be."""
        return self.trust < _DOUBTFUL or self.wrong > _WRONG or self.upside_down

    def alive(self, pts: float) -> bool:
        """Whether they went somewhere a moment ago, which furniture does not."""
        return pts - self.moved_at <= _MOVED_S

    @property
    def affirmed(self) -> bool:
        """Whether the detector found them again and again."""
        return self.belief > _SURELY

    def unlikely(self, pts: float) -> bool:
        """Whether nothing speaks for a person: doubtful, at rest, and the detector rarely agrees, nor did just now."""
        rarely = self.belief < (_HARDLY if self.number and self.looks_in_doubt else _GIVEN_UP)
        return rarely and self.doubtful and not self.alive(pts)
