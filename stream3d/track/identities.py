"""Who is who after people were near each other or away: by what they look like."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from stream3d.track.matching import KNOWN
from stream3d.track.person import Person
from stream3d.track.scene import Scene

Float32 = npt.NDArray[np.float32]

SETTLE_S = 0.6  # after somebody was near, before what they look like is learned again
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
    """Give a newcomer the identity of somebody who is away and looks the same, if there is one within reach."""
    best, likest = None, KNOWN
    if newcomer.trust < _CLEAR or not scene.lost:
        return False
    values, times, now = scene.motions.values, scene.motions.times, scene.figures.nows[newcomer.row]
    for person in scene.lost:
        away = newcomer.born_at - float(times[person.row])
        alike = _alike(now, scene.figures.looks[person.row])
        apart = math.dist(values[newcomer.row, 0], values[person.row, 0]) / math.exp(values[person.row, 1, 0])
        if away >= 0 and alike > likest and apart < 0.6 + 0.8 * away:
            best, likest = person, alike
    if best is not None:
        newcomer.number, newcomer.born_at = best.number, best.born_at
        scene.figures.exchange(newcomer.row, best.row)
        scene.drop(best)
    return best is not None
