"""From FFmpeg's frames to upright RGB arrays."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from av.sidedata.sidedata import Type
from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace, VideoReformatter

from stream3d.source.exif import Matrix
from stream3d.values import UInt8

_UNSPECIFIED = 2  # AVCOL_SPC_UNSPECIFIED
_SD_HEIGHT, _SD_WIDTH = 576, 1279


class PictureConverter:
    """Converts frames to uint8 [H, W, 3] RGB, upright, C-contiguous.

    Colour matrix and range are the stream's own; where it names no matrix, pictures larger than standard definition are
    BT.709 and others BT.601, as players do it. Chroma is taken from the nearest sample, without interpolation.
    """

    def __init__(self) -> None:
        # One context for the stream's life, since its set-up costs more than a frame; one thread, since handing slices
        # to others costs more CPU than it saves at 0.65 ms for a 1080p frame.
        self._reformatter = VideoReformatter()
        # Looking at a frame's side data ties it into a reference cycle that keeps its picture alive until the garbage
        # collector runs, so it is done once for each rotation that turns up.
        self._matrices: dict[int, Matrix | None] = {}

    def __call__(self, frame: VideoFrame) -> UInt8:
        """The picture of ``frame``, turned as its display matrix says."""
        rotation = frame.rotation
        if rotation not in self._matrices:
            self._matrices[rotation] = display_matrix(frame)
        return turn_upright(self.rgb(frame), self._matrices[rotation])

    def rgb(self, frame: VideoFrame) -> UInt8:
        """The picture of ``frame`` as it is stored."""
        rgb = self._reformatter.reformat(frame, format="rgb24", src_colorspace=_colour_matrix(frame), threads=1)
        return np.asarray(rgb.to_ndarray(), np.uint8)


def _colour_matrix(frame: VideoFrame) -> Colorspace | None:
    if frame.colorspace != _UNSPECIFIED or frame.format.is_rgb or frame.format.name.startswith("yuvj"):
        return None
    large = frame.height > _SD_HEIGHT or frame.width > _SD_WIDTH
    return Colorspace.ITU709 if large else Colorspace.ITU601


def display_matrix(frame: VideoFrame) -> Matrix | None:
    """The a, b, c, d of the 3 × 3 display matrix of ``frame`` (FFmpeg's libavutil/display.h), None where it has none.

    A source pixel (x, y) is shown at (a x + c y, b x + d y), up to a shift; 1.0 is 65536.
    """
    try:
        side_data: Any = frame.side_data
        data = side_data.get(Type.DISPLAYMATRIX)
    except ValueError:  # PyAV up to 18 fails on kinds of side data newer than itself
        return _quarter_turn(frame.rotation)
    if data is None:
        return None
    a, b, _, c, d = struct.unpack_from("=5i", bytes(data))
    return a, b, c, d


def _quarter_turn(degrees: int) -> Matrix | None:
    """The matrix of a counterclockwise rotation, to the nearest quarter turn."""
    cos, sin = ((1, 0), (0, 1), (-1, 0), (0, -1))[round(degrees / 90) % 4]
    return None if cos == 1 else (cos, -sin, sin, cos)


def turn_upright(image: UInt8, matrix: Matrix | None) -> UInt8:
    """Apply the nearest of the eight quarter turns and mirrorings to ``image`` [H, W, 3]; the result is contiguous.

    >>> turn_upright(np.arange(6, dtype=np.uint8).reshape(1, 2, 3), (0, 1, -1, 0))[:, 0, 0].tolist()
    [0, 3]
    """
    if matrix is None:
        return np.ascontiguousarray(image)
    a, b, c, d = matrix
    swapped = abs(b) + abs(c) > abs(a) + abs(d)
    right, down = (c, b) if swapped else (a, d)
    if not swapped and right >= 0 and down >= 0:
        return np.ascontiguousarray(image)
    import cv2  # four times faster at this than numpy's strided copy

    turned = cv2.transpose(image) if swapped else image
    if right < 0 or down < 0:
        turned = cv2.flip(turned, -1 if right < 0 and down < 0 else int(right < 0))
    return np.ascontiguousarray(turned, dtype=np.uint8)
