"""A Kalman filter of constant acceleration with true time steps, for many points at once.

The model is the Wiener-process acceleration of Bar-Shalom, Li and Kirubarajan (Estimation with Applications to Tracking
and Navigation, Wiley 2001, section 6.2.3): the jerk is white noise, discretised over the true step, so that one long
step is the same as several short ones. The gate is theirs too (section 5.4): the squared innovation over its variance
is chi-square distributed with as many degrees of freedom as there are axes. All axes of a point share one covariance,
so that nothing depends on how they are turned.
"""

from __future__ import annotations

import math

import numba
import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]
State = tuple[Float64, Float64, Float64, Int64]
Rules = tuple[float, float, float, float, float, float, float, int]

UNSEEN, TAKEN, TURNED, REJECTED, BEGUN = range(5)  # what became of a sample of a point

_ENOUGH = 3  # samples that speed and acceleration take to be known: nothing unseen is predicted from fewer


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _predict(state: tuple[Float64, Float64], step: float, push: float, out: tuple[Float64, Float64]) -> None:
    """Mean [3, A] and covariance [6] (00, 01, 02, 11, 12, 22) a ``step`` later; ``push`` is the jerk's density."""
    mean, cov = state
    ahead, spread = out
    half = 0.5 * step * step
    for a in range(mean.shape[1]):
        ahead[0, a] = mean[0, a] + step * mean[1, a] + half * mean[2, a]
        ahead[1, a] = mean[1, a] + step * mean[2, a]
        ahead[2, a] = mean[2, a]
    c01, c02, c11, c12, c22 = cov[1], cov[2], cov[3], cov[4], cov[5]
    d00, d01, d02 = cov[0] + step * c01 + half * c02, c01 + step * c11 + half * c12, c02 + step * c12 + half * c22
    d11, d12 = c11 + step * c12, c12 + step * c22
    square, cube = push * step * step, push * step * step * step
    spread[0] = d00 + step * d01 + half * d02 + cube * step * step / 20.0
    spread[1] = d01 + step * d02 + cube * step / 8.0
    spread[2] = d02 + cube / 6.0
    spread[3] = d11 + step * d12 + cube / 3.0
    spread[4] = d12 + square / 2.0
    spread[5] = c22 + push * step


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _correct(state: tuple[Float64, Float64], seen: Float64, noise: float) -> None:
    """Take the sample ``seen`` [A], whose variance is ``noise``, in place."""
    mean, cov = state
    total = cov[0] + noise
    k0, k1, k2 = cov[0] / total, cov[1] / total, cov[2] / total
    for a in range(mean.shape[1]):
        error = seen[a] - mean[0, a]
        mean[0, a] += k0 * error
        mean[1, a] += k1 * error
        mean[2, a] += k2 * error
    cov[3] -= k1 * cov[1]
    cov[4] -= k1 * cov[2]
    cov[5] -= k2 * cov[2]
    for k in range(3):
        cov[k] *= noise / total


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _keep(new: tuple[Float64, Float64], state: tuple[Float64, Float64]) -> None:
    """Copy a mean and a covariance."""
    for a in range(new[0].shape[1]):
        for d in range(3):
            state[0][d, a] = new[0][d, a]
    for k in range(6):
        state[1][k] = new[1][k]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _begin(state: tuple[Float64, Float64], seen: Float64, spread: tuple[float, float, float]) -> None:
    """Only a place is known; speed and acceleration are 0, give or take: ``spread`` are the three variances."""
    mean, cov = state
    for a in range(len(seen)):
        mean[0, a], mean[1, a], mean[2, a] = seen[a], 0.0, 0.0
    cov[1], cov[2], cov[4] = 0.0, 0.0, 0.0
    cov[0], cov[3], cov[5] = spread


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _turn(state: tuple[Float64, Float64], seen: Float64, step: float, noise: float, acceleration: float) -> None:
    """Begin anew with the speed from the last place to this one; ``noise`` and ``acceleration`` are variances.

    Two-point differencing, section 5.5.3 of the same book.
    """
    mean, cov = state
    for a in range(len(seen)):
        mean[1, a] = (seen[a] - mean[0, a]) / step
        mean[0, a], mean[2, a] = seen[a], 0.0
    cov[0], cov[1], cov[3] = noise, noise / step, 2.0 * noise / (step * step)
    cov[2], cov[4], cov[5] = 0.0, 0.0, acceleration


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _away(seen: Float64, mean: Float64) -> float:
    """The squared distance of a sample [A] from where it was expected; not finite where an axis is unknown."""
    square = 0.0
    for a in range(len(seen)):
        square += (seen[a] - mean[0, a]) ** 2
    return square


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _fate(
    off: tuple[float, float], most: tuple[float, float], counts: Int64, since: tuple[float, bool], rules: Rules
) -> int:
    """What becomes of a sample.

    ``off`` are its squared distances from where it was expected and from the last place, not finite where nothing was
    seen; ``most`` those up to which it is usual, and possible. ``counts`` are of samples believed since the beginning,
    and rejected since the last that was: where as many speak against the past as for it, the past is no better.
    """
    predict_s, patience = rules[6], rules[7]
    step, past = since
    if not math.isfinite(off[0]) or (past and step == 0.0):
        return UNSEEN
    if not past:
        return BEGUN
    if off[0] <= most[0]:
        return TAKEN
    if off[1] <= most[1]:
        return TURNED
    return BEGUN if counts[1] >= min(patience, counts[0]) or step > predict_s else REJECTED


