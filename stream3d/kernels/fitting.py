"""How well poses fit people. Arrays in, arrays out; ``stream3d.track.matching`` says why.

Motions are those of ``stream3d.kernels.motion``.
"""

from __future__ import annotations

import math

import numba
import numpy as np
import numpy.typing as npt

from stream3d.kernels.motion import CENTRE, POINTS, Motion, expected, reach, spread

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]
Fits = tuple[Float64, Bool, Float64, Float64]

RIVAL = 0.15  # scores that are nearer than this are not told apart
UNLIKE, ALIKE = 0.6, 0.95  # appearances of two people, and of one person twice
_OKS, _PLACE, _LOOK, _ORIGIN = 0.45, 0.2, 0.25, 0.1  # what each says in the whole, which is at most 1
_FAR = 16.0  # squared Mahalanobis distance of the place beyond which a pose is not where the person should be
_BLUR = 0.15**2  # greatest variance of expected keypoints that is believed, in squared sides
_SLACK, _SIZE_SLACK = 0.08, 0.12  # least standard deviations: of the place in sides, of the logarithm of the side
_FAINT = 0.05  # least weight of a keypoint that was seen at all
_REPEATED = 0.25  # sides within which a pose may be a repetition of another
_SAME = 0.75  # similarity of keypoints above which two poses are one person
_NEAR = 0.35  # sides between two centres within which poses may be taken for each other


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _alike(expected: Float64, joints: Float64, seen: Float32, blur: float, area: float) -> float:
    """Keypoint similarity of ``expected`` [J, 2] and ``seen`` [J, 3], weighted by score.

    The variance of a joint is the square of ``joints`` [J] plus ``blur``, times ``area``.
    """
    total, weights = 0.0, 1e-9
    for j in range(len(joints)):
        dx, dy = expected[j, 0] - seen[j, 0], expected[j, 1] - seen[j, 1]
        square = dx * dx + dy * dy
        if not math.isnan(square):
            weight = max(seen[j, 2], _FAINT)
            total += weight * math.exp(-square / (2 * (joints[j] ** 2 + blur) * area))
            weights += weight
    return total / weights


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _score(oks: float, square: float, look: float, own: bool) -> float:
    """How well a pose fits, 0..1: keypoints, place, appearance (NaN: unknown) and where it was looked for."""
    known = _OKS * oks + _PLACE * math.exp(-square / 4)
    if math.isnan(look):
        known *= (1 - _ORIGIN) / (_OKS + _PLACE)
    else:
        known += _LOOK * min(max((look - UNLIKE) / (ALIKE - UNLIKE), 0.0), 1.0)
    return known + _ORIGIN if own else known


@numba.njit(cache=True, nogil=True, error_model="numpy")
def fit(
    motion: Motion,
    times: Float64,
    pts: float,
    seen: tuple[Float32, Float32],
    joints: Float64,
    known: tuple[Float64, Int64],
) -> Fits:
    """How poses [R] fit people [N] at ``pts``: score, there, off, size, [N, R] each as ``Fit`` has them.

    ``seen`` are keypoints [R, J, 3] and regions [R, 4], ``joints`` [J] COCO's spread of joints in sides, whose variance
    is made milder by that of what is expected; ``known`` are the likenesses of appearances [N, R] and in whose region
    each pose was looked for [R].
    """
    values, speeds, states = motion
    keypoints, regions = seen
    likeness, owners = known
    shape = (len(values), len(regions))
    score, there, off, size = np.empty(shape), np.empty(shape, np.bool_), np.empty(shape), np.empty(shape)
    for n in range(len(values)):
        step, side_then = pts - times[n], math.exp(values[n, 1, 0])
        ahead = values[n] + reach(step) * speeds[n]
        side = math.exp(ahead[1, 0])
        place = spread(states[n], step, side_then, CENTRE) + _SLACK**2
        blur = min(spread(states[n], step, side_then, POINTS), _BLUR)
        for r in range(len(regions)):
            x, y = regions[r, 0], regions[r, 1]
            apart = math.hypot(ahead[0, 0] - x, ahead[0, 1] - y) / side
            size[n, r] = abs(math.log(regions[r, 2] / side))
            square = apart**2 / place + (size[n, r] / _SIZE_SLACK) ** 2 / 2
            there[n, r] = square < _FAR
            off[n, r] = min(apart, math.hypot(values[n, 0, 0] - x, values[n, 0, 1] - y) / side)
            oks = _alike(ahead[2:], joints, keypoints[r], blur, side * side)
            score[n, r] = _score(oks, square, likeness[n, r], owners[r] == n)
    return score, there, off, size


@numba.njit(cache=True, nogil=True, error_model="numpy")
def distinct(trust: Float64, keypoints: Float32, regions: Float32, joints: Float64) -> Int64:
    """Which of the poses [R, J, 3] of regions [R, 4] are no repetition of one of more ``trust`` [R]."""
    keep, order = np.zeros(len(trust), np.bool_), np.argsort(-trust, kind="mergesort")
    other = np.empty(keypoints.shape[1:])
    for k in range(len(order)):
        row = order[k]
        keep[row] = True
        for earlier in range(k):
            i = order[earlier]
            side = min(regions[i, 2], regions[row, 2])
            apart = math.hypot(regions[i, 0] - regions[row, 0], regions[i, 1] - regions[row, 1])
            if keep[i] and apart < _REPEATED * side:
                other[:] = keypoints[i]
                if _alike(other, joints, keypoints[row], 0.0, float(regions[i, 2]) ** 2) > _SAME:
                    keep[row] = False
                    break
    return np.flatnonzero(keep)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def crowded(motion: Motion, times: Float64, pts: float, fits: Fits, pairs: tuple[Int64, Int64], asked: Int64) -> Bool:
    """Who of the pairs (rows of people [P], poses [P]) is so near to somebody that poses may be taken for each other.

    Near is whom a pose fits about as well, or who was paired or ``asked`` for (rows [A]) and is expected close by.
    """
    score, there, _, _ = fits
    people, poses = pairs
    out, places = np.zeros(len(people), np.bool_), expected(motion, times, pts)
    about = np.zeros(len(times), np.bool_)
    about[people] = True
    about[asked] = True
    for p in range(len(people)):
        row, pose = people[p], poses[p]
        for n in range(len(times)):
            if n != row:
                rival = there[n, pose] and score[n, pose] > score[row, pose] - RIVAL
                side = math.exp(min(motion[0][n, 1, 0], motion[0][row, 1, 0]))
                apart = math.hypot(places[n, 0] - places[row, 0], places[n, 1] - places[row, 1])
                out[p] = out[p] or rival or (about[n] and apart < _NEAR * side)
    return out
