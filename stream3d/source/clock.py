"""Media time from the time stamps of a container, which may be missing, doubled or jump back."""

from __future__ import annotations

# A step back larger than this is a time line that starts anew (a looped or joined stream), not a slip of one stamp.
_RESTART_S = 1.0


class MediaClock:
    """Turns raw time stamps into strictly increasing seconds since ``origin_s``.

    Good stamps pass through untouched, so variable rates stay as they are. A missing stamp is one period after the
    last; one that does not increase is half a period after it, so that the next good one still follows; after a jump
    back of more than a second the time line goes on from where it was.

    >>> clock = MediaClock(origin_s=10.0, period_s=0.04)
    >>> [round(clock(raw), 3) for raw in (10.0, 10.04, None, 10.05, 10.2)], clock.repaired
    ([0.0, 0.04, 0.08, 0.1, 0.2], 2)
    """

    def __init__(self, *, origin_s: float, period_s: float) -> None:
        self._origin_s = origin_s
        self._period_s = period_s
        self._last_s: float | None = None
        self.repaired = 0

    def __call__(self, raw_s: float | None) -> float:
        """Media time in seconds of a picture stamped ``raw_s``."""
        time_s = self._repair(raw_s)
        self._last_s = time_s
        return time_s

    def _repair(self, raw_s: float | None) -> float:
        last_s = self._last_s
        if raw_s is not None:
            time_s = raw_s - self._origin_s
            if last_s is None or time_s > last_s:
                return time_s
        self.repaired += 1
        if last_s is None:
            return 0.0
        if raw_s is None:
            return last_s + self._period_s
        if last_s - time_s > _RESTART_S:
            self._origin_s = raw_s - last_s - self._period_s
            return last_s + self._period_s
        return last_s + self._period_s / 2
