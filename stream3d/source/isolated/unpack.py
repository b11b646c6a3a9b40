"""Pictures out of the bytes that travelled, with the colours that they would have had without travelling."""

from __future__ import annotations

import av
import numpy as np

from stream3d.planes import Int32, LazyPicture, Planes, coefficients
from stream3d.source.isolated.wire import Header
from stream3d.source.picture import PictureConverter
from stream3d.values import UInt8

_MATRICES = {1: (0.2126, 0.0722), 6: (0.299, 0.114)}  # AVColorSpace: BT.709, and SMPTE 170M, which is BT.601
_RANGES = {1: False, 2: True}  # AVColorRange: 16..235, and 0..255
# FFmpeg's names of what coefficients stand for
_COLOURS = {
    coefficients(*shares, full=full).tobytes(): (matrix, reach)
    for matrix, shares in _MATRICES.items()
    for reach, full in _RANGES.items()
}


class Unpacker:
    """Makes pictures of the bytes of one source."""

    def __init__(self) -> None:
        self._convert = PictureConverter()

    def __call__(self, header: Header, data: UInt8) -> UInt8 | LazyPicture:
        """The picture of ``data``, uint8 [``header.size``]; its pixels stay where they are."""
        high, wide = header.height, header.width
        if header.colours is None:
            return data.reshape(high, wide, 3)
        stored, colours = data.reshape(high * 3 // 2, wide), header.colours
        quarter = high // 2 * (wide // 2)
        u, v = data[-2 * quarter :].reshape(2, high // 2, wide // 2)
        planes = Planes(y=stored[:high], u=u, v=v, coefficients=colours)
        return LazyPicture(planes, lambda: self._rgb(stored, colours))

    def _rgb(self, stored: UInt8, colours: Int32) -> UInt8:
        frame = av.VideoFrame.from_numpy_buffer(stored, format="yuv420p")
        frame.colorspace, frame.color_range = _COLOURS[colours.tobytes()]
        return np.ascontiguousarray(self._convert.rgb(frame))
