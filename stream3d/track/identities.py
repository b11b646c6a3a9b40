"""Who is who after people were near each other or away: by what they look like."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from stream3d.track.matching import KNOWN
from stream3d.track.person import SETTLE_S, Person
from stream3d.track.scene import Scene

Float32 = npt.NDArray[np.float32]

_SURE_S = 0.2  # for how long two must be apart again before their looks are compared
_TOGETHER_S = 1.0  # two were near each other if both were near somebody within this time
_GAIN = 0.06  # how much more alike bodies and memories must be the other way round, together
_RATIO = 2.0  # and by what factor less unlike
_NOISE = 0.02  # unlikeness that says nothing
_CLEAR = 0.4  # trust below which what a newcomer looks like says little


def untangle(scene: Scene) -> None:
    """Give identities back that were exchanged while people were near each other."""
    for one in scene.followed:
        if not one.number or not _SURE_S < scene.pts - one.near_until <= SETTLE_S:
            continue
        for other in [*scene.followed, *scene.lost]:
            met = other is not one and other.number and abs(other.near_until - one.near_until) < _TOGETHER_S
            if met and _exchanged(scene, one, other):
                one.number, other.number = other.number, one.number
                one.born_at, other.born_at = other.born_at, one.born_at
                scene.figures.exchange(one.row, other.row)
                break


def _exchanged(scene: Scene, one: Person, other: Person) -> bool:
    """Whether two look more like each other than like themselves."""
    looks, nows = scene.figures.looks, scene.figures.nows
    alike = [_alike(nows[one.row], looks[one.row]), _alike(nows[one.row], looks[other.row])]
    if any(math.isnan(value) for value in alike):
        return False
    if other.row >= len(scene.followed):
        return alike[1] > KNOWN and _better(alike[1:], alike[:1])
    theirs = [_alike(nows[other.row], looks[one.row]), _alike(nows[other.row], looks[other.row])]
    if math.isnan(theirs[0]) or scene.pts - other.near_until <= _SURE_S:
        return False
    return _better([alike[1], theirs[0]], [alike[0], theirs[1]])


def _alike(one: Float32, other: Float32) -> float:
    """NaN where either is unknown."""
    return float(one @ other) if len(one) else math.nan


def _better(exchanged: list[float], kept: list[float]) -> bool:
    """Whether some appearances are clearly more alike than others."""
    ratio = math.prod(1 - value + _NOISE for value in kept) / math.prod(1 - value + _NOISE for value in exchanged)
    return ratio > _RATIO and sum(exchanged) - sum(kept) > _GAIN


def recognise(scene: Scene, newcomer: Person) -> bool:
    """Give a newcomer the identity of somebody who looks the same and is within reach, if there is one.

    That is somebody who is away, or somebody whose pose is another's since a moment: that other is then somebody new.
    """
    if newcomer.trust < _CLEAR:
        return False
    now, place = scene.figures.nows[newcomer.row], scene.motions.values[newcomer.row, 0].tolist()
    best, likest = None, KNOWN
    for person, alike in ((one, _alike(now, scene.figures.looks[one.row])) for one in scene.missing()):
        if alike > likest and _within_reach(scene, person, newcomer.born_at, place):
            best, likest = person, alike
    if best is None:
        return False
    newcomer.number, best.number = best.number, 0
    newcomer.born_at, best.born_at = best.born_at, newcomer.born_at
    scene.figures.pass_on(best.row, newcomer.row)
    if best.row >= len(scene.followed):
        scene.drop(best)
    else:
        scene.name(best)
    return True


def _within_reach(scene: Scene, person: Person, pts: float, place: list[float]) -> bool:
    """Whether somebody may have gone to a place by then."""
    followed = person.row < len(scene.followed)
    away = pts - (person.alike_at if followed else float(scene.motions.times[person.row]))
    x, y, side, _ = person.home if followed and person.home else scene.motions.regions([person.row])[0]
    return away >= 0 and math.hypot(place[0] - x, place[1] - y) < side * (0.6 + 0.8 * away)
