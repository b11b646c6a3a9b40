"""Where skeletons stand: a robust fit of root-relative joints to the rays on which they were seen.

Arrays in, arrays out; ``stream3d.lift.placement`` says what they mean and where the method comes from.
"""

from __future__ import annotations

import math

import numba
import numpy as np
import numpy.typing as npt

from stream3d.skeleton import H36M17

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]
Point = tuple[float, float, float]

NEAREST_M, FARTHEST_M = 0.3, 100.0
# A joint this far off its ray, in metres, counts half.
_OFF_RAY_M = 0.08
_ROUNDS = 2
# So many standard deviations off its ray a joint counts half.
_GONE_WRONG = 4.0
_PARENTS = np.array([parent for parent, _ in H36M17.bones])
_CHILDREN = np.array([child for _, child in H36M17.bones])


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _middle(values: Float64, weights: Float64) -> float:
    """Weighted median; both arrays are sorted on the way."""
    for i in range(1, len(values)):
        value, weight, k = values[i], weights[i], i
        while k > 0 and values[k - 1] > value:
            values[k], weights[k] = values[k - 1], weights[k - 1]
            k -= 1
        values[k], weights[k] = value, weight
    half, total = weights.sum() / 2, 0.0
    for i in range(len(values)):
        total += weights[i]
        if total >= half:
            return float(values[i])
    return float(values[-1])


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _by_medians(joints: Float64, rays: Float64, weights: Float64, size: float) -> Point:
    """A root that a few wild joints cannot move, and that always exists."""
    bones = len(_PARENTS)
    ratio, share = np.empty(bones), np.zeros(bones)
    for bone in range(bones):
        a, b = _PARENTS[bone], _CHILDREN[bone]
        flat = math.hypot(joints[a, 0] - joints[b, 0], joints[a, 1] - joints[b, 1])
        ratio[bone] = flat / max(math.hypot(rays[a, 0] - rays[b, 0], rays[a, 1] - rays[b, 1]), 1e-6)
        if weights[a] > 0 and weights[b] > 0:
            share[bone] = flat
    depth = _middle(ratio, share) if share.sum() > 0 else 1 / size
    depth = min(max(depth, NEAREST_M), FARTHEST_M)
    seen, values = np.empty(len(joints)), np.empty(len(joints))
    place = np.empty(2)
    for axis in range(2):
        for j in range(len(joints)):
            seen[j] = 1.0 if weights[j] > 0 else 0.0
            values[j] = rays[j, axis] * (joints[j, 2] + depth) - joints[j, axis]
        place[axis] = _middle(values, seen)
    return place[0], place[1], depth


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _fitted(joints: Float64, rays: Float64, weights: Float64, near: Point) -> tuple[Point, bool]:
    """Weighted least squares in which a joint counts the less, the farther it is off its ray at ``near``.

    The normal equations of X + x = u (Z + z) and Y + y = v (Z + z) in closed form; False without a sound answer.
    """
    total = u_sum = v_sum = square = x_sum = y_sum = z_sum = 0.0
    count = 0
    for j in range(len(joints)):
        if weights[j] > 0:
            count += 1
        u, v, z = rays[j, 0], rays[j, 1], joints[j, 2]
        x_off = joints[j, 0] + near[0] - u * (z + near[2])
        y_off = joints[j, 1] + near[1] - v * (z + near[2])
        w = weights[j] / (1 + (x_off * x_off + y_off * y_off) / (_OFF_RAY_M * _OFF_RAY_M))
        bu, bv = u * z - joints[j, 0], v * z - joints[j, 1]
        total += w
        u_sum += w * u
        v_sum += w * v
        square += w * (u * u + v * v)
        x_sum += w * bu
        y_sum += w * bv
        z_sum -= w * (u * bu + v * bv)
    rest = total * square - u_sum * u_sum - v_sum * v_sum
    if count < 2 or not total * abs(rest) > 1e-12:
        return near, False
    z = (total * z_sum + u_sum * x_sum + v_sum * y_sum) / rest
    return ((x_sum + u_sum * z) / total, (y_sum + v_sum * z) / total, z), NEAREST_M <= z <= FARTHEST_M


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _root(joints: Float64, rays: Float64, weights: Float64, size: float) -> Point:
    root = start = _by_medians(joints, rays, weights, size)
    for _ in range(_ROUNDS):
        found, sound = _fitted(joints, rays, weights, root)
        root = found if sound else start
    return root


@numba.njit(cache=True, nogil=True, error_model="numpy")
def stand(
    pose: tuple[Float64, Float64],
    sight: tuple[Float64, Float64, Bool],
    size: Float64,
    noise_m: float,
    out: tuple[Float32, Float32],
) -> None:
    """Placed joints [P, 17, 3] and moves [P, 17, 2] into ``out``.

    Of the ``pose`` joints [P, 17, 3] and sigma [P, 17], of the ``sight`` rays [P, 17, 2], confidence and trusted
    [P, 17].
    """
    joints, sigma = pose
    rays, confidence, trusted = sight
    placed, moves = out
    weights = np.empty(joints.shape[1])
    for p in range(len(joints)):
        for j in range(joints.shape[1]):
            weights[j] = confidence[p, j] / (sigma[p, j] * sigma[p, j] + noise_m * noise_m)
        x, y, z = _root(joints[p], rays[p], weights, size[p])
        for j in range(joints.shape[1]):
            depth = joints[p, j, 2] + z
            placed[p, j, 0], placed[p, j, 1], placed[p, j, 2] = joints[p, j, 0] + x, joints[p, j, 1] + y, depth
            across = sigma[p, j] * sigma[p, j] / 4
            both = across + noise_m * noise_m
            dx = rays[p, j, 0] * depth - (joints[p, j, 0] + x)
            dy = rays[p, j, 1] * depth - (joints[p, j, 1] + y)
            sure = 1 / (1 + (dx * dx + dy * dy) / (_GONE_WRONG * _GONE_WRONG * both))
            share = across / both * sure if trusted[p, j] else 0.0
            moves[p, j, 0], moves[p, j, 1] = share * dx, share * dy
