"""What tracking computes for every person in every frame. Arrays in, arrays out; ``stream3d.track`` says why."""

from __future__ import annotations

import math

import numba
import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]

PLACE, TIE, SWAY, STIR = range(4)  # variances of a value, of value and speed, of the speed; how large errors were


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _mean_error(value: Float64, speed: Float64, seen: Float64, reach: float, error: Float64) -> int:
    """Errors [N, A] of what was expected, where nothing was seen their mean; returns how many rows were seen."""
    axes = value.shape[1]
    total, count = np.zeros(axes), 0
    for n in range(len(value)):
        known = True
        for a in range(axes):
            if math.isnan(value[n, a]):  # the first time that this was seen
                value[n, a] = seen[n, a]
            error[n, a] = seen[n, a] - (value[n, a] + reach * speed[n, a])
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
    habits: tuple[float, float, float, float, float],
) -> None:
    """One step of a Kalman filter of places ``value`` and ``speed`` [N, A] that share their ``state`` [4]."""
    step, reach = steps
    drive, noise_sd, calm, stir, leap = habits
    error = np.empty(value.shape)
    if not _mean_error(value, speed, seen, reach, error):
        return
    push = (drive * (calm + (1 - calm) * min(state[STIR], 1.0))) ** 2
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
    state[STIR] += stir * (min(surprise, 4.0) - state[STIR])
    if surprise > leap:
        more = square / (step * step)
        place, tie, sway = place + more * step * step, tie + more * step, sway + more
    near, fast = place / (place + noise), tie / (place + noise)
    for n in range(len(value)):
        for a in range(value.shape[1]):
            value[n, a] += reach * speed[n, a] + near * error[n, a]
            speed[n, a] += fast * error[n, a]
    state[PLACE], state[TIE], state[SWAY] = (1 - near) * place, (1 - near) * tie, sway - fast * tie


@numba.njit(cache=True, nogil=True, error_model="numpy")
def correct(
    motion: tuple[Float64, Float64, Float64],
    seen: Float64,
    steps: tuple[float, float],
    noises: Float64,
    habits: tuple[float, float, float],
) -> None:
    """One step of somebody's motion, in place: values [2 + J, 2], their speeds, and states [4, 4].

    Row 0 is the centre, row 1 the logarithm of the side and the rotation, the others keypoints; centre, size, rotation
    and keypoints have a state each. ``seen`` is what was seen, NaN where nothing was (it then goes with the mean of its
    group). ``noises`` [4, 2] are how hard speeds are driven per second and the standard deviation of what was seen.
    ``steps``: time since the last, and for how much of it things went straight on. ``habits``: share of the drive left
    to something calm, weight of a new error in how large they are, surprise at which it was a leap.
    """
    values, speeds, states = motion
    calm, stir, leap = habits
    for group in range(4):
        rows = slice(2, len(values)) if group == 3 else slice(min(group, 1), min(group, 1) + 1)
        axes = slice(0, 2) if group in (0, 3) else slice(group - 1, group)
        rules = (noises[group, 0], noises[group, 1], calm, stir, leap if group in (0, 3) else math.inf)
        _correct(values[rows, axes], speeds[rows, axes], states[group], seen[rows, axes], steps, rules)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def similarity(expected: Float64, spread: Float64, seen: Float32, variances: tuple[Float64, Float64]) -> Float64:
    """Keypoint similarity [T, R] of ``expected`` [T, J, 2] and ``seen`` [R, J, 3], weighted by score.

    Variance of joint j of row t: ``spread`` [J] squared plus the first of ``variances`` [T], times the second [T].
    """
    blur, areas = variances
    out = np.zeros((len(expected), len(seen)))
    for t in range(len(expected)):
        for r in range(len(seen)):
            total, weights = 0.0, 1e-9
            for j in range(len(spread)):
                dx, dy = expected[t, j, 0] - seen[r, j, 0], expected[t, j, 1] - seen[r, j, 1]
                square = dx * dx + dy * dy
                if not math.isnan(square):
                    weight = max(seen[r, j, 2], 0.05)
                    total += weight * math.exp(-square / (2 * (spread[j] ** 2 + blur[t]) * areas[t]))
                    weights += weight
            out[t, r] = total / weights
    return out


@numba.njit(cache=True, nogil=True, error_model="numpy")
def lengths(points: Float64, joints: Int64, roots: Int64) -> Float64:
    """Lengths [L] from the means of two ``roots`` [2, L] to the ``joints`` [L] of ``points`` [J, 2]."""
    out = np.empty(len(joints))
    for k in range(len(joints)):
        a, b, c = joints[k], roots[0, k], roots[1, k]
        dx = points[a, 0] - (points[b, 0] + points[c, 0]) / 2
        dy = points[a, 1] - (points[b, 1] + points[c, 1]) / 2
        out[k] = math.hypot(dx, dy)
    return out


@numba.njit(cache=True, nogil=True, error_model="numpy")
def meetings(one: Float64, other: Float64, joints: Int64, kinds: Int64, limit: float) -> Int64:
    """[M, 2]: which of the ``joints`` [L] of two poses [J, 2] of one of the ``kinds`` [L] are nearer than ``limit``."""
    found = np.empty((len(joints) * 2, 2), np.int64)
    count = 0
    for a in range(len(joints)):
        for b in range(len(joints)):
            if kinds[a] == kinds[b]:
                i, j = joints[a], joints[b]
                if math.hypot(one[i, 0] - other[j, 0], one[i, 1] - other[j, 1]) < limit:
                    found[count, 0], found[count, 1] = a, b
                    count += 1
    return found[:count]
