"""Sub-cell refinement of regressed keypoints by their heat maps, and how sure these are of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from stream3d.errors import ShapeError

Float32 = npt.NDArray[np.float32]

WINDOW = 9  # cells; what MediaPipe 0.10.21's wheel does (its graph file says 7)
MIN_PEAK = 0.5
BELL = 1.0  # cells²: variance of the bell that a heat map shows of a joint whose place is known


@dataclass(frozen=True, kw_only=True, slots=True)
class Refined:
    """Of P people's J joints: ``points`` float32 [P, J, 2] in 0..1 of the crop; ``peak`` [P, J] in 0..1.

    ``spread`` float32 [P, J, 3] = xx, xy, yy is the covariance of the heat within the window less the bell's own, in
    squares of the crop's side: how far off the point may be. Where the point lies outside the crop there is no heat:
    peak 0, spread NaN.
    """

    points: Float32
    peak: Float32
    spread: Float32


@njit(cache=True, nogil=True)
def _refine(  # pragma: no cover - compiled
    points: Float32, peaks: Float32, spread: Float32, heat: Float32, radius: int, min_peak: float
) -> None:
    people, joints = points.shape[0], points.shape[1]
    rows, cols = heat.shape[1], heat.shape[2]
    for p in range(people):
        for j in range(joints):
            col, row = int(points[p, j, 0] * cols), int(points[p, j, 1] * rows)
            if col < 0 or col >= cols or row < 0 or row >= rows:
                continue
            total, x, y, xx, xy, yy, peak = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
            for r in range(max(0, row - radius), min(rows, row + radius + 1)):
                for c in range(max(0, col - radius), min(cols, col + radius + 1)):
                    value = 1.0 / (1.0 + np.exp(-heat[p, r, c, j]))
                    dx, dy = c - col, r - row
                    total += value
                    x += dx * value
                    y += dy * value
                    xx += dx * dx * value
                    xy += dx * dy * value
                    yy += dy * dy * value
                    peak = max(peak, value)
            x, y = x / total, y / total
            peaks[p, j] = peak
            spread[p, j, 0] = max(xx / total - x * x - BELL, 0.0) / (cols * cols)
            spread[p, j, 1] = (xy / total - x * y) / (cols * rows)
            spread[p, j, 2] = max(yy / total - y * y - BELL, 0.0) / (rows * rows)
            if peak >= min_peak:
                points[p, j, 0] = (col + x) / cols
                points[p, j, 1] = (row + y) / rows


def refine(points: Float32, heat: Float32) -> Refined:
    """Move keypoints to the weighted centre of their heat map near where they were regressed.

    ``points`` float32 [P, J, 2], 0..1 of the crop; ``heat`` float32 [P, H, W, J], logits. The new place is the mean of
    the cell indices in a 9 x 9 window weighted by the sigmoid, over the grid's size (MediaPipe's
    ``RefineLandmarksFromHeatmapCalculator``); points outside the crop or without a peak of 0.5 stay as they were.

    Raises:
        ShapeError: the two arrays do not fit each other.
    """
    if points.ndim != 3 or heat.ndim != 4 or points.shape[:2] != (heat.shape[0], heat.shape[3]):
        raise ShapeError(f"points [P, J, 2] and heat [P, H, W, J] do not fit: {list(points.shape)}, {list(heat.shape)}")
    out = np.array(points[..., :2], np.float32)
    peaks, spread = np.zeros(out.shape[:2], np.float32), np.full((*out.shape[:2], 3), np.nan, np.float32)
    _refine(out, peaks, spread, np.ascontiguousarray(heat, np.float32), WINDOW // 2, MIN_PEAK)
    return Refined(points=out, peak=peaks, spread=spread)