@numba.njit(cache=True, nogil=True, error_model="numpy")
def step(
    seen: tuple[Float64, Float64, Float64],
    time_s: float,
    rows: Int64,
    rules: Rules,
    state: State,
    out: tuple[Float64, Int64],
) -> None:
    """One sample of every point of ``rows``: writes ``out`` [N, P, A], [N, P] and the state arrays in place."""
    values, noises, scales = seen
    drift, speed, acceleration, gate, leap, max_gap_s, predict_s, _ = rules
    means, covs, seen_at, counts = state
    places, fates = out
    ahead, spread = np.zeros(means.shape[2:]), np.zeros(6)
    for n in range(len(values)):
        row, scale = rows[n], scales[n] * scales[n]
        for p in range(values.shape[1]):
            own, noise = (means[row, p], covs[row, p]), noises[n, p] * noises[n, p]
            step = time_s - seen_at[row, p]
            past = 0.0 <= step <= max_gap_s  # never where there is none, whose time is NaN
            if past:
                _predict(own, step, drift * drift * scale, (ahead, spread))
            off = _away(values[n, p], ahead), _away(values[n, p], means[row, p])
            most = gate * (spread[0] + noise), leap * leap * step * step * scale
            fate = _fate(off, most, counts[row, p], (step, past), rules)
            if fate == BEGUN:
                _begin(own, values[n, p], (noise, speed * speed * scale, acceleration * acceleration * scale))
            elif fate == TURNED:
                _turn(own, values[n, p], step, noise, acceleration * acceleration * scale)
            elif fate == TAKEN:
                _correct((ahead, spread), values[n, p], noise)
                _keep((ahead, spread), own)
            if fate == REJECTED:
                counts[row, p, 1] += 1
            elif fate != UNSEEN:
                seen_at[row, p], counts[row, p, 1] = time_s, 0
                counts[row, p, 0] = 1 if fate == BEGUN else (2 if fate == TURNED else counts[row, p, 0] + 1)
            known = past and step <= predict_s and (fate == REJECTED or step == 0.0 or counts[row, p, 0] >= _ENOUGH)
            for a in range(values.shape[2]):
                if fate in (UNSEEN, REJECTED):
                    places[n, p, a] = ahead[0, a] if known else math.nan
                else:
                    places[n, p, a] = means[row, p, 0, a]
            fates[n, p] = fate


@numba.njit(cache=True, nogil=True, error_model="numpy")
def fates_of(seen: tuple[Float64, Float64, Float64], times: Float64, rules: Rules, state: State) -> Int64:
    """What becomes of one row's samples, int64 [T, P]: values [T, P, A], noises [T, P], scales [T] at ``times`` [T]."""
    values, noises, scales = seen
    fates = np.empty(values.shape[:2], np.int64)
    places, row = np.empty((1, *values.shape[1:])), np.zeros(1, np.int64)
    for t in range(len(times)):
        one = values[t : t + 1], noises[t : t + 1], scales[t : t + 1]
        step(one, times[t], row, rules, state, (places, fates[t : t + 1]))
    return fates
