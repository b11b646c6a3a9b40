"""From brightness and chroma to red, green and blue. Arrays in, arrays out."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from stream3d.planes import ONE

Int32 = npt.NDArray[np.int32]
UInt8 = npt.NDArray[np.uint8]

_MIDDLE: Any = np.int32(128)  # of 32 bits, so that twice as many fit into a register
_LOW: Any = np.int32(0)
_HIGH: Any = np.int32(255)


@numba.njit(cache=True, nogil=True, inline="always")
def colour(y: int, u: int, v: int, gains: Int32) -> tuple[int, int, int]:  # pragma: no cover - compiled
    """Red, green and blue, not yet within 0..255, of one pixel.

    Every product is cut, not rounded, as FFmpeg's own conversion to RGB does it.
    """
    light = ((np.int32(y) - gains[1]) * gains[0]) >> ONE
    blueness, redness = np.int32(u) - _MIDDLE, np.int32(v) - _MIDDLE
    red = light + ((gains[2] * redness) >> ONE)
    green = light + ((gains[3] * blueness) >> ONE) + ((gains[4] * redness) >> ONE)
    blue = light + ((gains[5] * blueness) >> ONE)
    return red, green, blue


@numba.njit(cache=True, nogil=True)
def to_rgb(y: UInt8, u: UInt8, v: UInt8, gains: Int32, out: UInt8) -> None:  # pragma: no cover - compiled
    """Pixels ``y``, ``u`` and ``v`` [N] with ``Planes.coefficients`` as red, green, blue into ``out`` [3 N]."""
    for k in range(y.size):
        red, green, blue = colour(y[k], u[k], v[k], gains)
        out[3 * k] = min(max(red, _LOW), _HIGH)
        out[3 * k + 1] = min(max(green, _LOW), _HIGH)
        out[3 * k + 2] = min(max(blue, _LOW), _HIGH)
