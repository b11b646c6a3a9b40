"""What only the owner of a process may set, so the library does not: memory and threads of the C libraries."""

from __future__ import annotations

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # glibc's malloc.h
_KEPT_BYTES, _LARGEST_BYTES = 512 << 20, 32 << 20  # the largest that glibc takes for the second is 32 MiB


def settle() -> None:
    """Keep frames' memory for the next frame, and OpenCV on one thread.

    Unasked, glibc hands every decoded picture's memory back and gets it again as pages to be zeroed, which costs more
    than converting the picture; OpenCV's own threads gain nothing on crops and cost CPU.
    """
    import cv2

    cv2.setNumThreads(1)
    if sys.platform.startswith("linux"):
        libc = ctypes.CDLL(None)
        if hasattr(libc, "mallopt"):
            libc.mallopt(_MMAP_THRESHOLD, _LARGEST_BYTES)
            libc.mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)
