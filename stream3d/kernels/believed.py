"""How far keypoints are to be believed. Arrays in, arrays out; ``stream3d.pose2d.belief`` says what is done."""

from __future__ import annotations

import math

import numba
import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]
Int64 = npt.NDArray[np.int64]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _logit(probability: float, sure: float) -> float:  # pragma: no cover - compiled
    inside = min(max(float(probability), 1 - sure), sure)
    return math.log(inside / (1 - inside))


@numba.njit(cache=True, nogil=True, error_model="numpy")
def believe(
    keypoints: Float32, heat: tuple[Float32, Float32], weights: Float32, limits: tuple[float, float, float, float]
) -> None:  # pragma: no cover - compiled
    """Replace the visibility of ``keypoints`` [R, J, 3] by the probability that each is where it is said to be.

    ``heat`` are peaks [R, J] and spreads [R, J, 3]; ``weights`` [J, 4]; ``limits`` the largest probability that counts,
    the narrowest spread and the spread of what has no heat, both in cells, and how many cells a crop's side has.
    """
    peak, spread = heat
    sure, narrowest, unknown, cells = limits
    for r in range(keypoints.shape[0]):
        for j in range(keypoints.shape[1]):
            wide = math.sqrt(max((float(spread[r, j, 0]) + float(spread[r, j, 2])) / 2, 0.0)) * cells
            wide = unknown if math.isnan(spread[r, j, 0]) else max(wide, narrowest)
            logit = weights[j, 0] + weights[j, 1] * _logit(keypoints[r, j, 2], sure)
            logit += weights[j, 2] * _logit(peak[r, j], sure) + weights[j, 3] * math.log(wide)
            keypoints[r, j, 2] = 1 / (1 + math.exp(-logit))


@numba.njit(cache=True, nogil=True, error_model="numpy")
def better_half(keypoints: Float32, telling: Int64, presence: Float32) -> None:  # pragma: no cover - compiled
    """Multiply ``presence`` [R] by the mean score of the better half of the joints ``telling`` of ``keypoints``."""
    half = len(telling) // 2
    scores = np.empty(len(telling), np.float32)
    for r in range(keypoints.shape[0]):
        for k in range(len(telling)):
            scores[k] = keypoints[r, telling[k], 2]
        scores.sort()
        presence[r] *= scores[half:].mean()


@numba.njit(cache=True, nogil=True, error_model="numpy")
def hide(keypoints: Float32, least: float) -> None:  # pragma: no cover - compiled
    """Of ``keypoints`` [R, J, 3] with a score below ``least`` make x and y NaN and the score 0."""
    for r in range(keypoints.shape[0]):
        for j in range(keypoints.shape[1]):
            if keypoints[r, j, 2] < least:
                keypoints[r, j, 0], keypoints[r, j, 1], keypoints[r, j, 2] = np.nan, np.nan, 0.0


@numba.njit(cache=True, nogil=True, error_model="numpy")
def turn(spread: Float32, regions: Float32, doubt: float, out: Float32) -> None:  # pragma: no cover - compiled
    """Covariances [R, J, 3] in pixels², of spreads in the crops of ``regions`` [R, 4], into ``out``."""
    for r in range(spread.shape[0]):
        cos, sin, size = math.cos(regions[r, 3]), math.sin(regions[r, 3]), doubt * regions[r, 2] ** 2
        for j in range(spread.shape[1]):
            xx, xy, yy = spread[r, j]
            out[r, j, 0] = size * (cos * cos * xx - 2 * sin * cos * xy + sin * sin * yy)
            out[r, j, 1] = size * (sin * cos * (xx - yy) + (cos * cos - sin * sin) * xy)
            out[r, j, 2] = size * (sin * sin * xx + 2 * sin * cos * xy + cos * cos * yy)
