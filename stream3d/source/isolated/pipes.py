"""Waiting for a pipe with a time limit, on each system."""

from __future__ import annotations

import select
import sys
import time

_POLL_S = 0.005


def readable(descriptor: int, timeout_s: float) -> bool:
    """Whether a read from a pipe would answer within ``timeout_s``, with bytes or with its end."""
    if sys.platform == "win32":
        return _peeked(descriptor, timeout_s)
    return bool(select.select((descriptor,), (), (), max(0.0, timeout_s))[0])


def _peeked(descriptor: int, timeout_s: float) -> bool:
    """The same on Windows, where pipes can only be looked into now and then; written by the manual, has not run."""
    import ctypes
    import msvcrt

    get_handle, kernel = getattr(msvcrt, "get_osfhandle"), getattr(ctypes, "windll").kernel32  # noqa: B009
    kernel.PeekNamedPipe.argtypes = [ctypes.c_void_p] * 6
    handle, waiting, deadline = get_handle(descriptor), ctypes.c_ulong(0), time.monotonic() + timeout_s
    while True:
        known = kernel.PeekNamedPipe(handle, None, None, None, ctypes.addressof(waiting), None)
        if not known or waiting.value:
            return True
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL_S)
