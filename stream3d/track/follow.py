"""Everybody takes their pose: motion, looks, build and evidence go on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stream3d.track import limbs
from stream3d.track.person import Person
from stream3d.track.scene import Scene
from stream3d.track.sight import Sight

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]

Match = tuple[Person, int]  # a person and the row that shows them


@dataclass(frozen=True, kw_only=True, slots=True)
class _Taken:
    """The poses [P, J, 3] that people take: their ``rows`` [P], ``shown`` [P] in which rows of what was seen.

    ``steps`` [P] are seconds since they were last seen; ``crowded``: it may be another's; ``back``: elsewhere again.
    """

    rows: Int64
    shown: list[int]
    poses: Float32
    steps: Float64
    crowded: Bool
    back: Bool


def follow(scene: Scene, matches: Sequence[Match], sight: Sight) -> Float32:
    """Let everybody take their pose; returns the poses [P, J, 3] with mixed limbs settled."""
    seen, motions = sight.seen, scene.motions
    if not matches:
        return seen.keypoints[:0]
    taken = _take(scene, matches, sight)
    for n in np.flatnonzero(taken.back).tolist():
        row = taken.shown[n]
        motions.restart(int(taken.rows[n]), seen.regions[row], seen.keypoints[row], seen.pts)
    motions.correct(taken.rows, seen.regions[taken.shown], taken.poses, seen.pts, taken.crowded)
    places = motions.regions(taken.rows)
    _learn(scene, matches, taken, sight, places)
    rounds = zip(matches, taken.back.tolist(), taken.steps.tolist(), places, strict=True)
    for (person, row), back, step, place in rounds:
        if back:
            person.come_back(sight, row)
        else:
            person.weigh(sight, row, step)
        person.stand(place, seen.pts)
    return taken.poses


def _take(scene: Scene, matches: Sequence[Match], sight: Sight) -> _Taken:
    rows, shown = np.array([person.row for person, _ in matches], np.int64), [row for _, row in matches]
    poses, steps = sight.seen.keypoints[shown], sight.pts - scene.motions.times[rows]
    return _Taken(
        rows=rows,
        shown=shown,
        poses=limbs.settle(scene.motions, scene.figures.bones, rows, steps, poses, sight.body),
        steps=steps,
        crowded=np.array([person.near_until >= sight.pts for person, _ in matches], np.bool_),
        back=(rows >= len(scene.followed)) & (sight.seen.origin[shown] < 0),
    )


def _learn(scene: Scene, matches: Sequence[Match], taken: _Taken, sight: Sight, places: list[list[float]]) -> None:
    """What people look like at the moment; of those who are quite themselves also on the whole, and their build."""
    quiet = ~(taken.crowded | taken.back)
    within = [person.learns_within(sight.pts) for person, _ in matches]
    steps = np.where(quiet, taken.steps, np.where(taken.back, math.inf, 0.0))
    seen = sight.looks[taken.shown]
    alike = scene.figures.appear(taken.rows, seen, steps, np.where(quiet, within, math.inf))
    sides = np.array([side for _, _, side, _ in places])
    scene.figures.measure(taken.rows, taken.poses, sides * quiet, sight.body)
    for (person, _), itself, value, place in zip(matches, quiet.tolist(), alike, places, strict=True):
        if itself:
            person.resemble(value, place, sight.pts)
