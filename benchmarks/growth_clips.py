"""Clips that grow: more people, more pixels. Made of the built-in sample, so that no data is needed."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.crowds import FPS, pictures
from stream3d.source import open_source

UInt8 = npt.NDArray[np.uint8]

_TALL, _ROW = 215, 6  # pixels, and people in a row: eighteen of them fit


def crowd(path: Path, people: int, frames: int) -> Path:
    """1280x720 with up to 18 people, none before another."""
    return _written(path, (frame.image for frame in pictures(people, frames, tall=_TALL, row=_ROW)))


def scaled(path: Path, height: int, frames: int) -> Path:
    """The sample's person, in pictures of 16:9 and of a height in pixels; forwards and backwards as long as wanted."""
    with open_source("sample") as source:
        images = [frame.image for frame in source]
    order = [*range(len(images)), *range(len(images) - 2, 0, -1)]
    return _written(path, (_widened(images[order[k % len(order)]], height) for k in range(frames)))


def _widened(image: UInt8, height: int) -> UInt8:
    wide = height * 16 // 9 // 2 * 2
    inside = cv2.resize(image, (round(height * image.shape[1] / image.shape[0]), height))
    left = (wide - inside.shape[1]) // 2
    border = cv2.copyMakeBorder(inside, 0, 0, left, wide - inside.shape[1] - left, cv2.BORDER_REPLICATE)
    return np.asarray(border, np.uint8)


def _written(path: Path, images: Iterable[UInt8]) -> Path:
    with av.open(path, "w") as container:
        stream = None
        for image in images:
            if stream is None:
                stream = container.add_stream("libx264", rate=Fraction(round(FPS)))
                stream.width, stream.height, stream.pix_fmt = image.shape[1], image.shape[0], "yuv420p"
                stream.options = {"preset": "veryfast", "crf": "23"}
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        if stream is not None:
            container.mux(stream.encode())
    return path
