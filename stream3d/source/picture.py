"""From FFmpeg's frames to upright RGB arrays."""

from __future__ import annotations

import struct
from functools import cache, partial
from threading import Lock
from typing import Any

import numpy as np
from av.sidedata.sidedata import Type
from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace, VideoReformatter

from stream3d.planes import Int32, LazyPicture, Planes, coefficients
from stream3d.source.exif import Matrix
from stream3d.values import UInt8

_UNSPECIFIED = 2  # AVCOL_SPC_UNSPECIFIED
_SD_HEIGHT, _SD_WIDTH = 576, 1279
_BT709, _BT601 = 1, 6  # AVCOL_SPC_BT709, AVCOL_SPC_SMPTE170M
_FULL = 2  # AVCOL_RANGE_JPEG
# of red and blue in brightness, by AVColorSpace; 5 is AVCOL_SPC_BT470BG
_SHARES = {_BT709: (0.2126, 0.0722), 5: (0.299, 0.114), _BT601: (0.299, 0.114)}


class PictureConverter:
    """Converts frames to uint8 [H, W, 3] RGB, upright, C-contiguous.

    Colour matrix and range are the stream's own; where it names no matrix, pictures larger than standard definition are
    BT.709 and others BT.601, as players do it. Chroma is taken from the nearest sample, without interpolation.
    """

    def __init__(self) -> None:
        # One context for the stream's life, since its set-up costs more than a frame; one thread, since handing slices
        # to others costs more CPU than it saves at 0.65 ms for a 1080p frame.
        self._reformatter = VideoReformatter()
        self._lock = Lock()  # pictures may be converted by several threads, long after they were decoded
        # Looking at a frame's side data ties it into a reference cycle that keeps its picture alive until the garbage
        # collector runs, so it is done once for each rotation that turns up.
        self._matrices: dict[int, Matrix | None] = {}

    def __call__(self, frame: VideoFrame) -> UInt8:
        """The picture of ``frame``, turned as its display matrix says."""
        return turn_upright(self.rgb(frame), self._matrix(frame))

    def later(self, frame: VideoFrame) -> UInt8 | LazyPicture:
        """The same, but where its planes can be used as they are it is converted only when it is asked for."""
        planes = planes_of(frame)
        matrix = self._matrix(frame)
        if planes is None:
            return self(frame)
        if matrix is not None:
            turned = (turn_upright(plane, matrix) for plane in (planes.y, planes.u, planes.v))
            planes = Planes(y=next(turned), u=next(turned), v=next(turned), coefficients=planes.coefficients)
        return LazyPicture(planes, partial(self, frame))

    def _matrix(self, frame: VideoFrame) -> Matrix | None:
        rotation = frame.rotation
        if rotation not in self._matrices:
            self._matrices[rotation] = display_matrix(frame)
        return self._matrices[rotation]

    def rgb(self, frame: VideoFrame) -> UInt8:
        """The picture of ``frame`` as it is stored."""
        with self._lock:
            return self._rgb(frame)

    def _rgb(self, frame: VideoFrame) -> UInt8:
        rgb = self._reformatter.reformat(frame, format="rgb24", src_colorspace=_colour_matrix(frame), threads=1)
        return np.asarray(rgb.to_ndarray(), np.uint8)


def _colour_matrix(frame: VideoFrame) -> Colorspace | None:
    if frame.colorspace != _UNSPECIFIED or frame.format.is_rgb or frame.format.name.startswith("yuvj"):
        return None
    return Colorspace.ITU709 if _large(frame) else Colorspace.ITU601


def _large(frame: VideoFrame) -> bool:
    return frame.height > _SD_HEIGHT or frame.width > _SD_WIDTH


def planes_of(frame: VideoFrame) -> Planes | None:
    """The planes of ``frame`` as it is stored, uncopied; None where its format, colours or size are unusual.

    What was decoded in hardware comes as NV12, whose colours lie in one plane and are copied apart. Of odd sizes FFmpeg
    rounds colours otherwise, and a mirrored picture has its chroma half a sample off.
    """
    name, shares = frame.format.name, _SHARES.get(frame.colorspace)
    full = name == "yuvj420p" or frame.color_range == _FULL
    if frame.colorspace == _UNSPECIFIED:
        shares = _SHARES[_BT709 if _large(frame) and name != "yuvj420p" else _BT601]
    if (
        name not in ("yuv420p", "yuvj420p", "nv12")
        or shares is None
        or frame.interlaced_frame
        or frame.width % 2
        or frame.height % 2
    ):
        return None
    if any(plane.line_size < plane.width for plane in frame.planes):  # upside down
        return None
    y, *colours = (
        np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[: plane.height]
        for plane in frame.planes
    )
    wide = frame.width // 2
    pairs = [plane[:, :wide] for plane in colours] if name != "nv12" else _pairs_apart(colours[0], wide)
    return Planes(y=y[:, : frame.width], u=pairs[0], v=pairs[1], coefficients=_gains(*shares, full))


def _pairs_apart(both: UInt8, wide: int) -> list[UInt8]:
    """Colours u and v of NV12's plane of pairs."""
    return [np.ascontiguousarray(both[:, k : 2 * wide : 2]) for k in (0, 1)]


@cache
def _gains(red: float, blue: float, full: bool) -> Int32:
    return coefficients(red, blue, full=full)


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
