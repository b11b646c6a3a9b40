"""Exit codes, and the signal that asks for an orderly end.

0 done; 1 the run failed; 2 the command line or a setting is wrong; 130 ended by Ctrl-C; 143 by SIGTERM.
"""

from __future__ import annotations

import signal
from types import FrameType

FAILED, USAGE, INTERRUPTED, TERMINATED = 1, 2, 130, 143

_signals: list[int] = []


def listen() -> None:
    """Treat SIGTERM as Ctrl-C: what was done is saved."""
    _signals.clear()
    signal.signal(signal.SIGTERM, _interrupt)


def code_of(*, interrupted: bool) -> int:
    """The exit code of a run that went to its end, or that the user or a SIGTERM ended early."""
    if not interrupted:
        return 0
    return TERMINATED if _signals else INTERRUPTED


def _interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of a signal handler
    _signals.append(number)
    raise KeyboardInterrupt
