"""Pairs of runs and what they say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Smallest, median and largest of several values."""

    min: float
    median: float
    max: float

    def as_dict(self) -> dict[str, float]:
        """JSON-able, rounded to 4 digits after the point."""
        return {name: round(value, 4) for name, value in asdict(self).items()}


def spread(values: Sequence[float]) -> Spread:
    """Of at least one value.

    >>> spread([3.0, 1.0, 2.0])
    Spread(min=1.0, median=2.0, max=3.0)

    Raises:
        ValueError: there is none.
    """
    if not values:
        raise ValueError("no values to summarise")
    return Spread(min=min(values), median=median(values), max=max(values))


def pairwise(ours: Sequence[float], theirs: Sequence[float]) -> Spread:
    """Ratios ours / theirs of runs that were made one after the other, so that both saw the same machine.

    Raises:
        ValueError: the runs do not pair up, or one of theirs is not positive.
    """
    if len(ours) != len(theirs):
        raise ValueError(f"{len(ours)} runs of ours and {len(theirs)} of theirs do not pair up")
    if any(value <= 0 for value in theirs):
        raise ValueError(f"ratios to {list(theirs)}: all must be positive")
    return spread([a / b for a, b in zip(ours, theirs, strict=True)])
