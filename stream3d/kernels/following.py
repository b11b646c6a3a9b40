"""What tracking learns of everybody in every frame. Arrays in, arrays out; ``stream3d.track`` says why."""

from __future__ import annotations

import math

import numba
import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]

_TRUNK = 0.6  # sides that no trunk is long
_NOW_S = 0.15  # time constant of what somebody looks like at the moment
_BONE_UP, _BONE_DOWN = 0.3, 0.01  # how fast a bone's greatest length is learned and forgotten


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _bone(points: Float32, joint: int, one: int, other: int) -> float:
    """The length from the mean of two roots to a joint of ``points`` [J, 3]; NaN where an end was not seen."""
    dx = points[joint, 0] - (points[one, 0] + points[other, 0]) / 2
    dy = points[joint, 1] - (points[one, 1] + points[other, 1]) / 2
    return math.hypot(dx, dy)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def weigh(keypoints: Float32, sides: Float32, trunk: Int64, joints: Int64, roots: Int64) -> Float64:
    """[P, 2]: mean score of poses [P, J, 3], and their share of limbs whose bones no body of this trunk can have.

    ``trunk`` [4] are shoulders and hips, ``joints`` [L] ends and ``roots`` [2, L] beginnings of limbs. Foreshortening
    makes bones shorter, never longer, so only what is too long counts: a bone may be as long as 1.5 trunks or a third
    of the region's side [P], whichever is more.
    """
    out = np.zeros((len(keypoints), 2))
    for p in range(len(keypoints)):
        points = keypoints[p]
        out[p, 0] = points[:, 2].sum() / len(points)
        down = points[trunk[0], :2] + points[trunk[1], :2] - points[trunk[2], :2] - points[trunk[3], :2]
        long = math.hypot(down[0], down[1]) / 2
        if long > _TRUNK * sides[p]:
            out[p, 1] = 1.0
            continue
        longest = sides[p] / 3 if math.isnan(long) else max(sides[p] / 3, 1.5 * long)
        known, wrong = 0, 0
        for k in range(len(joints)):
            bone = _bone(points, joints[k], roots[0, k], roots[1, k])
            known += not math.isnan(bone)
            wrong += bone > longest
        if known:
            out[p, 1] = wrong / known
    return out


@numba.njit(cache=True, nogil=True, error_model="numpy")
def measure(bones: Float64, rows: Int64, keypoints: Float32, sides: Float64, limbs: tuple[Int64, Int64]) -> None:
    """Learn in ``rows`` [P] of ``bones`` [N, L] how long limbs of poses [P, J, 3] can be, in their ``sides`` [P].

    Shorter ones count less: foreshortened ones say little. A side of zero says that nothing is to be learned.
    """
    joints, roots = limbs
    for p in range(len(rows)):
        for k in range(len(joints)):
            if sides[p] > 0:
                bone = _bone(keypoints[p], joints[k], roots[0, k], roots[1, k]) / sides[p]
                change = bone - bones[rows[p], k]
                if math.isnan(bones[rows[p], k]):
                    bones[rows[p], k] = bone
                elif not math.isnan(change):
                    bones[rows[p], k] += change * (_BONE_UP if change > 0 else _BONE_DOWN)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _blend(look: Float32, seen: Float32, share: float) -> None:
    """Move a look [D] towards what was ``seen``; what was not known (NaN) becomes it."""
    fresh, part = math.isnan(look[0]), np.float32(share)
    for d in range(len(look)):
        look[d] = seen[d] if fresh else look[d] + (seen[d] - look[d]) * part


@numba.njit(cache=True, nogil=True, error_model="numpy")
def appear(looks: Float32, nows: Float32, rows: Int64, seen: Float32, steps_s: Float64, within_s: Float64) -> Float64:
    """Move ``rows`` [P] of ``looks`` and ``nows`` [N, D] towards what was ``seen`` [P, D] after ``steps_s`` [P].

    The first within about ``within_s`` [P], infinite where nothing is to be learned. No time and rows of NaN say
    nothing. Returns how alike the two of each are now, float64 [P], NaN where unknown.
    """
    alike = np.full(len(rows), np.nan)
    for p in range(len(rows)):
        look, now = looks[rows[p]], nows[rows[p]]
        if steps_s[p] > 0 and not math.isnan(seen[p, 0]):
            _blend(now, seen[p], 1 - math.exp(-steps_s[p] / _NOW_S))
            if within_s[p] < math.inf:
                _blend(look, seen[p], 1 - math.exp(-steps_s[p] / within_s[p]))
        alike[p] = (look * now).sum()
    return alike
