"""The One-Euro filter with true time steps, for many points at once.

Casiez, Roussel, Vogel: 1€ Filter: A Simple Speed-based Low-pass Filter for Noisy Input in Interactive Systems, CHI
2012. A first-order low-pass whose cut-off rises with speed: still things are smoothed hard, fast ones lag little.
"""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from stream3d.errors import SettingsError, ShapeError

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]


@numba.njit(cache=True, nogil=True)
def _alpha(cutoff_hz: float, step_s: float) -> float:
    """Weight of the new sample in a first-order low-pass (equation 2 and 5 of the paper)."""
    return 1.0 / (1.0 + 1.0 / (2.0 * math.pi * cutoff_hz * step_s))


@numba.njit(cache=True, nogil=True)
def _step(
    values: Float64,
    time_s: float,
    rows: Int64,
    cutoffs: tuple[Float64, Float64, float, float],
    state: tuple[Float64, Float64, Float64],
    out: Float64,
) -> None:
    """One sample of every point of ``rows``; writes ``out`` [N, P, A] and the state arrays [capacity, ...] in place."""
    min_cutoff_hz, beta, speed_cutoff_hz, max_gap_s = cutoffs
    position, velocity, seen_at = state
    people, points, axes = values.shape
    for n in range(people):
        row = rows[n]
        for p in range(points):
            seen = True
            for a in range(axes):
                seen = seen and math.isfinite(values[n, p, a])
            if not seen:
                for a in range(axes):
                    out[n, p, a] = math.nan
                continue
            step_s = time_s - seen_at[row, p]
            if not 0.0 <= step_s <= max_gap_s:  # also where there is no past, whose time is NaN
                for a in range(axes):
                    position[row, p, a] = values[n, p, a]
                    velocity[row, p, a] = 0.0
                seen_at[row, p] = time_s
            elif step_s > 0.0:
                weight = _alpha(speed_cutoff_hz, step_s)
                square = 0.0
                for a in range(axes):
                    raw = (values[n, p, a] - position[row, p, a]) / step_s
                    velocity[row, p, a] += weight * (raw - velocity[row, p, a])
                    square += velocity[row, p, a] ** 2
                weight = _alpha(min_cutoff_hz[p] + beta[n, p] * math.sqrt(square), step_s)
                for a in range(axes):
                    position[row, p, a] += weight * (values[n, p, a] - position[row, p, a])
                seen_at[row, p] = time_s
            for a in range(axes):
                out[n, p, a] = position[row, p, a]


