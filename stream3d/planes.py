"""A picture as decoders leave it, in planes of brightness and colour, and one that is converted once looked at."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stream3d.errors import ShapeError

UInt8 = npt.NDArray[np.uint8]
Int32 = npt.NDArray[np.int32]

ONE = 14
"""Bits behind the point of ``Planes.coefficients``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Planes:
    """A picture in 4:2:0: ``y`` uint8 [H, W], ``u`` and ``v`` uint8 [(H + 1) // 2, (W + 1) // 2], for reading only.

    ``coefficients`` int32 [6] say how its colours become red, green and blue, see ``coefficients``. Rows may lie apart
    in memory; the pixels of a row lie together.

    Raises:
        ShapeError: the planes do not belong together.
    """

    y: UInt8
    u: UInt8
    v: UInt8
    coefficients: Int32

    def __post_init__(self) -> None:
        high, wide = self.y.shape
        half = ((high + 1) // 2, (wide + 1) // 2)
        if self.u.shape != half or self.v.shape != half:
            raise ShapeError(
                f"planes of a picture of {wide}x{high} must be {list(half)}, not {[*self.u.shape]}, {[*self.v.shape]}"
            )

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of the picture as an array: (H, W, 3)."""
        return self.y.shape[0], self.y.shape[1], 3

    def light(self, grey: int) -> int:
        """The brightness in ``y`` of a grey whose red, green and blue are ``grey``."""
        return round(grey * (1 << ONE) / int(self.coefficients[0])) + int(self.coefficients[1])


def coefficients(red: float, blue: float, *, full: bool) -> Int32:
    """From a matrix and range to what ``kernels.colours`` computes with, int32 [6]: fixed point, except the second.

    ``red`` and ``blue`` are the shares of both in brightness: 0.299 and 0.114 (BT.601), 0.2126 and 0.0722 (BT.709).
    ``full`` is brightness in 0..255 instead of 16..235. Gain of y, its black level, of v in red, of u and v in green,
    of u in blue (ITU-R BT.709, section 3).
    """
    green, gain, chroma = 1 - red - blue, 1.0 if full else 255 / 219, 1.0 if full else 255 / 224
    to_red, to_blue = 2 * (1 - red) * chroma, 2 * (1 - blue) * chroma
    real = (gain, 0.0, to_red, -to_blue * blue / green, -to_red * red / green, to_blue)
    fixed = np.array([round(value * (1 << ONE)) for value in real], np.int32)
    fixed[1] = 0 if full else 16
    return fixed


class LazyPicture:
    """A picture in planes, and ``convert``, which makes it uint8 [H, W, 3] RGB; called once, by whoever asks first."""

    def __init__(self, planes: Planes, convert: Callable[[], UInt8]) -> None:
        self.planes = planes
        self._convert = convert
        self._image: UInt8 | None = None
        self._lock = threading.Lock()

    def image(self) -> UInt8:
        """The picture as uint8 [H, W, 3] RGB; the same array every time.

        Raises:
            ShapeError: what it was converted to has another shape than its planes.
        """
        with self._lock:
            if self._image is None:
                self._image = self._convert()
                if self._image.shape != self.planes.shape:
                    raise ShapeError(f"a picture of {self.planes.shape} was converted to {list(self._image.shape)}")
            return self._image
