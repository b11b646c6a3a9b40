"""Limbs that poses have in common, and whose they are. Arrays in, arrays out; ``stream3d.track.limbs`` says why."""

from __future__ import annotations

import math

import numba
import numpy as np
import numpy.typing as npt

from stream3d.kernels.motion import POINTS, Motion, reach, spread

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]

_TOGETHER = 0.04  # sides of a region within which two joints are at one place
_TRUNKS_APART = 0.12  # and beyond which two trunks are not
_REACH = 1.1  # regions that are farther apart than this many half sides cannot share a limb
_STRAY = 0.05  # least standard deviation of an expected joint, in sides
_LONG = 0.15  # and of the logarithm of a bone's length over its greatest


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _one_trunk(one: Float32, other: Float32, trunk: Int64, limit: float) -> bool:
    """Whether the shoulders or the hips of two poses are about at one place."""
    for k in range(0, 4, 2):
        a, b = trunk[k], trunk[k + 1]
        dx = (one[a, 0] + one[b, 0] - other[a, 0] - other[b, 0]) / 2
        dy = (one[a, 1] + one[b, 1] - other[a, 1] - other[b, 1]) / 2
        if math.hypot(dx, dy) < limit:
            return True
    return False


@numba.njit(cache=True, nogil=True, error_model="numpy")
def meetings(
    motion: Motion, rows: Int64, keypoints: Float32, trunk: Int64, joints: Int64, kinds: Int64
) -> list[tuple[int, int, int, int]]:
    """(pose, limb, pose, limb) of like limbs of poses [P, J, 3] that end at one place although the trunks are apart.

    ``rows`` [P] of the motion are whose the poses should be; ``joints`` and ``kinds`` [L] are where limbs end and what
    can be taken for what.
    """
    values, found = motion[0], [(0, 0, 0, 0) for _ in range(0)]
    for i in range(len(rows)):
        one, side = values[rows[i]], math.exp(values[rows[i], 1, 0])
        for j in range(i):
            other, less = values[rows[j]], math.exp(values[rows[j], 1, 0])
            apart = math.hypot(one[0, 0] - other[0, 0], one[0, 1] - other[0, 1])
            if not apart < _REACH * (side + less) / 2:
                continue
            less = min(side, less)
            if _one_trunk(keypoints[i], keypoints[j], trunk, _TRUNKS_APART * less):
                continue
            for a in range(len(joints)):
                for b in range(len(joints)):
                    mine, theirs = keypoints[i, joints[a]], keypoints[j, joints[b]]
                    near = math.hypot(mine[0] - theirs[0], mine[1] - theirs[1]) < _TOGETHER * less
                    if kinds[a] == kinds[b] and near:
                        found.append((i, a, j, b))
    return found


@numba.njit(cache=True, nogil=True, error_model="numpy")
def misfits(
    motion: Motion,
    steps: Float64,
    rows: Int64,
    keypoints: Float32,
    bones: Float64,
    limbs: tuple[Int64, Int64],
) -> Float64:
    """How badly each limb of poses [P, J, 3] fits whose they should be, float64 [P, L].

    Squared deviations over their variances, of the place from where ``rows`` [P] of the motion are expected after
    ``steps`` [P], and of the length where it is beyond that in ``bones`` [N, L].
    """
    values, speeds, states = motion
    joints, roots = limbs
    out = np.zeros((len(rows), len(joints)))
    for p in range(len(rows)):
        row, points = rows[p], keypoints[p]
        step, side = steps[p], math.exp(values[row, 1, 0])
        variance = spread(states[row], step, side, POINTS) + _STRAY**2
        for k in range(len(joints)):
            joint, one, other = joints[k], roots[0, k], roots[1, k]
            ahead = values[row, 2 + joint] + reach(step) * speeds[row, 2 + joint]
            square = ((points[joint, 0] - ahead[0]) ** 2 + (points[joint, 1] - ahead[1]) ** 2) / (side * side)
            if not math.isnan(square):
                out[p, k] = square / variance
            dx = points[joint, 0] - (points[one, 0] + points[other, 0]) / 2
            dy = points[joint, 1] - (points[one, 1] + points[other, 1]) / 2
            longer = math.log(math.hypot(dx, dy) / side / bones[row, k]) / _LONG
            if longer > 0:
                out[p, k] += longer**2
    return out
