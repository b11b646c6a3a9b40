"""Media time from time stamps, which may be missing, doubled, jump, wrap or stand still."""

from __future__ import annotations

from stream3d.source.arrival import Arrival

# A step back larger than this is a time line that starts anew (a looped or joined stream), not a slip of one stamp.
_RESTART_S = 1.0
# Stamps that leave the time that really passed by more than this are not believed.
_BELIEVED_S = 2.0
_TICK_S = 1e-4
# Where the counters of MPEG-TS (33 bits at 90 kHz), RTP (32 bits at 90 kHz) and RTMP (32 bits in ms) begin anew.
_WRAPS_S = (2**33 / 90_000, 2**32 / 90_000, 2**32 / 1000)


class MediaClock:
    """Turns raw time stamps into strictly increasing seconds since ``origin_s``.

    Good stamps pass through untouched, so variable rates stay as they are. A missing stamp is one period after the
    last; one that does not increase is half a period after it, so that the next good one still follows; after a jump
    back of more than a second the time line goes on from where it was.

    Of a live source the clock is also told when each picture was ``captured_at``, in seconds of the monotonic clock,
    and then stamps are held against the time that passed. A jump away from it by more than 2 s, a counter that wrapped,
    a clock that was set back: the time line goes on by the time that passed. Where no stamps come, or the same again
    and again, they are replaced by it. Pictures that are late (a stalled network) or early (a playlist's segment at
    once) keep their stamps, unless the lag stays for 2 s; see ``Arrival`` for clocks that run slow or fast.

    >>> clock = MediaClock(origin_s=10.0, period_s=0.04)
    >>> [round(clock(raw), 3) for raw in (10.0, 10.04, None, 10.05, 10.2)], clock.repaired
    ([0.0, 0.04, 0.08, 0.1, 0.2], 2)
    """

    def __init__(self, *, origin_s: float, period_s: float) -> None:
        self._origin_s = origin_s
        self._period_s = period_s
        self._last_s: float | None = None
        self._last_raw_s: float | None = None
        self._odd = 0  # stamps in a row that could not be used
        self._arrival: Arrival | None = None
        self.repaired = 0

    def __call__(self, raw_s: float | None, captured_at: float | None = None) -> float:
        """Media time in seconds of a picture stamped ``raw_s``, of a live source also ``captured_at``."""
        if captured_at is None:
            time_s = self._repair(raw_s)
        elif self._last_s is None or self._arrival is None:
            time_s = self._repair(raw_s)
            self._arrival = Arrival(captured_at=captured_at, time_s=time_s)
        else:
            time_s = self._live(raw_s, self._last_s, self._arrival, captured_at)
        self._last_s = time_s
        self._last_raw_s = raw_s if raw_s is not None else self._last_raw_s
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

    def _live(self, raw_s: float | None, last_s: float, arrival: Arrival, captured_at: float) -> float:
        passed_s = arrival.passed(captured_at)
        if raw_s is not None:
            if self._last_raw_s is None:  # the first stamp of all, after pictures without
                self._last_raw_s = raw_s - passed_s
                self._origin_s = self._last_raw_s - last_s
            step_s = raw_s - self._last_raw_s
            self._origin_s += arrival.slew(step_s)
            self._unwrap(raw_s, last_s + passed_s)
            time_s = raw_s - self._origin_s
            if time_s > last_s and not arrival.astray(time_s, step_s - passed_s, limit_s=_BELIEVED_S):
                self._odd = 0
                arrival.came(time_s)
                return time_s
        self.repaired += 1
        self._odd += 1
        time_s = self._replaced(raw_s, last_s, passed_s, arrival)
        return max(time_s, last_s + _TICK_S)

    def _unwrap(self, raw_s: float, expected_s: float) -> None:
        for wrap_s in _WRAPS_S:
            if abs(raw_s - self._origin_s + wrap_s - expected_s) < _BELIEVED_S:
                self._origin_s -= wrap_s
                self.repaired += 1
                return

    def _replaced(self, raw_s: float | None, last_s: float, passed_s: float, arrival: Arrival) -> float:
        """The time of a picture whose stamp cannot be used; where the stamps go on, they are counted from there."""
        here_s = arrival.near(last_s + passed_s, limit_s=_BELIEVED_S)
        if raw_s is None:
            return last_s + self._period_s if self._odd == 1 else here_s
        back_s = last_s - (raw_s - self._origin_s)
        slip = 0 <= back_s <= _RESTART_S
        if slip and self._odd == 1:
            return last_s + self._period_s / 2
        if not slip or (self._last_raw_s is not None and raw_s > self._last_raw_s):
            here_s = max(here_s, last_s + _TICK_S)
            self._origin_s = raw_s - here_s
            arrival.anew()
        return here_s
