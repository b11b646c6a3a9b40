"""How a source is doing, told by whoever reads it, to be looked at from any thread."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Literal

State = Literal["connecting", "live", "stalled", "reconnecting", "failed", "ended"]
STATES: tuple[State, ...] = ("connecting", "live", "stalled", "reconnecting", "failed", "ended")


@dataclass(frozen=True, kw_only=True, slots=True)
class Health:
    """What was so at one moment.

    ``state`` and ``since`` (monotonic seconds) when it began; ``came`` frames that left the decoder, ``lost`` those of
    them that were overwritten before anybody took them; ``reconnects`` that led to pictures again; ``last_frame_at``
    (monotonic seconds) when the last one came, None before the first; ``error`` why it is not live, without passwords.
    """

    state: State
    since: float
    came: int = 0
    lost: int = 0
    reconnects: int = 0
    last_frame_at: float | None = None
    error: str = ""


class HealthRecord:
    """Kept by the one thread that reads a source; ``now()`` may be asked from any other.

    >>> record = HealthRecord()
    >>> record.frame(captured_at=1.0)
    >>> record.now().state, record.now().came
    ('live', 1)
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._state: State = "connecting"
        self._since = time.monotonic()
        self._came = self._lost = self._reconnects = 0
        self._last_frame_at: float | None = None
        self._error = ""

    def now(self) -> Health:
        """All of it as it is."""
        with self._lock:
            return Health(
                state=self._state,
                since=self._since,
                came=self._came,
                lost=self._lost,
                reconnects=self._reconnects,
                last_frame_at=self._last_frame_at,
                error=self._error,
            )

    def frame(self, *, captured_at: float, lost: int = 0) -> None:
        """A picture came, and before it ``lost`` others that nobody could take; it is live."""
        with self._lock:
            if self._state in ("stalled", "reconnecting"):
                self._reconnects += 1
            self._enter("live", "")
            self._came += 1 + lost
            self._lost += lost
            self._last_frame_at = captured_at

    def becomes(self, state: State, error: str = "") -> None:
        """Enter ``state``, because of ``error``."""
        with self._lock:
            self._enter(state, error)

    def _enter(self, state: State, error: str) -> None:
        if state != self._state:
            self._state, self._since = state, time.monotonic()
        self._error = error
