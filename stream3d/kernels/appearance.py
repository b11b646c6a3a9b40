"""Colours of quadrilaterals of a picture as histograms. Arrays in, arrays out; ``stream3d.pose2d.appearance`` asks."""

from __future__ import annotations

import math

import numba
import numpy as np
import numpy.typing as npt

from stream3d.kernels.colours import colour

Float32 = npt.NDArray[np.float32]
Int32 = npt.NDArray[np.int32]
UInt8 = npt.NDArray[np.uint8]

BINS = 4  # of lightness, and of each of two chromas
_GRID = 10  # samples along each side of a quadrilateral
_DARK = 60.0  # sum of red, green and blue below which a colour says little
_CHROMA = 0.22  # share of the sum at which a chroma falls into its last bin


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _place(value: float) -> tuple[int, float]:
    """Lower of the two bins that ``value`` 0..1 falls between, and the upper one's share."""
    along = min(max(value, 0.0), 1.0) * (BINS - 1)
    low = min(int(along), BINS - 2)
    return low, along - low


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _count(red: float, green: float, blue: float, out: Float32) -> None:
    """Add one colour to the histogram ``out`` [BINS ** 3], shared between neighbouring bins."""
    total = red + green + blue + _DARK
    i, u = _place((red + green + blue) / 765.0)
    j, v = _place(0.5 + (red - green) / total / (2 * _CHROMA))
    k, w = _place(0.5 + (0.5 * (red + green) - blue) / total / (2 * _CHROMA))
    for a in range(2):
        for b in range(2):
            for c in range(2):
                share = (u if a else 1 - u) * (v if b else 1 - v) * (w if c else 1 - w)
                out[((i + a) * BINS + j + b) * BINS + k + c] += share


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _frame(corners: Float32, least: float, out: Float32) -> None:
    """Middle above [2], way down [2] and way across above and below [2, 2] of a quadrilateral [4, 2], into ``out``.

    One that is narrower than ``least`` of its length is made that wide.
    """
    for axis in range(2):
        above, below = corners[0, axis] + corners[1, axis], corners[2, axis] + corners[3, axis]
        out[0, axis], out[1, axis] = above / 2, (below - above) / 2
        out[2, axis] = corners[1, axis] - corners[0, axis]
        out[3, axis] = corners[2, axis] - corners[3, axis]
    length = math.hypot(out[1, 0], out[1, 1])
    for row in range(2, 4):
        if math.hypot(out[row, 0], out[row, 1]) < least * length:
            out[row, 0], out[row, 1] = least * out[1, 1], -least * out[1, 0]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _count_planes(planes: tuple[UInt8, UInt8, UInt8], gains: Int32, row: int, column: int, out: Float32) -> None:
    """Add the colour of a pixel of planes, see ``stream3d.planes``, to the histogram ``out``."""
    y, u, v = planes
    red, green, blue = colour(y[row, column], u[row >> 1, column >> 1], v[row >> 1, column >> 1], gains)
    _count(min(max(red, 0), 255) * 1.0, min(max(green, 0), 255) * 1.0, min(max(blue, 0), 255) * 1.0, out)


# One signature, so that nothing is compiled again for pictures of another layout in the middle of a stream.
_PLANE = numba.types.Array(numba.uint8, 2, "A", readonly=True)
_KINDS = numba.void(
    numba.types.Array(numba.uint8, 3, "A", readonly=True),
    numba.types.Tuple((_PLANE, _PLANE, _PLANE)),  # type: ignore[no-untyped-call] # numba's own
    numba.int32[::1],
    numba.float32[:, :, ::1],
    numba.float64,
    numba.float32[:, ::1],
)


@numba.njit(_KINDS, cache=True, nogil=True, error_model="numpy")
def histograms(
    image: UInt8,
    planes: tuple[UInt8, UInt8, UInt8],
    gains: Int32,
    corners: Float32,
    least: float,
    out: Float32,
) -> None:
    """Root histograms of the quadrilaterals ``corners`` [N, 4, 2] of a picture into ``out`` [N, 64].

    The picture is ``image`` [H, W, 3] RGB, or where that is empty ``planes`` with their coefficients ``gains``. Corners
    are x, y in order round, the upper two first. Each histogram is the square root of shares, so that a scalar product
    is the Bhattacharyya coefficient; zeros where no sample lies inside the picture.
    """
    height, width = image.shape[0], image.shape[1]
    if image.size == 0:
        height, width = planes[0].shape
    part = np.empty((4, 2), np.float32)
    for n in range(len(corners)):
        out[n] = 0.0
        _frame(corners[n], least, part)
        count = 0
        for row in range(_GRID):
            down = (row + 0.5) / _GRID
            for column in range(_GRID):
                side = (column + 0.5) / _GRID - 0.5
                x = part[0, 0] + down * part[1, 0] + side * ((1 - down) * part[2, 0] + down * part[3, 0])
                y = part[0, 1] + down * part[1, 1] + side * ((1 - down) * part[2, 1] + down * part[3, 1])
                if not (0.0 <= x < width and 0.0 <= y < height):
                    continue
                if image.size == 0:
                    _count_planes(planes, gains, int(y), int(x), out[n])
                else:
                    pixel = image[int(y), int(x)]
                    _count(float(pixel[0]), float(pixel[1]), float(pixel[2]), out[n])
                count += 1
        if count:
            for k in range(out.shape[1]):
                out[n, k] = math.sqrt(out[n, k] / count)
