"""Places that proved to be no people."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

_NEAR, _ALIKE = 0.2, 0.4  # sides between two centres, and logarithm of the ratio of their sides, of one place
_MEMORY_S = 20.0
_MOST = 16


@dataclass(kw_only=True, slots=True)
class Spots:
    """Where figures were doubted until they went, how much was believed of them then, and when.

    What is found there again is believed no more.
    """

    known: list[tuple[Sequence[float], float, float]] = field(default_factory=list)

    def remember(self, region: Sequence[float], belief: float, pts: float) -> None:
        """Somebody who was doubted is gone."""
        others = [spot for spot in self.known if not _one_place(spot[0], region) and pts - spot[2] < _MEMORY_S]
        self.known = [*others[-_MOST + 1 :], (region, belief, pts)]

    def belief(self, region: Sequence[float], pts: float) -> float:
        """What a newcomer there begins with, at most nothing."""
        there = [belief for spot, belief, at in self.known if _one_place(spot, region) and pts - at < _MEMORY_S]
        return min([0.0, *there])


def _one_place(one: Sequence[float], other: Sequence[float]) -> bool:
    near = math.hypot(one[0] - other[0], one[1] - other[1]) < _NEAR * max(one[2], other[2])
    return near and abs(math.log(one[2] / other[2])) < _ALIKE
