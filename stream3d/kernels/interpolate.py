"""Piecewise cubic curves through samples at any times."""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]


@numba.njit(cache=True, nogil=True)
def _end_slope(near: float, far: float, first: float, second: float) -> float:
    """At an end, whose two next steps are ``near`` and ``far`` long and rise by ``first`` and ``second``."""
    slope = ((2.0 * near + far) * first - near * second) / (near + far)
    if slope * first <= 0.0:
        return 0.0
    if first * second <= 0.0 and abs(slope) > 3.0 * abs(first):
        return 3.0 * first
    return slope


@numba.njit(cache=True, nogil=True)
def monotone_slopes(times: Float64, values: Float64) -> Float64:
    """Slopes [N, C] of PCHIP, whose curve never leaves the range of the two samples that it lies between.

    Fritsch and Butland, A method for constructing local monotone piecewise cubic interpolants, 1984: harmonic means of
    the rises on both sides, 0 at an extremum. ``times`` [N] rise, N >= 2; ``values`` [N, C].
    """
    count, columns = values.shape
    slopes = np.zeros((count, columns))
    for c in range(columns):
        if count == 2:
            slopes[:, c] = (values[1, c] - values[0, c]) / (times[1] - times[0])
            continue
        for i in range(1, count - 1):
            before, after = times[i] - times[i - 1], times[i + 1] - times[i]
            left, right = (values[i, c] - values[i - 1, c]) / before, (values[i + 1, c] - values[i, c]) / after
            if left * right > 0.0:
                w1, w2 = 2.0 * after + before, after + 2.0 * before
                slopes[i, c] = (w1 + w2) / (w1 / left + w2 / right)
        for end, inner, outer in ((0, 1, 2), (count - 1, count - 2, count - 3)):
            near, far = abs(times[inner] - times[end]), abs(times[outer] - times[inner])
            first = (values[inner, c] - values[end, c]) / (times[inner] - times[end])
            second = (values[outer, c] - values[inner, c]) / (times[outer] - times[inner])
            slopes[end, c] = _end_slope(near, far, first, second)
    return slopes


@numba.njit(cache=True, nogil=True)
def parabolic_slopes(times: Float64, values: Float64) -> Float64:
    """Slopes [N, C] of the parabolas through three neighbours: the curve follows smooth motion to the third order."""
    count, columns = values.shape
    slopes = np.zeros((count, columns))
    for c in range(columns):
        if count == 2:
            slopes[:, c] = (values[1, c] - values[0, c]) / (times[1] - times[0])
            continue
        for i in range(count):
            k = min(max(i, 1), count - 2)
            before, after = times[k] - times[k - 1], times[k + 1] - times[k]
            left, right = (values[k, c] - values[k - 1, c]) / before, (values[k + 1, c] - values[k, c]) / after
            bend = (right - left) / (before + after)
            slopes[i, c] = left + bend * (2.0 * times[i] - times[k - 1] - times[k])
    return slopes


@numba.njit(cache=True, nogil=True)
def hermite(times: Float64, values: Float64, slopes: Float64, at: Float64) -> Float64:
    """The cubics [K, C] through ``values`` [N, C] with those ``slopes``, at rising times ``at`` [K] within range."""
    out = np.empty((len(at), values.shape[1]))
    i = 0
    for k in range(len(at)):
        while i < len(times) - 2 and at[k] > times[i + 1]:
            i += 1
        step = times[i + 1] - times[i]
        s = (at[k] - times[i]) / step
        h11, h10, h01 = s * s * (s - 1.0), s * (s - 1.0) * (s - 1.0), s * s * (3.0 - 2.0 * s)
        for c in range(values.shape[1]):
            rise = h10 * slopes[i, c] + h11 * slopes[i + 1, c]
            out[k, c] = values[i, c] + h01 * (values[i + 1, c] - values[i, c]) + step * rise
    return out
