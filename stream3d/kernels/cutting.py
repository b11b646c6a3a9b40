"""Squares cut out of a picture in planes. Arrays in, arrays out; ``pose2d.crops`` says what for."""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from stream3d.kernels.colours import to_rgb

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Int32 = npt.NDArray[np.int32]
UInt8 = npt.NDArray[np.uint8]
Places = tuple[Int32, Int32]

_SPARSE = 5.0  # pixels of the picture a pixel of the square, from which on most lines of a box are not needed
_LINE: Any = np.uintp(64)  # bytes that memory hands over at a time
_ONE: Any = np.uintp(1)  # of a type without a sign, or each index would be asked whether it counts from the end
_ZERO: Any = np.float32(0)
_HALF: Any = np.float32(0.5)


@numba.njit(nogil=True)
def _fetched(plane: UInt8, places: Float64, side: int) -> int:  # pragma: no cover - compiled
    """Read the box of ``plane`` that a square comes from, a byte of every line of memory; their sum.

    Pictures are seldom in a cache when their turn comes. In order, memory serves many lines at once; in the order of a
    square that is cut out it serves few, which took twice the time of all the rest.
    """
    ends = side * places
    x = places[0, 2] + min(ends[0, 0], 0.0) + min(ends[0, 1], 0.0)
    y = places[1, 2] + min(ends[1, 0], 0.0) + min(ends[1, 1], 0.0)
    wide, high = abs(ends[0, 0]) + abs(ends[0, 1]), abs(ends[1, 0]) + abs(ends[1, 1])
    bottom, right = plane.shape[0] - 1.0, plane.shape[1] - 1.0
    first, last = np.uintp(min(max(x, 0.0), right)), np.uintp(min(max(x + wide + 1, 0.0), right))
    upper, lower = np.uintp(min(max(y, 0.0), bottom)), np.uintp(min(max(y + high + 1, 0.0), bottom))
    total = 0
    for row in range(upper, lower + _ONE):
        for column in range(first, last, _LINE):
            total += plane[row, column]
        total += plane[row, last]
    return total


@numba.njit(nogil=True)
def _along(  # pragma: no cover - compiled
    places: Float64, row: int, shape: tuple[int, int], left: Float32, top: Float32
) -> None:
    """Where the pixels of one ``row`` lie, within a plane of ``shape``."""
    bottom, right = np.float32(shape[0] - 1), np.float32(shape[1] - 1)
    x, y = np.float32(places[0, 1] * row + places[0, 2]), np.float32(places[1, 1] * row + places[1, 2])
    x_step, y_step = np.float32(places[0, 0]), np.float32(places[1, 0])
    for k in range(left.size):
        left[k] = min(max(x + x_step * np.float32(k), _ZERO), right)
        top[k] = min(max(y + y_step * np.float32(k), _ZERO), bottom)


@numba.njit(nogil=True)
def _four(plane: UInt8, left: Float32, top: Float32, out: UInt8) -> None:  # pragma: no cover - compiled
    """The four pixels round each place, into ``out`` [4, N]: the upper two, then the lower two."""
    bottom, right = np.uintp(plane.shape[0] - 1), np.uintp(plane.shape[1] - 1)
    for k in range(left.size):
        row, column = np.uintp(top[k]), np.uintp(left[k])
        below, beside = min(row + _ONE, bottom), min(column + _ONE, right)
        out[0, k], out[1, k] = plane[row, column], plane[row, beside]
        out[2, k], out[3, k] = plane[below, column], plane[below, beside]


@numba.njit(nogil=True)
def _between(corners: UInt8, left: Float32, top: Float32, out: UInt8) -> None:  # pragma: no cover - compiled
    """The level at each place between its four pixels, rounded."""
    for k in range(left.size):
        across, down = left[k] - np.floor(left[k]), top[k] - np.floor(top[k])
        upper, lower = np.float32(corners[0, k]), np.float32(corners[2, k])
        upper += (np.float32(corners[1, k]) - upper) * across
        lower += (np.float32(corners[3, k]) - lower) * across
        out[k] = np.uint8(np.int32(upper + (lower - upper) * down + _HALF))


# One signature, so that nothing is compiled again for pictures of another layout in the middle of a stream.
_PLANE = numba.types.Array(numba.uint8, 2, "A", readonly=True)


@numba.njit(
    numba.void(_PLANE, _PLANE, _PLANE, numba.int32[::1], numba.float64[:, ::1], numba.uint8[:, :, ::1]),
    cache=True,
    nogil=True,
    error_model="numpy",
)
def cut(  # pragma: no cover - compiled
    y: UInt8, u: UInt8, v: UInt8, gains: Int32, places: Float64, out: UInt8
) -> None:
    """Pixels of ``y`` [H, W], ``u`` and ``v`` [(H + 1) // 2, (W + 1) // 2] as RGB into ``out`` [S, S, 3].

    ``places`` [2, 3] gives the index in ``y`` of each index in ``out``, see ``regions.image_from_crop``; ``gains`` are
    ``Planes.coefficients``. Brightness is bilinear and rounded, colour the nearest sample, and what lies outside is the
    edge. A map that is not finite gives black.

    Each row is made in passes that do one thing each, so that all but the reading itself is computed with vectors.
    """
    if not np.isfinite(places.sum()):
        out[:] = 0
        return
    side = out.shape[0]
    # in planes of half the size the same point lies at (x + 0.5) / 2 - 0.5; another 0.5 rounds
    halved = places / 2
    halved[:, 2] += 0.25
    if math.hypot(places[0, 0], places[1, 0]) < _SPARSE:
        total = _fetched(y, places, side) + _fetched(u, halved, side) + _fetched(v, halved, side)
        if total < 0:  # it never is; but what nobody asks for is not fetched
            return
    left, top = np.empty(side, np.float32), np.empty(side, np.float32)
    light, blueness, redness = np.empty(side, np.uint8), np.empty(side, np.uint8), np.empty(side, np.uint8)
    corners = np.empty((4, side), np.uint8)
    for row in range(side):
        _along(places, row, y.shape, left, top)
        _four(y, left, top, corners)
        _between(corners, left, top, light)
        _along(halved, row, u.shape, left, top)
        for k in range(side):
            down, across = np.uintp(top[k]), np.uintp(left[k])
            blueness[k], redness[k] = u[down, across], v[down, across]
        to_rgb(light, blueness, redness, gains, out[row].reshape(-1))
