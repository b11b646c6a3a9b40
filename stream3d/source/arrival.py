"""When pictures should come by the monotonic clock, beside when their stamps say."""

from __future__ import annotations

import math

_WINDOW_S = 10.0
_BURST_S = 2.0  # what comes at the very beginning was waiting for us and tells nothing
_SETTLING_S = 30.0  # more than two segments of most playlists
_DRIFT_S = 0.5  # a camera's clock this far off, throughout a window, is turned back into line
_MENDED_S = 0.1
_GENTLE = 0.005  # by this share of each step: less than any filter or eye notices
_FIRM = 0.5  # where it is further off than stamps are believed
_FIRM_S = 2.0


class Arrival:
    """Holds time stamps of one live source against the time that passed since its first picture.

    The lead of a picture is how much later its stamp is than the time that passed. It varies with every delay on the
    way, and by whole segments where they come at once; so nothing follows from one lead alone. The least lead of the
    first half minute is where the source stands. Later on, a clock whose lead was above 0.5 s throughout 10 s runs
    fast, one below −0.5 s slow, and its steps are made 0.5 % shorter or longer until that is mended.
    """

    def __init__(self, *, captured_at: float, time_s: float) -> None:
        self._base_s = captured_at - time_s
        self._now = captured_at
        self._settled = False
        self._late_since: float | None = None
        self._rate = 0.0
        self._begins, self._ends = captured_at + _BURST_S, captured_at + _SETTLING_S
        self._least_s, self._most_s = math.inf, -math.inf

    def passed(self, captured_at: float) -> float:
        """Seconds since the picture before, which is asked once for every picture."""
        before, self._now = self._now, max(self._now, captured_at)
        return self._now - before

    def slew(self, step_s: float) -> float:
        """How much to take off a step of the stamps."""
        return self._rate * min(max(step_s, 0.0), 1.0)

    def near(self, time_s: float, *, limit_s: float) -> float:
        """``time_s`` unless it is further from the time that passed than ``limit_s``, else the time that passed."""
        due_s = self._now - self._base_s
        return time_s if abs(time_s - due_s) <= limit_s else due_s

    def astray(self, time_s: float, excess_s: float, *, limit_s: float) -> bool:
        """Whether a stamp has left the time that passed: in one step of ``excess_s`` more than passed, or for long."""
        lead_s = time_s - (self._now - self._base_s)
        if lead_s >= -limit_s:
            self._late_since = None
            return lead_s > limit_s and excess_s > limit_s
        if self._late_since is None:
            self._late_since = self._now
        return self._now - self._late_since > limit_s

    def came(self, time_s: float) -> None:
        """A picture was given ``time_s`` by its stamp."""
        lead_s = time_s - (self._now - self._base_s)
        if self._now < self._begins:
            return
        self._least_s, self._most_s = min(self._least_s, lead_s), max(self._most_s, lead_s)
        if self._rate == _FIRM and lead_s < _DRIFT_S:
            self._rate = 0.0
        if self._now >= self._ends:
            self._judge()
            self._least_s, self._most_s, self._ends = math.inf, -math.inf, self._now + _WINDOW_S

    def anew(self) -> None:
        """The stamps begin a new time line; what was seen of the old one does not count."""
        self._late_since = None
        self._rate = 0.0
        self._least_s, self._most_s = math.inf, -math.inf

    def _judge(self) -> None:
        if not self._settled:
            self._settled = True
            self._base_s -= max(self._least_s, 0.0)
        elif self._least_s > (_MENDED_S if self._rate > 0 else _DRIFT_S):
            self._rate = _FIRM if self._least_s > _FIRM_S else _GENTLE
        elif self._most_s < -(_MENDED_S if self._rate < 0 else _DRIFT_S):
            self._rate = -_GENTLE
        else:
            self._rate = 0.0
