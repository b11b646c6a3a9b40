"""Samples of a picture's brightness, and how many changed. Arrays in, arrays out; ``pose2d.stirring`` says what for."""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]
UInt8 = npt.NDArray[np.uint8]

# One signature each, so that nothing is compiled again for pictures of another layout in the middle of a stream.
_LIGHT = numba.types.Array(numba.uint8, 2, "A", readonly=True)
_REGIONS = numba.types.Array(numba.float32, 2, "C", readonly=True)


@numba.njit(numba.void(_LIGHT, numba.float64, numba.uint8[:, ::1]), cache=True, nogil=True, error_model="numpy")
def sample(light: UInt8, step: float, out: UInt8) -> None:  # pragma: no cover - compiled
    """Every ``step``-th pixel of ``light`` [H, W] along both sides into ``out`` [h, w]."""
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            out[row, column] = light[int((row + 0.5) * step), int((column + 0.5) * step)]


@numba.njit(
    numba.int64(_LIGHT, numba.float64, numba.uint8[:, ::1], _REGIONS, numba.int64),
    cache=True,
    nogil=True,
    error_model="numpy",
)
def changed(light: UInt8, step: float, before: UInt8, regions: Float32, levels: int) -> int:  # pragma: no cover
    """How many samples differ from ``before`` [h, w] by more than ``levels``, outside the circles in ``regions``."""
    count = 0
    for row in range(before.shape[0]):
        y = (row + 0.5) * step
        for column in range(before.shape[1]):
            x = (column + 0.5) * step
            if abs(np.int32(light[int(y), int(x)]) - np.int32(before[row, column])) <= levels:
                continue
            inside = False
            for k in range(regions.shape[0]):
                dx, dy, reach = x - regions[k, 0], y - regions[k, 1], regions[k, 2] / 2
                inside = inside or dx * dx + dy * dy < reach * reach
            count += not inside
    return count
