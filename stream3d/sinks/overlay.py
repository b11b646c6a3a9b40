"""The overlay video: the source's picture with the skeletons drawn on it and a 3D view in the corner."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from stream3d.sinks.base import Meta, OverlaySettings, RunInfo
from stream3d.sinks.draw import Pen, draw_clock, draw_skeleton, draw_tag
from stream3d.sinks.encoder import VideoFile, even_size
from stream3d.sinks.inset import Inset
from stream3d.sinks.people import People, people_of
from stream3d.values import Float32, Result, UInt8


class Painter:
    """Draws results at one size; a picture of another shape is fitted into it with black borders."""

    def __init__(self, size: tuple[int, int], info: RunInfo, settings: OverlaySettings) -> None:
        self._info, self._settings = info, settings
        self._canvas = np.zeros((size[1], size[0], 3), np.uint8)  # kept: a fresh one costs more than the drawing
        self._pen = Pen.for_height(min(size[1], round(size[0] * 0.75)))
        self._inset = Inset(info.joint_layout) if settings.inset else None

    def __call__(self, result: Result) -> UInt8:
        """The finished picture, uint8 [H, W, 3] RGB, until the next call; the frame's own is not touched."""
        people = people_of(result, self._info)
        canvas = self._canvas
        scale, shift = fit_into(canvas, result.frame.image)
        self._draw_people(canvas, people, scale * people.keypoints[..., :2] + shift)
        if self._inset is not None:
            self._inset.draw(canvas, people, result.frame.pts)
        draw_clock(canvas, result.frame.pts, result.frame.index, pen=self._pen)
        return canvas

    def _draw_people(self, canvas: UInt8, people: People, pixels: Float32) -> None:
        points = np.concatenate([pixels, people.keypoints[..., 2:]], -1).astype(np.float32)
        pen, score = self._pen, self._settings.min_score
        for i in range(len(points)):
            draw_skeleton(canvas, points[i], self._info.keypoint_layout, pen=pen, min_score=score)
        for i, person in enumerate(people.person.tolist()):
            draw_tag(canvas, points[i], person, pen=pen, min_score=score)


class OverlaySink:
    """``.mp4``: see `Painter` for the picture and `VideoFile` for the file; its time begins at the first frame's.

    Raises:
        SinkError: the file cannot be opened.
    """

    def __init__(self, path: Path, info: RunInfo, settings: OverlaySettings) -> None:
        size = even_size(info.width, info.height, settings.max_side)
        self._paint = Painter(size, info, settings)
        self._video = VideoFile(path, size, info.fps, settings)

    def write(self, result: Result) -> None:
        """Draw and encode one frame."""
        self._video.write(self._paint(result), result.frame.pts)

    def close(self, meta: Meta) -> None:  # noqa: ARG002 (a video has no place for it)
        """Finish the video."""
        self._video.close()


def fit_into(canvas: UInt8, image: UInt8) -> tuple[Float32, Float32]:
    """Fill the canvas with the image; returns the scale [2] and shift [2] that its pixels went through.

    An image of nearly the canvas's shape is stretched by less than 2 %; any other gets black borders.
    """
    (height, width), (high, wide) = image.shape[:2], canvas.shape[:2]
    scale = np.array([wide / width, high / height])
    if scale.max() > 1.02 * scale.min():
        scale[:] = scale.min()
    w, h = max(1, round(width * scale[0])), max(1, round(height * scale[1]))
    x, y = (wide - w) // 2, (high - h) // 2
    if (w, h) != (wide, high):
        canvas[:] = 0
    place = canvas[y : y + h, x : x + w]
    if (w, h) == (width, height):
        np.copyto(place, image)
    else:
        cv2.resize(image, (w, h), dst=place, interpolation=cv2.INTER_AREA if scale.max() < 0.5 else cv2.INTER_LINEAR)
    return np.array([w / width, h / height], np.float32), np.array([x, y], np.float32)
