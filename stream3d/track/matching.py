"""Whose pose is whose: how well each pose fits each person, and the pairing that fits best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stream3d.kernels.assignment import cheapest
from stream3d.kernels.following import similarity
from stream3d.track.body import Body
from stream3d.track.motion import reach
from stream3d.track.person import Person
from stream3d.values import Detections2D

Float64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]

_OKS, _PLACE, _LOOK, _ORIGIN = 0.45, 0.2, 0.25, 0.1  # what each says in the whole, which is at most 1
_FAR = 16.0  # squared Mahalanobis distance of the place beyond which a pose is not where the person should be
_SLACK, _SIZE_SLACK = 0.08, 0.12  # least standard deviations: of the place in sides, of the logarithm of the side
_BLUR = 0.15**2  # greatest variance of expected keypoints that is believed, in squared sides
_UNLIKE, _ALIKE = 0.6, 0.95  # appearances of two people, and of one person twice
_STRANGER = 0.72  # appearance below which nobody is taken for somebody who was near there a moment ago
KNOWN = 0.9  # appearance from which somebody may have been away for longer and come back farther off
_BLINK_S, _PLAIN_S = 0.15, 1.0  # from one frame to the next, and for how long place alone tells who it is
_SAME = 0.75  # similarity of keypoints above which two poses are one person
NEVER = 1e6  # the cost of what cannot be
RIVAL = 0.15  # scores that are nearer than this are not told apart


@dataclass(frozen=True, kw_only=True, slots=True)
class Fit:
    """How poses [R] fit people [T]: float64 [T, R].

    ``score`` 0..1; ``there``: whether the pose is where the person is expected; ``off`` = distance of the centres from
    there or from the last place, in sides; ``size`` = absolute logarithm of the ratio of the sides; ``look`` 0..1,
    NaN where unknown; ``own``: whether the pose was found where they were looked for.
    """

    score: Float64
    there: Bool
    off: Float64
    size: Float64
    look: Float64
    own: Bool


def fit(people: Sequence[Person], asked: Sequence[Person], seen: Detections2D, body: Body) -> Fit:
    """How every pose fits everybody; ``asked`` are whom the rows' ``origin`` counts."""
    pts = seen.pts
    steps = np.array([reach(pts - person.pts) for person in people])
    values = np.array([person.motion.values for person in people])
    ahead = values + steps[:, None, None] * np.array([person.motion.speeds for person in people])
    spread = np.array([person.spread(pts) for person in people])
    sides = np.exp(ahead[:, 1, 0])
    variance = np.minimum(spread[:, 1], _BLUR)
    # variances of COCO's object keypoint similarity, made milder by those of the expectation
    oks = similarity(np.ascontiguousarray(ahead[:, 2:]), body.spread, seen.keypoints, (variance, sides * sides))
    rows = seen.regions.astype(np.float64)
    shift = ahead[:, None, 0] - rows[None, :, :2]
    off = np.hypot(shift[..., 0], shift[..., 1]) / sides[:, None]
    size = np.abs(np.log(rows[None, :, 2] / sides[:, None]))
    square = off**2 / (spread[:, :1] + _SLACK**2) + (size / _SIZE_SLACK) ** 2 / 2
    look = _looks(people, seen)
    alike = np.clip((look - _UNLIKE) / (_ALIKE - _UNLIKE), 0, 1)
    place = np.exp(-square / 4)
    known = (_OKS * oks + _PLACE * place) / (_OKS + _PLACE)
    score = np.where(np.isnan(alike), (1 - _ORIGIN) * known, _OKS * oks + _PLACE * place + _LOOK * np.nan_to_num(alike))
    own = np.array(
        [[0 <= o < len(asked) and asked[o] is person for o in seen.origin.tolist()] for person in people], np.bool_
    )
    shift = values[:, None, 0] - rows[None, :, :2]
    return Fit(
        score=score + _ORIGIN * own,
        there=square < _FAR,
        off=np.minimum(off, np.hypot(shift[..., 0], shift[..., 1]) / sides[:, None]),
        size=size,
        look=look,
        own=own,
    )


def _looks(people: Sequence[Person], seen: Detections2D) -> Float64:
    out = np.full((len(people), len(seen)), np.nan)
    if seen.appearance is None:
        return out
    shown = seen.appearance.any(1)
    for row, person in enumerate(people):
        look = person.identity.look if person.identity.look is not None else person.now
        if look is not None:
            out[row] = np.where(shown, seen.appearance @ look, np.nan)
    return out


def distinct(seen: Detections2D, body: Body) -> list[int]:
    """Rows that are no repetition of a better one."""
    order = sorted(
        range(len(seen)), key=lambda row: -float(seen.presence[row]) * float(seen.keypoints[row, :, 2].mean())
    )
    keep: list[int] = []
    for row in order:
        region = seen.regions[row]
        near = [
            other
            for other in keep
            if np.hypot(*(seen.regions[other, :2] - region[:2])) < 0.25 * min(region[2], seen.regions[other, 2])
        ]
        if not near or not _repeats(seen, row, near, body):
            keep.append(row)
    return sorted(keep)


def _repeats(seen: Detections2D, row: int, others: list[int], body: Body) -> bool:
    points, sides = seen.keypoints[others, :, :2].astype(np.float64), seen.regions[others, 2].astype(np.float64)
    alike = similarity(points, body.spread, seen.keypoints[row : row + 1], (np.zeros(len(others)), sides * sides))
    return bool((alike > _SAME).any())


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


def warm() -> None:
    """Compile what is compiled, so that the first crowd does not wait for it."""
    cheapest(np.zeros((2, 2)))


def cost_there(fits: Fit) -> Float64:
    """Cost [T, R] of taking poses for people who are expected just there."""
    possible = fits.there & ~(fits.look < _UNLIKE - 0.15)
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
    odd = fits.own & (fits.off < 0.5) & (fits.size < 0.7) & ~(fits.look < _UNLIKE - 0.15)  # an outlier of the net's
    possible, reach = possible | odd, np.maximum(reach, np.where(odd, 0.5, 0.0))
    cost = fits.off / reach + fits.size + np.where(unknown, 0.5, 2 * (1 - np.nan_to_num(fits.look)))
    return np.where(possible, cost, NEVER)
