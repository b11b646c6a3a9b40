"""Points of crops in their picture, and regions round people. Arrays in, arrays out; see ``stream3d.pose2d.regions``.

Of one person these are a few dozen numbers, of which NumPy would make ten arrays.
"""

from __future__ import annotations

import math

import numba
import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]

# One signature each, so that nothing is compiled again for arrays of another layout in the middle of a stream.
_POINTS = numba.types.Array(numba.float32, 3, "A", readonly=True)
_ROWS = numba.types.Array(numba.float32, 2, "A", readonly=True)


@numba.njit(numba.void(_POINTS, _ROWS, numba.float32[:, :, ::1]), cache=True, nogil=True, error_model="numpy")
def to_image(points: Float32, regions: Float32, out: Float32) -> None:  # pragma: no cover - compiled
    """Points [R, J, 2] in 0..1 of the crops of ``regions`` [R, 4] as pixels of the picture into ``out``."""
    for r in range(points.shape[0]):
        side, cos, sin = float(regions[r, 2]), math.cos(regions[r, 3]), math.sin(regions[r, 3])
        for j in range(points.shape[1]):
            right, down = (points[r, j, 0] - 0.5) * side, (points[r, j, 1] - 0.5) * side
            out[r, j, 0] = regions[r, 0] + cos * right - sin * down
            out[r, j, 1] = regions[r, 1] + sin * right + cos * down


@numba.njit(numba.void(_ROWS, _ROWS, numba.float64, numba.float32[:, ::1]), cache=True, nogil=True, error_model="numpy")
def round_bodies(centre: Float32, edge: Float32, margin: float, out: Float32) -> None:  # pragma: no cover - compiled
    """Squares [R, 4] round circles about ``centre`` [R, 2] through ``edge`` [R, 2], which is where up is.

    A square is ``margin`` times as wide as its circle.
    """
    for r in range(centre.shape[0]):
        right, down = float(edge[r, 0]) - centre[r, 0], float(edge[r, 1]) - centre[r, 1]
        turn = math.pi / 2 - math.atan2(-down, right)
        out[r, 0], out[r, 1] = centre[r, 0], centre[r, 1]
        out[r, 2] = 2 * margin * math.hypot(right, down)
        out[r, 3] = (turn + math.pi) % (2 * math.pi) - math.pi
