"""Kalman filters of everybody who is followed. Arrays in, arrays out; ``stream3d.track.motion`` says why.

A motion is (values, speeds, states): values and speeds float64 [N, 2 + J, 2], whose row 0 is the centre, row 1 the
logarithm of the side and the rotation, the others keypoints; states float64 [N, 4, 4], one for each of centre, size,
rotation and keypoints.
"""

from __future__ import annotations

import math

import numba
import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]
Motion = tuple[Float64, Float64, Float64]

CENTRE, SIZE, TURN, POINTS = range(4)  # what is predicted together
PLACE, TIE, SWAY, STIR = range(4)  # variances of a value, of value and speed, of the speed; how large errors were
# How hard the speed is driven (a second's standard deviation of its change), and the standard deviations of what the
# net says and of a newcomer's speed. Centre and points in sides of the region, size as its logarithm, turn in radians.
DRIVES = np.array([3.0, 1.0, 4.0, 6.0])
NOISES = np.array([0.012, 0.03, 0.04, 0.015])
SPEEDS = np.array([0.8, 0.3, 0.5, 1.5])
BY_SIDE = np.array([True, False, False, True])
_STRAIGHT_S = 0.25  # nobody is expected to go straight on for much longer than this
_LEAP = 9.0  # squared error over its variance at which the motion itself must have changed
_CALM, _STIR = 0.15, 0.3  # share of the drive left to something calm; weight of a new error
_UNSURE = 2.0  # how much noisier the pose of somebody is that may be another's


@numba.njit(cache=True, nogil=True, error_model="numpy")
def reach(step_s: float) -> float:
    """For how many seconds of going straight on a time ahead counts."""
    if step_s <= _STRAIGHT_S:
        return step_s
    return _STRAIGHT_S + _STRAIGHT_S * (1 - math.exp(1 - step_s / _STRAIGHT_S))


@numba.njit(cache=True, nogil=True, error_model="numpy")
def spread(state: Float64, step_s: float, side: float, group: int) -> float:
    """The variance of what is expected of a group a time later: squared sides for CENTRE and POINTS."""
    scale = side if BY_SIDE[group] else 1.0
    drive = DRIVES[group] * step_s * step_s / 2
    place = state[group, PLACE] + step_s * (2 * state[group, TIE] + step_s * state[group, SWAY])
    return float(place / (scale * scale) + drive * drive)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def expected(motion: Motion, times: Float64, pts: float) -> Float64:
    """Regions float64 [N, 4] at another time; ``times`` [N] are when everybody was last seen."""
    values, speeds, _ = motion
    out = np.empty((len(values), 4))
    for n in range(len(values)):
        ahead = reach(pts - times[n])
        for k in range(4):
            out[n, k] = values[n, k // 2, k % 2] + ahead * speeds[n, k // 2, k % 2]
        out[n, 2] = math.exp(out[n, 2])
        out[n, 3] -= 2 * math.pi * math.floor(out[n, 3] / (2 * math.pi) + 0.5)
    return out


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _mean_error(value: Float64, speed: Float64, seen: Float64, reach_s: float, error: Float64) -> int:
    """Errors [N, A] of what was expected, where nothing was seen their mean; returns how many rows were seen."""
    axes = value.shape[1]
    total, count = np.zeros(axes), 0
    for n in range(len(value)):
        known = True
        for a in range(axes):
            if math.isnan(value[n, a]):  # the first time that this was seen
                value[n, a] = seen[n, a]
            error[n, a] = seen[n, a] - (value[n, a] + reach_s * speed[n, a])
            known = known and not math.isnan(error[n, a])
        if known:
            count += 1
            for a in range(axes):
                total[a] += error[n, a]
    for n in range(len(value)):
        for a in range(axes):
            if math.isnan(error[n, a]) and count:
                error[n, a] = total[a] / count
    return count


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _correct(
    value: Float64,
    speed: Float64,
    state: Float64,
    seen: Float64,
    steps: tuple[float, float],
    noises: tuple[float, float, float],
) -> None:
    """One step of a Kalman filter of places ``value`` and ``speed`` [N, A] that share their ``state`` [4].

    ``steps``: time since the last, and for how much of it things went straight on; ``noises``: how hard speeds are
    driven, the standard deviation of what was seen, the surprise at which it was a leap.
    """
    step, reach_s = steps
    drive, noise_sd, leap = noises
    error = np.empty(value.shape)
    if not _mean_error(value, speed, seen, reach_s, error):
        return
    push = (drive * (_CALM + (1 - _CALM) * min(state[STIR], 1.0))) ** 2
    place = state[PLACE] + step * (2 * state[TIE] + step * state[SWAY]) + push * step**4 / 4
    tie = state[TIE] + step * state[SWAY] + push * step**3 / 2
    sway = state[SWAY] + push * step**2
    square, count = 0.0, 0
    for n in range(len(value)):
        for a in range(value.shape[1]):
            if not math.isnan(error[n, a]):
                square += error[n, a] ** 2
                count += 1
    square /= count
    noise = noise_sd**2
    surprise = square / (place + noise)
    state[STIR] += _STIR * (min(surprise, 4.0) - state[STIR])
    if surprise > leap:
        more = square / (step * step)
        place, tie, sway = place + more * step * step, tie + more * step, sway + more
    near, fast = place / (place + noise), tie / (place + noise)
    for n in range(len(value)):
        for a in range(value.shape[1]):
            value[n, a] += reach_s * speed[n, a] + near * error[n, a]
            speed[n, a] += fast * error[n, a]
    state[PLACE], state[TIE], state[SWAY] = (1 - near) * place, (1 - near) * tie, sway - fast * tie


@numba.njit(cache=True, nogil=True, error_model="numpy")
def correct(
    motion: Motion, times: Float64, rows: Int64, seen: tuple[Float32, Float32], pts: float, crowded: Bool
) -> None:
    """Take what was seen at ``pts`` of ``rows`` [P]: regions [P, 4] and keypoints [P, J, 3]; changes motion and times.

    NaN is what was not seen; it goes with the mean of its group. ``crowded`` [P]: it may be another's; then it counts
    less, and no leap is believed.
    """
    values, speeds, states = motion
    regions, keypoints = seen
    now = np.empty(values.shape[1:])
    for p in range(len(rows)):
        row = rows[p]
        step = pts - times[row]
        times[row] = pts
        if not step > 0:
            continue
        value, speed, far = values[row], speeds[row], reach(step)
        turn = value[1, 1] + far * speed[1, 1]
        off = regions[p, 3] - turn
        now[0, 0], now[0, 1], now[1, 0] = regions[p, 0], regions[p, 1], math.log(regions[p, 2])
        now[1, 1] = turn + off - 2 * math.pi * math.floor(off / (2 * math.pi) + 0.5)
        now[2:] = keypoints[p, :, :2]
        side = math.exp(value[1, 0])
        for group in range(4):
            lines = slice(2, len(value)) if group == POINTS else slice(min(group, 1), min(group, 1) + 1)
            axes = slice(0, 2) if BY_SIDE[group] else slice(group - 1, group)
            scale = side if BY_SIDE[group] else 1.0
            noise = NOISES[group] * scale * (_UNSURE if crowded[p] else 1.0)
            leap = _LEAP if BY_SIDE[group] and not crowded[p] else math.inf
            rules = (DRIVES[group] * scale, noise, leap)
            _correct(value[lines, axes], speed[lines, axes], states[row, group], now[lines, axes], (step, far), rules)
