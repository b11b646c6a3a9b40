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


def smooth_series(
    times: Float64,
    values: npt.NDArray[np.floating],
    *,
    even: Even | None,
    fill_s: float,
    usual_s: float | None = None,
) -> Float64:
    """``values`` [T, P, A] at rising ``times`` [T] s, without gaps up to ``fill_s`` and filtered by ``even``.

    NaN in any axis is unseen. Between two samples of a point at most ``fill_s`` apart, what is missing is filled with
    PCHIP; longer gaps stay NaN, and what lies on their sides is filtered apart. Uneven times are resampled to the
    median rate (piecewise cubics through parabolas' slopes) for ``even``, and back to the times that were given.
    ``usual_s`` is the step between frames where it is known; else the median of ``times``. Returns float64 [T, P, A].

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
    if usual_s is None:
        usual_s = float(np.median(np.diff(times))) if len(times) > 1 else 1.0
    limit = max(fill_s, _USUAL * usual_s)
    for k, pattern in enumerate(patterns.T):
        points = np.flatnonzero(which.reshape(-1) == k)
        for rows in _stretches(times, np.flatnonzero(pattern), limit):
            span = np.arange(rows[0], rows[-1] + 1)
            columns = values[np.ix_(span, points)].astype(np.float64).reshape(len(span), -1)
            if len(rows) < len(span):
                columns = _filled(times[span], columns, rows - rows[0])
            smooth = columns if even is None or len(span) < 2 else _filtered(times[span], columns, even, usual_s)
            out[np.ix_(span, points)] = smooth.reshape(len(span), len(points), -1)
    return out


def _stretches(times: Float64, rows: Int64, limit: float) -> Iterator[Int64]:
    """The rows where something was seen, cut where they are farther apart than ``limit``."""
    if len(rows):
        yield from np.split(rows, np.flatnonzero(np.diff(times[rows]) > limit * (1 + 1e-9)) + 1)


def _filled(times: Float64, columns: Float64, seen: Int64) -> Float64:
    """Columns [N, C] of which the rows ``seen`` are known, the first and last among them, with all known."""
    known = columns[seen]
    filled = hermite(times[seen], known, monotone_slopes(times[seen], known), times)
    filled[seen] = known
    return np.asarray(filled)


def _filtered(times: Float64, columns: Float64, even: Even, usual_s: float) -> Float64:
    """Columns [N, C], N >= 2, filtered on an even grid whose step is the track's usual one at most."""
    grid = np.linspace(times[0], times[-1], len(times))
    step = (times[-1] - times[0]) / (len(times) - 1)
    if np.abs(times - grid).max() <= _EVEN * step and step <= (1 + _EVEN) * usual_s:
        return even(columns, 1.0 / step)
    step = min(usual_s, float(np.median(np.diff(times))))
    grid = np.linspace(times[0], times[-1], max(round((times[-1] - times[0]) / step), 1) + 1)
    resampled = hermite(times, columns, parabolic_slopes(times, columns), grid)
    smooth = even(resampled, (len(grid) - 1) / float(times[-1] - times[0]))
    return np.asarray(hermite(grid, smooth, parabolic_slopes(grid, smooth), times))
