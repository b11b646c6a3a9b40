"""How one live source is doing, counted frame by frame: rates, losses, latency, people."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from dataclasses import asdict, dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

WINDOW_S = 5.0
"""Rates are over this much of the recent past."""
_BUCKET_S = 0.25
_LATENCIES = 4096
_ROUNDED = {"camera_fps": 2, "processed_fps": 2, "dropped_fps": 2, "skipped_fps": 2, "frame_age_s": 3}
_ROUNDED |= {f"latency_p{percent}_ms": 2 for percent in (50, 95, 99)}


class HealthLike(Protocol):
    """What is needed of ``stream3d.source.Health``; times are monotonic seconds."""

    @property
    def state(self) -> str: ...  # noqa: D102
    @property
    def came(self) -> int: ...  # noqa: D102
    @property
    def lost(self) -> int: ...  # noqa: D102
    @property
    def reconnects(self) -> int: ...  # noqa: D102
    @property
    def last_frame_at(self) -> float | None: ...  # noqa: D102
    @property
    def error(self) -> str: ...  # noqa: D102


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceReport:
    """How a source was doing at one moment.

    Camera frames left the decoder, processed ones came out as results, dropped ones were thrown away to stay fresh,
    skipped ones were damaged beyond decoding, late ones were processed but came out after the promised latency.
    ``*_fps`` are over the last five seconds, ``*_frames`` since the beginning. ``state`` is ``Health.state``.
    ``frame_age_s`` since the last frame from the camera and ``latency_*_ms`` from capture to result, over the last 4096
    results, are None before the first. ``people`` are in the last result; 0 once that is older than five seconds.
    """

    source: str
    state: str
    camera_fps: float
    processed_fps: float
    dropped_fps: float
    skipped_fps: float
    camera_frames: int
    processed_frames: int
    dropped_frames: int
    skipped_frames: int
    late_frames: int
    reconnects: int
    frame_age_s: float | None
    latency_p50_ms: float | None
    latency_p95_ms: float | None
    latency_p99_ms: float | None
    people: int
    error: str

    def as_dict(self) -> dict[str, str | int | float | None]:
        """JSON-able, without NaN; rates to hundredths, latencies to hundredths of a millisecond."""
        said = asdict(self)
        for name, digits in _ROUNDED.items():
            if said[name] is not None:
                said[name] = round(said[name], digits)
        return said


class Rate:
    """Events per second over the last `WINDOW_S`, in memory that does not grow.

    A source younger than that is averaged over its age, but over one second at least.

    >>> rate = Rate()
    >>> for frame in range(60):
    ...     rate.add(1, now=frame / 30)
    >>> rate.at(2.0), rate.at(100.0)
    (30.0, 0.0)
    """

    def __init__(self) -> None:
        self._buckets: deque[list[float]] = deque(maxlen=math.ceil(WINDOW_S / _BUCKET_S) + 1)  # [end, count]
        self._first: float | None = None

    def add(self, count: float, *, now: float) -> None:
        """``count`` events at ``now`` (seconds, of the clock that `at` is asked with)."""
        self._first = now if self._first is None else self._first
        end = (math.floor(now / _BUCKET_S) + 1) * _BUCKET_S
        if self._buckets and self._buckets[-1][0] >= end:  # another thread may have looked at the clock a moment later
            self._buckets[-1][1] += count
        else:
            self._buckets.append([end, count])

    def spread(self, count: int, *, since: float, now: float) -> None:
        """``count`` events somewhere between ``since`` and ``now``; of those before the window nothing is kept."""
        begin = max(since, now - WINDOW_S)
        self._first = begin if self._first is None else self._first
        pieces = max(1, math.ceil((now - begin) / _BUCKET_S))
        kept = count * (now - begin) / (now - since) if now > since else count
        for piece in range(pieces):
            self.add(kept / pieces, now=begin + (now - begin) * (piece + 0.5) / pieces)

    def at(self, now: float) -> float:
        """Events per second, as of ``now``."""
        if self._first is None:
            return 0.0
        cut = now - WINDOW_S
        count = sum(number * min(1.0, max(0.0, (end - cut) / _BUCKET_S)) for end, number in self._buckets)
        return count / min(WINDOW_S, max(1.0, now - self._first))


class SourceMeter:
    """Counts what happens to one source's frames; every method may be called from any thread.

    ``now`` is ``time.monotonic()`` unless given; make one when the source is opened.

    >>> from stream3d.source import HealthRecord
    >>> health, meter = HealthRecord(), SourceMeter("door", now=6.5)
    >>> health.frame(captured_at=7.00)
    >>> meter.processed(0.031, people=1, now=7.03)
    >>> report = meter.report(health.now(), now=7.05)
    >>> report.state, report.processed_frames, report.latency_p50_ms, report.people
    ('live', 1, 31.0, 1)
    """

    def __init__(self, source: str, now: float | None = None) -> None:
        self.source = source
        self._lock = threading.Lock()
        self._rates = {kind: Rate() for kind in ("camera", "processed", "dropped", "skipped")}
        self._processed = self._dropped = self._skipped = self._late = self._people = 0
        self._processed_at = -math.inf
        self._latencies = np.zeros(_LATENCIES, np.float64)
        self._measured = 0
        self._came = self._lost = 0
        self._looked_at = time.monotonic() if now is None else now

    def processed(self, latency_s: float, people: int, now: float | None = None) -> None:
        """A result with ``people`` came out, ``latency_s`` after its frame was captured."""
        now = time.monotonic() if now is None else now
        with self._lock:
            self._rates["processed"].add(1, now=now)
            self._processed += 1
            self._people, self._processed_at = people, now
            if math.isfinite(latency_s):
                self._latencies[self._measured % _LATENCIES] = max(0.0, latency_s)
                self._measured += 1

    def dropped(self, count: int = 1, now: float | None = None) -> None:
        """``count`` frames were thrown away to stay fresh, beside those that ``Health.lost`` tells of."""
        now = time.monotonic() if now is None else now
        with self._lock:
            self._dropped += count
            self._rates["dropped"].add(count, now=now)

    def skipped(self, count: int = 1, now: float | None = None) -> None:
        """``count`` frames were damaged and could not be decoded."""
        now = time.monotonic() if now is None else now
        with self._lock:
            self._skipped += count
            self._rates["skipped"].add(count, now=now)

    def late(self, count: int = 1) -> None:
        """``count`` of the processed frames came out after the promised latency."""
        with self._lock:
            self._late += count

    def report(self, health: HealthLike, now: float | None = None) -> SourceReport:
        """All of it as of ``now``.

        Rates of what ``health`` counts are as fine as the looks are frequent, and never finer than a quarter second.
        """
        now = time.monotonic() if now is None else now
        with self._lock:
            self._take(health, now)
            rates = {kind: rate.at(now) for kind, rate in self._rates.items()}
            counts = (self._processed, self._dropped + health.lost, self._skipped, self._late)
            people = self._people if now - self._processed_at <= WINDOW_S else 0
            latencies = self._latencies[: self._measured].copy()
        p50, p95, p99 = _percentiles_ms(latencies)
        return SourceReport(
            source=self.source,
            state=health.state,
            camera_fps=rates["camera"],
            processed_fps=rates["processed"],
            dropped_fps=rates["dropped"],
            skipped_fps=rates["skipped"],
            camera_frames=health.came,
            processed_frames=counts[0],
            dropped_frames=counts[1],
            skipped_frames=counts[2],
            late_frames=counts[3],
            reconnects=health.reconnects,
            frame_age_s=None if health.last_frame_at is None else max(0.0, now - health.last_frame_at),
            latency_p50_ms=p50,
            latency_p95_ms=p95,
            latency_p99_ms=p99,
            people=people,
            error=health.error,
        )

    def _take(self, health: HealthLike, now: float) -> None:
        """Frames that came since the last look did so before the last one of them, evenly for all that is known."""
        came, lost = max(0, health.came - self._came), max(0, health.lost - self._lost)
        until = now if health.last_frame_at is None else min(now, health.last_frame_at)
        since = min(until, self._looked_at)
        if came:
            self._rates["camera"].spread(came, since=since, now=until)
        if lost:
            self._rates["dropped"].spread(lost, since=since, now=until)
        self._came, self._lost = max(self._came, health.came), max(self._lost, health.lost)
        self._looked_at = max(now, self._looked_at)


def _percentiles_ms(seconds: npt.NDArray[np.float64]) -> tuple[float | None, float | None, float | None]:
    if not len(seconds):
        return None, None, None
    p50, p95, p99 = (float(value) for value in np.percentile(seconds, (50, 95, 99)) * 1e3)
    return p50, p95, p99
