"""What a process that decodes a stranger's stream gives up before it opens anything."""

from __future__ import annotations

import contextlib
import sys

_PR_SET_NO_NEW_PRIVS = 38  # linux/prctl.h


def confine() -> None:
    """Give up, for good: gaining rights through programs that lend them (sudo, ping), and dumps of memory.

    Linux only; elsewhere, and where the system forbids it, nothing happens. It is no sandbox: files and the network
    stay open to it.
    """
    if not sys.platform.startswith("linux"):
        return
    import ctypes
    import resource

    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a dump would hold passwords and pictures
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
