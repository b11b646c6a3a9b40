"""Sub-cell refinement of regressed keypoints by their heat maps."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

from stream3d.errors import ShapeError

Float32 = npt.NDArray[np.float32]

WINDOW = 9  # cells; what MediaPipe 0.10.21's wheel does (its graph file says 7)
MIN_PEAK = 0.5


@njit(cache=True, nogil=True)
def _refine(points: Float32, heat: Float32, radius: int, min_peak: float) -> None:  # pragma: no cover - compiled
    people, joints = points.shape[0], points.shape[1]
    rows, cols = heat.shape[1], heat.shape[2]
    for p in range(people):
        for j in range(joints):
            col, row = int(points[p, j, 0] * cols), int(points[p, j, 1] * rows)
            if col < 0 or col >= cols or row < 0 or row >= rows:
                continue
            total, x, y, peak = 0.0, 0.0, 0.0, 0.0
            for r in range(max(0, row - radius), min(rows, row + radius + 1)):
                for c in range(max(0, col - radius), min(cols, col + radius + 1)):
                    value = 1.0 / (1.0 + np.exp(-heat[p, r, c, j]))
                    total += value
                    x += c * value
                    y += r * value
                    peak = max(peak, value)
            if peak >= min_peak:
                points[p, j, 0] = x / cols / total
                points[p, j, 1] = y / rows / total


def refine(points: Float32, heat: Float32) -> Float32:
    """Move keypoints to the weighted centre of their heat map near where they were regressed.

    ``points`` float32 [P, J, 2], 0..1 of the crop; ``heat`` float32 [P, H, W, J], logits. Returns float32 [P, J, 2]:
    the mean of the cell indices in a 9 x 9 window weighted by the sigmoid, over the grid's size (MediaPipe's
    ``RefineLandmarksFromHeatmapCalculator``); points outside the crop or without a peak of 0.5 stay as they were.

    Raises:
        ShapeError: the two arrays do not fit each other.
    """
    if points.ndim != 3 or heat.ndim != 4 or points.shape[:2] != (heat.shape[0], heat.shape[3]):
        raise ShapeError(f"points [P, J, 2] and heat [P, H, W, J] do not fit: {list(points.shape)}, {list(heat.shape)}")
    out = np.array(points[..., :2], np.float32)
    _refine(out, np.ascontiguousarray(heat, np.float32), WINDOW // 2, MIN_PEAK)
    return out
