"""Filling and smoothing of whole series of points, at any times."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from stream3d.errors import ShapeError
from stream3d.kernels.interpolate import hermite, monotone_slopes, parabolic_slopes

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]
Even = Callable[[Float64, float], Float64]
"""A filter of columns [N, C], N >= 2, that were sampled evenly at a rate in Hz."""

_USUAL = 1.5  # medians of the step: samples no farther apart than this have no gap between them
_EVEN = 0.05  # of a step: times as near as this to an even grid count as even


def smooth_series(times: Float64, values: npt.NDArray[np.floating], *, even: Even | None, fill_s: float) -> Float64:
    """``values`` [T, P, A] at rising ``times`` [T] s, without gaps up to ``fill_s`` and filtered by ``even``.

    NaN in any axis is unseen. Between two samples of a point at most ``fill_s`` apart, what is missing is filled with
    PCHIP; longer gaps stay NaN, and what lies on their sides is filtered apart. Uneven times are resampled to the
    median rate (piecewise cubics through parabolas' slopes) for ``even``, and back to the times that were given.
    Returns float64 [T, P, A].

    Raises:
        ShapeError: the arrays do not fit, or the times do not rise.
    """
    if values.ndim != 3 or times.shape != values.shape[:1]:
        raise ShapeError(f"values must be [T, P, A] with times [T], not {list(values.shape)} and {list(times.shape)}")
    if not (np.diff(times) > 0).all():
        raise ShapeError("the times of a series must be finite and rise")
    out = np.full(values.shape, np.nan)
    seen = np.isfinite(values).all(axis=2)
    patterns, which = np.unique(seen, axis=1, return_inverse=True)
    limit = max(fill_s, _USUAL * float(np.median(np.diff(times)))) if len(times) > 1 else fill_s
    for k, pattern in enumerate(patterns.T):
        points = np.flatnonzero(which.reshape(-1) == k)
        for rows in _stretches(times, np.flatnonzero(pattern), limit):
            span = np.arange(rows[0], rows[-1] + 1)
            columns = values[np.ix_(span, points)].astype(np.float64).reshape(len(span), -1)
            smooth = _stretch(times[span], columns, rows - rows[0], even)
            out[np.ix_(span, points)] = smooth.reshape(len(span), len(points), -1)
    return out


def _stretches(times: Float64, rows: Int64, limit: float) -> Iterator[Int64]:
    """The rows where something was seen, cut where they are farther apart than ``limit``."""
    if len(rows):
        yield from np.split(rows, np.flatnonzero(np.diff(times[rows]) > limit * (1 + 1e-9)) + 1)


def _stretch(times: Float64, columns: Float64, seen: Int64, even: Even | None) -> Float64:
    """Columns [N, C] of which the rows ``seen`` are known, the first and last among them, filled and filtered."""
    if len(seen) < len(times):
        known = columns[seen]
        columns = hermite(times[seen], known, monotone_slopes(times[seen], known), times)
        columns[seen] = known
    if even is None or len(times) < 2:
        return columns
    grid = np.linspace(times[0], times[-1], len(times))
    if np.abs(times - grid).max() <= _EVEN * (grid[1] - grid[0]):
        return even(columns, _rate(grid))
    steps = round((times[-1] - times[0]) / float(np.median(np.diff(times))))
    grid = np.linspace(times[0], times[-1], max(steps, 1) + 1)
    resampled = hermite(times, columns, parabolic_slopes(times, columns), grid)
    smooth = even(resampled, _rate(grid))
    return np.asarray(hermite(grid, smooth, parabolic_slopes(grid, smooth), times))


def _rate(grid: Float64) -> float:
    return float((len(grid) - 1) / (grid[-1] - grid[0]))
