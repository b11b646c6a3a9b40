"""Frames of a video file as RGB arrays, by the two readers that people use from Python.

Runs in the peer's environment too: any Python from 3.9 on, with only the chosen reader installed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

READERS: dict[str, Callable[[str, bool], Iterator[Any]]] = {}
"""name → (file, whether to convert to RGB) → frames."""


def _by_cv2(file: str, rgb: bool) -> Iterator[Any]:
    """OpenCV: BGR without conversion, since it has no cheaper form."""
    import cv2

    capture = cv2.VideoCapture(file)
    while True:
        ok, image = capture.read()
        if not ok:
            return
        yield cv2.cvtColor(image, cv2.COLOR_BGR2RGB) if rgb else image


def _by_av(file: str, rgb: bool) -> Iterator[Any]:
    """PyAV on one thread, which costs the least CPU; without conversion the decoder's own planes."""
    import av

    with av.open(file) as container:
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        stream.codec_context.thread_count = 1
        for frame in container.decode(stream):
            yield frame.to_ndarray(format="rgb24") if rgb else frame


def _by_stream3d(file: str, rgb: bool) -> Iterator[Any]:
    """stream3d's own source; it always converts."""
    from stream3d.source import open_source

    if not rgb:
        raise SystemExit("stream3d's source always converts to RGB")
    with open_source(file) as source:
        yield from source


READERS.update({"cv2": _by_cv2, "av": _by_av, "stream3d": _by_stream3d})
