"""What only the owner of a process may set, so the library does not."""

from __future__ import annotations


def settle() -> None:
    """Keep OpenCV on one thread: on crops its others gain nothing and cost CPU."""
    import cv2

    cv2.setNumThreads(1)
