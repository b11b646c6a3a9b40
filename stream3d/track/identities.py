"""Who is who after people were near each other or away: by what they look like."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from stream3d.track.matching import KNOWN
from stream3d.track.person import SETTLE_S, Person
from stream3d.track.scene import Scene

_NEAR = 0.35  # sides between two centres within which poses may be taken for each other
_SURE_S = 0.2  # for how long two must be apart again before their looks are compared
_TOGETHER_S = 1.0  # two were near each other if both were near somebody within this time
_GAIN = 0.06  # how much more alike bodies and memories must be the other way round, together
_RATIO = 2.0  # and by what factor less unlike
_NOISE = 0.02  # unlikeness that says nothing
_CLEAR = 0.4  # trust below which what a newcomer looks like says little


def note_neighbours(matched: Sequence[Person], asked: Sequence[Person], pts: float) -> None:
    """Note at ``pts`` whom of the ``matched`` somebody else is near, hidden ones too."""
    others = [*matched, *(person for person in asked if not any(person is one for one in matched))]
    if len(others) < 2:
        return
    places = np.array([person.expected(pts)[:2] for person in others])
    sides = np.array([person.side for person in others])
    shift = places[:, None] - places
    near = np.hypot(shift[..., 0], shift[..., 1]) < _NEAR * np.minimum(sides[:, None], sides)
    np.fill_diagonal(near, val=False)
    for person, crowded in zip(matched, near.any(1), strict=False):
        if crowded:
            person.near_until = pts


def untangle(scene: Scene) -> None:
    """Give identities back that were exchanged while people were near each other."""
    for one in scene.followed:
        if not one.number or one.now is None or not _SURE_S < scene.pts - one.near_until <= SETTLE_S:
            continue
        for other in [*scene.followed, *scene.lost]:
            met = other is not one and other.number and abs(other.near_until - one.near_until) < _TOGETHER_S
            if met and _exchanged(scene, one, other):
                one.identity, other.identity = other.identity, one.identity
                break


def _exchanged(scene: Scene, one: Person, other: Person) -> bool:
    """Whether two look more like each other than like themselves."""
    mine, theirs = one.identity.look, other.identity.look
    if mine is None or theirs is None or one.now is None:
        return False
    alike = [float(one.now @ mine), float(one.now @ theirs)]
    if any(other is person for person in scene.lost):
        return alike[1] > KNOWN and _better(alike[1:], alike[:1])
    if other.now is None or scene.pts - other.near_until <= _SURE_S:
        return False
    return _better([alike[1], float(other.now @ mine)], [alike[0], float(other.now @ theirs)])


def _better(exchanged: list[float], kept: list[float]) -> bool:
    """Whether some appearances are clearly more alike than others."""
    ratio = math.prod(1 - value + _NOISE for value in kept) / math.prod(1 - value + _NOISE for value in exchanged)
    return ratio > _RATIO and sum(exchanged) - sum(kept) > _GAIN


def recognise(scene: Scene, newcomer: Person) -> bool:
    """Give a newcomer the identity of somebody who is away and looks the same, if there is one within reach."""
    best, likest = None, KNOWN
    if newcomer.trust < _CLEAR:
        return False
    for person in scene.lost:
        away = newcomer.identity.born_at - person.pts
        look = person.identity.look
        if look is None or newcomer.now is None or away < 0:
            continue
        alike, off = float(newcomer.now @ look), math.dist(newcomer.place, person.place) / person.side
        if alike > likest and off < 0.6 + 0.8 * away:
            best, likest = person, alike
    if best is not None:
        scene.lost = [person for person in scene.lost if person is not best]
        scene.asked = [person for person in scene.asked if person is not best]
        newcomer.identity = best.identity
    return best is not None
