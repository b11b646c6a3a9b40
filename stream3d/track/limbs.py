"""Limbs that two poses have in common: given to whom they fit, unseen on the other."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from stream3d.kernels.following import meetings
from stream3d.track.body import Body, Limb
from stream3d.track.person import Person

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]

_TOGETHER = 0.04  # sides of a region within which two joints are at one place
_TRUNKS_APART = 0.12  # and beyond which two trunks are not
_REACH = 1.1  # regions that are farther apart than this many half sides cannot share a limb
_STRAY = 0.05  # least standard deviation of an expected joint, in sides
_LONG = 0.15  # and of the logarithm of a bone's length over its greatest
_MISFIT = 9.0  # squared deviation from which a joint is not this person's
_BETTER = 0.5  # and the other's must be below this share of it


def settle(people: Sequence[Person], keypoints: Float32, pts: float, body: Body) -> Float32:
    """Poses [P, J, 3] of ``people`` [P] with joints that belong to somebody else unseen (NaN, score 0).

    Where a joint of one pose lies on the like joint of another although their trunks are apart, it is the one's whose
    expected place and length of limb it fits; if it fits both, they do meet there and both keep it.
    """
    if len(people) < 2:
        return keypoints
    out, points = keypoints, keypoints[..., :2].astype(np.float64)
    for i in range(len(people)):
        for j in range(i):
            one, other = people[i], people[j]
            if math.dist(one.place, other.place) < _REACH * (one.side + other.side) / 2:
                met = _met(points[i], points[j], min(one.side, other.side), body)
                for row, limb in _losses((one, i), (other, j), points, met, pts, body):
                    out = keypoints.copy() if out is keypoints else out
                    out[row, limb.lost, :2], out[row, limb.lost, 2] = np.nan, 0.0
    return out


def _met(one: Float64, other: Float64, side: float, body: Body) -> Int64:
    """Pairs [M, 2] of limbs of two poses [J, 2] that end at one place although the trunks are apart."""
    met = meetings(one, other, body.joints, body.kinds, _TOGETHER * side)
    if len(met) and min(map(math.dist, body.trunk(one), body.trunk(other))) < _TRUNKS_APART * side:
        return met[:0]
    return met


def _losses(
    one: tuple[Person, int], other: tuple[Person, int], points: Float64, met: Int64, pts: float, body: Body
) -> Iterator[tuple[int, Limb]]:
    """Which rows lose which limbs of the pairs ``met`` [M, 2]."""
    if not len(met):
        return
    mine, theirs = misfit(one[0], points[one[1]], pts, body), misfit(other[0], points[other[1]], pts, body)
    for a, b in met.tolist():
        if max(mine[a], theirs[b]) > _MISFIT and min(mine[a], theirs[b]) < _BETTER * max(mine[a], theirs[b]):
            yield (one[1], body.limbs[a]) if mine[a] > theirs[b] else (other[1], body.limbs[b])


def misfit(person: Person, points: Float64, pts: float, body: Body) -> Float64:
    """How badly each limb [L] of ``points`` [J, 2] fits a person: squared deviations of its place and of its length."""
    step, side = pts - person.pts, person.side
    ahead = person.motion.ahead(step)[2 + body.joints]
    shift = (points[body.joints] - ahead) / side
    variance = person.spread(pts)[1] + _STRAY**2
    place = np.nan_to_num((shift * shift).sum(-1)) / variance
    with np.errstate(divide="ignore"):
        longer = np.log(body.lengths(points) / person.side / person.identity.bones) / _LONG
    result: Float64 = place + np.maximum(np.nan_to_num(longer), 0) ** 2
    return result
