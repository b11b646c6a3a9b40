"""What a live run said of each of its results, held against when its streams were cut."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_SETTLED_S = 5.0  # after a stream is back: what is outside the cuts begins here


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """One result: when it was given (monotonic seconds), how old its picture was then, its media time, who is in it.

    ``number`` is the picture's own, where it bears one.
    """

    source: int
    at: float
    latency_s: float
    pts: float
    ids: tuple[int, ...]
    number: int | None = None

    @property
    def captured_at(self) -> float:
        """Monotonic seconds."""
        return self.at - self.latency_s


@dataclass(frozen=True, kw_only=True, slots=True)
class Cut:
    """A stream's absence: how, from when, and when it could be had again (monotonic seconds)."""

    source: int
    kind: str
    began: float
    back: float


def read_log(path: Path) -> tuple[list[Shown], list[dict[str, object]]]:
    """Results and all other lines, in order; a line that was not finished when the run was killed is left out."""
    shown, said = [], []
    for line in _whole_lines(path):
        entry = json.loads(line)
        if "event" in entry:
            said.append(entry)
        else:
            shown.append(Shown(**{**entry, "ids": tuple(entry["ids"])}))
    return shown, said


def _whole_lines(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8") as lines:
        yield from (line for line in lines if line.endswith("\n"))


def backwards(shown: Sequence[Shown]) -> int:
    """Results whose media time or capture is not after that of the one before, of the same source."""
    count, last = 0, dict[int, Shown]()
    for one in shown:
        before = last.get(one.source)
        count += before is not None and (one.pts <= before.pts or one.captured_at < before.captured_at)
        last[one.source] = one
    return count


def recoveries(shown: Sequence[Shown], cuts: Sequence[Cut]) -> list[float | None]:
    """Seconds from when each stream was back to the first skeleton seen in it since; None if the next cut was first."""
    answers: list[float | None] = []
    for cut in cuts:
        end = min(
            (other.began for other in cuts if other.source == cut.source and other.began > cut.began), default=1e18
        )
        since = (
            one.at - cut.back
            for one in shown
            if one.source == cut.source and one.ids and cut.back < one.captured_at and one.at < end
        )
        answers.append(next(since, None))
    return answers


def gaps(shown: Sequence[Shown], cuts: Sequence[Cut]) -> list[tuple[float, bool]]:
    """Of each cut between skeletons: seconds without them, and whether anybody's id came through."""
    answers = []
    for cut in cuts:
        people = [one for one in shown if one.source == cut.source and one.ids]
        before = [one for one in people if one.captured_at < cut.back and one.at < cut.back]
        after = [one for one in people if one.captured_at > cut.back]
        if before and after:
            kept = not set(before[-1].ids).isdisjoint(after[0].ids)
            answers.append((after[0].captured_at - before[-1].captured_at, kept))
    return answers


def outside(shown: Sequence[Shown], cuts: Sequence[Cut], *, any_source: bool = False) -> list[Shown]:
    """Results while their own stream (or with ``any_source`` every stream) was well, and had been for five seconds."""
    spans = {
        source: [(cut.began, cut.back + _SETTLED_S) for cut in cuts if any_source or cut.source == source]
        for source in {one.source for one in shown}
    }
    return [one for one in shown if not any(low <= one.at <= high for low, high in spans[one.source])]


def percentiles(shown: Sequence[Shown]) -> dict[str, float | None]:
    """Latency in milliseconds."""
    if not shown:
        return {"p50_ms": None, "p95_ms": None, "p99_ms": None, "max_ms": None}
    values = 1e3 * np.array([one.latency_s for one in shown])
    p50, p95, p99 = np.percentile(values, (50, 95, 99))
    return {
        "p50_ms": round(float(p50), 2),
        "p95_ms": round(float(p95), 2),
        "p99_ms": round(float(p99), 2),
        "max_ms": round(float(values.max()), 2),
    }


def in_windows(shown: Sequence[Shown], start: float, every_s: float) -> list[tuple[float, float, float]]:
    """(seconds since ``start``, p50 and p99 of latency in milliseconds) of each stretch with results."""
    answers = []
    windows: dict[int, list[float]] = {}
    for one in shown:
        windows.setdefault(int((one.at - start) // every_s), []).append(1e3 * one.latency_s)
    for window, values in sorted(windows.items()):
        p50, p99 = np.percentile(values, (50, 99))
        answers.append(((window + 0.5) * every_s, float(p50), float(p99)))
    return answers


def rate(shown: Sequence[Shown], source: int) -> float:
    """Results per second of a source between its first and its last; 0 for less than two."""
    times = [one.at for one in shown if one.source == source]
    return (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 else 0.0


def fairness(rates: Sequence[float]) -> float:
    """Jain's index: 1 where all are equal, 1 / n where one has everything (Jain, Chiu and Hawe 1984).

    >>> fairness([3.0, 3.0, 3.0]), fairness([1.0, 0.0])
    (1.0, 0.5)
    """
    return sum(rates) ** 2 / (len(rates) * sum(rate**2 for rate in rates)) if any(rates) else 0.0


def slope(x: Sequence[float], y: Sequence[float], most: int = 800) -> tuple[float, float, float]:
    """Median of the slopes between all pairs of points (Theil 1950, Sen 1968), and its 95 % interval (Sen's).

    Single peaks do not move it. Of more than ``most`` points every n-th is taken.

    >>> slope([0, 1, 2, 3, 4], [1, 3, 5, 90, 9])[0]
    2.0
    """
    step = max(1, -(-len(x) // most))
    xs, ys = np.asarray(x, float)[::step], np.asarray(y, float)[::step]
    first, second = np.triu_indices(len(xs), 1)
    slopes = np.sort((ys[second] - ys[first]) / (xs[second] - xs[first]))
    count, pairs = len(xs), len(slopes)
    spread = 1.96 * np.sqrt(count * (count - 1) * (2 * count + 5) / 18)
    low = slopes[max(0, int((pairs - spread) / 2))]
    high = slopes[min(pairs - 1, int((pairs + spread) / 2))]
    return float(np.median(slopes)), float(low), float(high)
