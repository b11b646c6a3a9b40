"""Whose pose is whose: how well each pose fits each person, and the pairing that fits best."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stream3d.kernels import fitting as kernels
from stream3d.kernels.assignment import cheapest
from stream3d.kernels.fitting import UNLIKE
from stream3d.track.motion import Motions
from stream3d.track.sight import Sight

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]

KNOWN = 0.9  # appearance from which somebody may have been away for longer and come back farther off
NEVER = 1e6  # the cost of what cannot be
_STRANGER = 0.72  # appearance below which nobody is taken for somebody who was near there a moment ago
_BLINK_S, _PLAIN_S = 0.15, 1.0  # from one frame to the next, and for how long place alone tells who it is


@dataclass(frozen=True, kw_only=True, slots=True)
class Fit:
    """How poses [R] fit people [T]: float64 [T, R].

    ``score`` 0..1; ``there``: whether the pose is where the person is expected; ``off`` = distance of the centres from
    there or from the last place, in sides; ``size`` = absolute logarithm of the ratio of the sides; ``look`` 0..1,
    NaN where unknown; ``owners`` int64 [R] in whose region each pose was looked for, -1: nobody's.
    """

    score: Float64
    there: Bool
    off: Float64
    size: Float64
    look: Float64
    owners: Int64


def fit(motions: Motions, sight: Sight, likeness: Float64, owners: Int64) -> Fit:
    """How every pose fits everybody.

    ``likeness`` [T, R] is what appearances say, ``owners`` [R] in whose region each pose was looked for, -1: nobody's.
    """
    given, known = (sight.seen.keypoints, sight.seen.regions), (likeness, owners)
    score, there, off, size = kernels.fit(motions.filters, motions.times, sight.pts, given, sight.body.spread, known)
    return Fit(score=score, there=there, off=off, size=size, look=likeness, owners=owners)


def distinct(sight: Sight) -> list[int]:
    """Rows that are no repetition of a better one."""
    if len(sight.seen) < 2:
        return list(range(len(sight.seen)))
    rows: list[int] = kernels.distinct(
        sight.trust, sight.seen.keypoints, sight.seen.regions, sight.body.spread
    ).tolist()
    return rows


def crowded(motions: Motions, pts: float, fits: Fit, pairs: list[tuple[int, int]], asked: list[int]) -> list[bool]:
    """Who of the ``pairs`` (row of a person, of a pose) is so near to somebody that their poses may be mixed up.

    ``asked`` are rows of people who are looked for, whether they were found or not.
    """
    people, poses = np.array(pairs, np.int64).reshape(-1, 2).T.copy()
    known, rows = (fits.score, fits.there, fits.off, fits.size), np.array(asked, np.int64)
    found: list[bool] = kernels.crowded(motions.filters, motions.times, pts, known, (people, poses), rows).tolist()
    return found


def pair(cost: Float64) -> list[tuple[int, int]]:
    """(row, column) pairs whose costs [N, M] together are least; what costs ``NEVER`` is no pair."""
    rows, columns = cost.shape
    if not rows or not columns:
        return []
    if rows == 1 or columns == 1:
        best = int(cost.argmin())
        pairs = [(best // columns, best % columns)]
    elif rows <= columns:
        pairs = list(enumerate(cheapest(np.ascontiguousarray(cost)).tolist()))
    else:
        pairs = [(n, m) for m, n in enumerate(cheapest(np.ascontiguousarray(cost.T)).tolist())]
    return [(n, m) for n, m in pairs if cost[n, m] < NEVER]


def cost_there(fits: Fit, away_s: Float64) -> Float64:
    """Cost [T, R] of taking poses for people who are expected just there, and were away for ``away_s`` [T] seconds."""
    least = np.where(away_s < _BLINK_S, UNLIKE - 0.15, _STRANGER)
    possible = fits.there & ~(fits.look < least[:, None])
    return np.where(possible, 1.2 - fits.score, NEVER)


def cost_away(fits: Fit, away_s: Float64) -> Float64:
    """Cost [T, R] of taking poses for people who moved unexpectedly, or were away for ``away_s`` [T] seconds.

    Somebody who looks the same may have gone farther than somebody of whom nothing is known.
    """
    away = away_s[:, None]
    unknown = np.isnan(fits.look)
    near = np.where(away < _BLINK_S, 0.45, np.minimum(0.2 + 0.4 * away, 0.6))  # a leap, or little more than standing
    plain = (away <= _PLAIN_S) & (fits.off < near) & (unknown | (fits.look > _STRANGER))
    far = (fits.off < 0.45 + 0.8 * away) & (fits.look > KNOWN)
    possible = (plain | far) & (fits.size < np.where(unknown, 0.34, 0.34 + 0.1 * away))
    reach = np.where(far, 0.45 + 0.8 * away, near)
    own = fits.owners == np.arange(len(away))[:, None]
    odd = own & (fits.off < 0.5) & (fits.size < 0.7) & ~(fits.look < UNLIKE - 0.15)  # an outlier of the net's
    possible, reach = possible | odd, np.maximum(reach, np.where(odd, 0.5, 0.0))
    cost = fits.off / reach + fits.size + np.where(unknown, 0.5, 2 * (1 - np.nan_to_num(fits.look)))
    return np.where(possible, cost, NEVER)
