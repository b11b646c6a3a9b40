"""How long to wait before the next try to reach a server that has gone."""

from __future__ import annotations

import random
from collections import deque

_GROWTH, _JITTER = 1.6, 0.2
_TRIES, _WINDOW_S = 80, 60.0
_REFUSED_S = 10.0  # cameras lock out whoever shows a wrong password often


class Backoff:
    """Pauses of 0, then ``first_s`` × 1.6 each up to ``most_s``, all ± 20 % so that many do not come at once.

    They lie between the beginnings of tries: one that hung for longer than its pause is followed by the next at once.

    There are never more than 80 tries in any 60 s. A steady ``most_s`` of 0.75 or more stays below that, and should:
    whoever reaches the limit waits until the oldest try is a minute ago, and a server that is back waits as long.

    >>> backoff = Backoff(first_s=0.25, most_s=0.9)
    >>> backoff(now=0.0), 0.2 <= backoff(now=0.0) <= 0.3, backoff(now=9.0)
    (0.0, True, 0.0)
    """

    def __init__(self, *, first_s: float, most_s: float, seed: int | None = None) -> None:
        self._first_s, self._most_s = first_s, most_s
        self._random = random.Random(seed)  # noqa: S311 - spreads tries, protects nothing
        self._failed, self._least_s = 0, 0.0
        self._tries: deque[float] = deque(maxlen=_TRIES)

    def __call__(self, now: float) -> float:
        """Seconds to wait from ``now`` (monotonic); a try is made then."""
        wait_s = 0.0
        if self._failed:
            grown = self._first_s * _GROWTH ** min(self._failed - 1, 50)
            pause_s = min(grown, self._most_s) * self._random.uniform(1 - _JITTER, 1 + _JITTER)
            wait_s = max(0.0, self._tries[-1] + pause_s - now)
        wait_s, self._least_s = max(wait_s, self._least_s), 0.0
        if len(self._tries) == _TRIES:
            wait_s = max(wait_s, self._tries[0] + _WINDOW_S - now)
        self._failed += 1
        self._tries.append(now + wait_s)
        return wait_s

    @property
    def failed(self) -> int:
        """Tries since the last one that was good."""
        return self._failed

    def refused(self) -> None:
        """The last try was answered, by a no: the next one waits for 10 s at least."""
        self._least_s = _REFUSED_S

    def good(self) -> None:
        """The last try has led to pictures that keep coming."""
        self._failed = 0
