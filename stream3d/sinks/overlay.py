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
        self._size, self._info, self._settings = size, info, settings
        self._pen = Pen.for_height(min(size[1], round(size[0] * 0.75)))
        self._inset = Inset(info.joint_layout) if settings.inset else None

    def __call__(self, result: Result) -> UInt8:
        """The finished picture, uint8 [H, W, 3] RGB; the frame's own is not touched."""
        people = people_of(result, self._info)
        canvas, scale, shift = fitted(result.frame.image, self._size)
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


def fitted(image: UInt8, size: tuple[int, int]) -> tuple[UInt8, Float32, Float32]:
    """A copy of the image fitted into (width, height), and the scale [2] and shift [2] that its pixels went through.

    An image of nearly the wanted shape is stretched by less than 2 %; any other gets black borders.
    """
    height, width = image.shape[:2]
    scale = np.array([size[0] / width, size[1] / height], np.float32)
    if scale.max() > 1.02 * scale.min():
        scale[:] = scale.min()
    inner = [max(1, round(side * float(s))) for side, s in zip((width, height), scale, strict=True)]
    scale = np.array([inner[0] / width, inner[1] / height], np.float32)
    if (width, height) == size:
        return image.copy(), scale, np.zeros(2, np.float32)
    how = cv2.INTER_AREA if scale.max() < 0.5 else cv2.INTER_LINEAR
    small = cv2.resize(image, inner, interpolation=how)
    if tuple(inner) == size:
        return np.asarray(small, np.uint8), scale, np.zeros(2, np.float32)
    x, y = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
    canvas = np.zeros((size[1], size[0], 3), np.uint8)
    canvas[y : y + inner[1], x : x + inner[0]] = small
    return canvas, scale, np.array([x, y], np.float32)
