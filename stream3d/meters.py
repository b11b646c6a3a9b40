"""Counters and latencies of the stages, cheap enough to be always on."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, field

import numpy as np

_WINDOW = 4096


class _Pass:
    """A block that is timed; contextlib would make a generator and three calls of each."""

    __slots__ = ("_meter", "_start")

    def __init__(self, meter: Meter) -> None:
        self._meter = meter

    def __enter__(self) -> None:
        self._start = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self._meter.add(time.perf_counter() - self._start)


@dataclass(kw_only=True, slots=True)
class Meter:
    """Count and latency of one stage, of whatever thread; percentiles are over its last 4096 passes."""

    name: str
    count: int = 0
    total_s: float = 0.0
    recent_s: deque[float] = field(default_factory=lambda: deque(maxlen=_WINDOW))
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False, compare=False)

    def add(self, seconds: float) -> None:
        """Record one pass."""
        with self._lock:
            self.count += 1
            self.total_s += seconds
            self.recent_s.append(seconds)

    def measure(self) -> _Pass:
        """Record the wall time of the block, also when it raises."""
        return _Pass(self)

    def summary(self) -> dict[str, float]:
        """``count``, ``total_s``, ``mean_ms`` over all passes, ``p50_ms``, ``p95_ms``, ``p99_ms`` over the recent."""
        if not self.count:
            return {"count": 0}
        with self._lock:
            count, total_s, recent = self.count, self.total_s, np.array(self.recent_s)
        p50, p95, p99 = np.percentile(recent, (50, 95, 99)) * 1e3
        values = {"mean_ms": total_s / count * 1e3, "p50_ms": p50, "p95_ms": p95, "p99_ms": p99}
        return {
            "count": count,
            "total_s": round(total_s, 6),
            **{key: round(float(value), 3) for key, value in values.items()},
        }


class Meters:
    """The meters of one run by stage name, made on first use.

    >>> meters = Meters()
    >>> with meters["lift"].measure():
    ...     pass
    >>> meters.summary()["lift"]["count"]
    1
    """

    def __init__(self) -> None:
        self._by_name: dict[str, Meter] = {}
        self.dropped = 0
        """Frames that a live source gave and nobody could take in time."""

    def __getitem__(self, name: str) -> Meter:
        meter = self._by_name.get(name)
        return meter if meter is not None else self._by_name.setdefault(name, Meter(name=name))

    def clear(self) -> None:
        """Begin anew, once everything is warm."""
        self._by_name.clear()

    def summary(self) -> dict[str, dict[str, float]]:
        """Every stage's summary."""
        return {name: meter.summary() for name, meter in list(self._by_name.items())}  # others may add theirs meanwhile