class OneEuroBank:
    """One-Euro filters for ``points`` points of ``axes`` axes in each of as many rows as are used.

    The axes of a point share one cut-off, ``min_cutoff_hz + beta * speed``, so that the result does not depend on how
    the axes are turned; with ``axes=1`` it is the filter of the paper. ``beta`` is in Hz per (unit of the values per
    second). Steps are the true times between the samples that a point was seen in: a dropped frame changes nothing but
    the step, and a sample at the time of the last one changes nothing at all. NaN in gives NaN out and keeps the
    point's past for ``max_gap_s``; after that, or when time jumps back, it starts anew.

    Raises:
        SettingsError: a count or cut-off that is not positive.

    >>> bank = OneEuroBank(points=1, axes=1, speed_cutoff_hz=1.0, max_gap_s=1.0)
    >>> bank(np.array([0]), np.array([[[2.0]]]), time_s=0.0, min_cutoff_hz=1.0, beta=0.0).item()
    2.0
    """

    def __init__(self, *, points: int, axes: int, speed_cutoff_hz: float, max_gap_s: float) -> None:
        if points < 1 or axes < 1:
            raise SettingsError(f"a filter needs at least one point and axis, not {points} and {axes}")
        check_positive(speed_cutoff_hz=speed_cutoff_hz, max_gap_s=max_gap_s)
        self._shape = (points, axes)
        self._speed_cutoff_hz = float(speed_cutoff_hz)
        self._max_gap_s = float(max_gap_s)
        self._position = np.zeros((0, points, axes))
        self._velocity = np.zeros((0, points, axes))
        self._seen_at = np.zeros((0, points))

    def __call__(
        self,
        rows: Int64,
        values: npt.NDArray[Any],
        *,
        time_s: float,
        min_cutoff_hz: float | Float64,
        beta: float | Float64,
    ) -> npt.NDArray[Any]:
        """Filter ``values`` [N, P, A], the sample at ``time_s`` of the distinct ``rows`` int64 [N].

        ``min_cutoff_hz`` is a number or [P], ``beta`` a number, [P] or [N, P]. Returns the same shape and dtype.

        Raises:
            ShapeError: the arrays do not fit, or a row is negative or given twice.
            SettingsError: a cut-off that is not positive, or a negative beta.
        """
        rows = np.array(rows, np.int64)
        points, axes = self._shape
        if values.shape != (len(rows), points, axes):
            raise ShapeError(f"values must be [{len(rows)}, {points}, {axes}], not {list(values.shape)}")
        if not math.isfinite(time_s):
            raise ShapeError(f"time_s must be a finite number of seconds, not {time_s}")
        self._grow(rows)
        low, rise = _cutoffs(min_cutoff_hz, beta, len(rows), points)
        out = np.empty(values.shape)
        limits = (low, rise, self._speed_cutoff_hz, self._max_gap_s)
        state = (self._position, self._velocity, self._seen_at)
        _step(np.array(values, np.float64, order="C"), float(time_s), rows, limits, state, out)
        return out.astype(values.dtype, copy=False)

    def reset(self, rows: Int64) -> None:
        """Forget the past of ``rows`` int64 [N]; rows never used are let be."""
        rows = np.asarray(rows, np.int64)
        self._seen_at[rows[rows < len(self._seen_at)]] = np.nan

    def _grow(self, rows: Int64) -> None:
        more = rows_needed(rows) - len(self._seen_at)
        if more > 0:
            more = max(more, len(self._seen_at))
            self._position = np.concatenate((self._position, np.zeros((more, *self._shape))))
            self._velocity = np.concatenate((self._velocity, np.zeros((more, *self._shape))))
            self._seen_at = np.concatenate((self._seen_at, np.full((more, self._shape[0]), np.nan)))


def _cutoffs(
    min_cutoff_hz: float | Float64, beta: float | Float64, people: int, points: int
) -> tuple[Float64, Float64]:
    """Both as float64, [P] and [N, P].

    New arrays, since a broadcast view may be read-only, which to Numba is another type: the kernel would be compiled
    anew, in the middle of the stream.
    """
    low, rise = np.empty(points), np.empty((people, points))
    try:
        low[...] = min_cutoff_hz
        rise[...] = beta
    except ValueError as error:
        raise ShapeError(f"cut-offs do not fit {people} rows of {points} points: {error}") from None
    if not (low > 0).all() or not (rise >= 0).all():
        raise SettingsError(f"min_cutoff_hz must be > 0 and beta >= 0, not {min_cutoff_hz} and {beta}")
    return low, rise


def rows_needed(rows: Int64) -> int:
    """How many rows there must be for the distinct ``rows`` int64 [N]; as a list, which for a few is quicker.

    Raises:
        ShapeError: a row is negative or given twice.
    """
    listed: list[int] = rows.tolist()
    if len(set(listed)) != len(listed) or min(listed, default=0) < 0:
        raise ShapeError(f"rows must be distinct and not negative, not {listed}")
    return max(listed, default=-1) + 1


def check_positive(**values: float) -> None:
    """Raise SettingsError for the first of ``values`` that is not a positive finite number."""
    for name, value in values.items():
        if not (math.isfinite(value) and value > 0):
            raise SettingsError(f"{name} must be a positive number, not {value}")


def warm() -> None:
    """Compile the kernel, or load it from the cache, so that the first frame need not wait."""
    bank = OneEuroBank(points=1, axes=1, speed_cutoff_hz=1.0, max_gap_s=1.0)
    bank(np.zeros(1, np.int64), np.zeros((1, 1, 1)), time_s=0.0, min_cutoff_hz=1.0, beta=0.0)
