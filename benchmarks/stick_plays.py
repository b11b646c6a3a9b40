"""The scenes that tracking is tried on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.stick_nets import with_furniture
from benchmarks.stick_scenes import Actor, Scene, stage
from train.mocap.archives import load_trial
from train.mocap.h36m import to_points

Floats = npt.NDArray[np.float64]
Motions = list[tuple[Floats, float]]

_TRIALS = (("02", "01"), ("02", "02"), ("07", "05-walk"), ("16", "15"))  # CMU's walks
_SHIRTS = ((190, 40, 40), (40, 70, 190), (230, 230, 225), (30, 30, 35), (60, 150, 70), (220, 180, 60))
_TROUSERS = ((40, 45, 70), (150, 130, 100), (25, 25, 25), (110, 115, 120), (60, 90, 150), (90, 60, 45))


def take_motions(data: Path | None) -> Motions:
    """CMU's walks, or a synthetic one without data."""
    if data is None:
        from tests.walker import walker

        return [(walker(240).astype(np.float64), 60.0)]
    takes = [load_trial(data, subject, trial) for subject, trial in _TRIALS]
    return [(to_points(take).astype(np.float64), take.fps) for take in takes]


def _dressed(seed: int, *ways: list[tuple[float, float, float]], alike: bool = False) -> list[Actor]:
    """Actors for ways, in clothes that differ (or do not)."""
    rng = np.random.default_rng(seed)
    shirts, trousers = rng.permutation(len(_SHIRTS)), rng.permutation(len(_TROUSERS))
    return [
        Actor(
            way=way,
            motion=n,
            start=rng.uniform(0, 2),
            shirt=_SHIRTS[shirts[0 if alike else n]],
            trousers=_TROUSERS[trousers[0 if alike else n]],
        )
        for n, way in enumerate(ways)
    ]


def _crossing(motions: Motions, seed: int, *, alike: bool = False) -> Scene:
    """Two walk past each other, one behind the other, and back again."""
    far = 5.0 + 0.2 * (seed % 3)
    ways = ([(0, -2.2, 4.2), (4, 2.2, 4.2), (8, -2.2, 4.2)], [(0, 2.4, far), (4, -2.4, far), (8, 2.4, far)])
    return stage("crossing", _dressed(seed, *ways, alike=alike), motions, seconds=8)


def _twins(motions: Motions, seed: int) -> Scene:
    """The same in the same clothes: only motion tells them apart."""
    return _crossing(motions, seed, alike=True)


def _meeting(motions: Motions, seed: int) -> Scene:
    """Two meet, stand before each other for two seconds, and go back where they came from."""
    gap = 0.12 + 0.05 * (seed % 3)
    ways = (
        [(0, -2.0, 4.4), (2, -gap, 4.4), (4, -gap, 4.4), (6.5, -2.2, 4.4)],
        [(0, 2.0, 5.0), (2, gap, 5.0), (4, gap, 5.0), (6.5, 2.2, 5.0)],
    )
    return stage("meeting", _dressed(seed, *ways), motions, seconds=6.5)


def _hiding(motions: Motions, seed: int) -> Scene:
    """One stands; another stops right before them for a second and goes on."""
    ways = (
        [(0, 0.3, 6.0), (7, 0.3, 6.0)],
        [(0, -2.5, 4.0), (2.5, 0.15, 4.0), (3.5, 0.15, 4.0), (6, 2.5, 4.0), (7, 3.0, 4.0)],
    )
    return stage("hiding", _dressed(seed, *ways), motions, seconds=7)


def _returning(motions: Motions, seed: int) -> Scene:
    """One stays; others leave the picture and come back within three seconds, one on the side where they left."""
    ways = (
        [(0, 0.0, 5.5), (9, 0.2, 5.5)],
        [(0, 1.0, 4.0), (2.5, 3.2, 4.0), (4.5, 3.4, 4.2), (7, 0.9, 4.4), (9, 0.9, 4.4)],
        [(0, -1.2, 4.6), (3, -3.6, 4.6), (5.5, -3.6, 4.6), (8, -1.2, 4.4), (9, -1.0, 4.4)],
    )
    return stage("returning", _dressed(seed, *ways), motions, seconds=9)


def _crowd(motions: Motions, seed: int) -> Scene:
    """Six walk to and fro at five depths."""
    rng = np.random.default_rng(100 + seed)
    ways = []
    for person in range(6):
        depth = 4.0 + 0.8 * person + rng.uniform(-0.2, 0.2)
        reach = 0.5 * depth
        at = [0.0, *np.cumsum(rng.uniform(2, 4, 4))]
        ways.append([(t, rng.uniform(-reach, reach), depth + rng.uniform(-0.2, 0.2)) for t in at])
    ways = [[(min(t, 10.0), x, y) for t, x, y in way] + [(12.0, *way[-1][1:])] for way in ways]
    return stage("crowd", _dressed(seed, *ways), motions, seconds=10)


def _far(motions: Motions, seed: int) -> Scene:
    """Four people far away, a tenth to a seventh of the picture high."""
    ways = [[(0, -6.0 + 3 * n, 14.0 + 2 * n), (8, 6.0 - 4 * n, 14.0 + 2 * n)] for n in range(4)]
    return stage("far", _dressed(seed, *ways), motions, seconds=8)


def _fast(motions: Motions, seed: int) -> Scene:
    """Two run at 7 m/s past one who stands, at 15 frames a second: a quarter of their height a frame."""
    ways = (
        [(0, -4.0, 6.0), (1.15, 4.0, 6.0), (2.3, -4.0, 6.0), (3.45, 4.0, 6.0), (4.6, -4.0, 6.0)],
        [(0.5, 4.5, 7.5), (1.8, -4.5, 7.5), (3.1, 4.5, 7.5), (4.4, -4.5, 7.5)],
        [(0, 0.5, 9.0), (4.6, 0.5, 9.0)],
    )
    return stage("fast", _dressed(seed, *ways), motions, seconds=4.6, fps=15)


def _furnished(motions: Motions, seed: int) -> Scene:
    """Somebody walks about among three things that look like people now and then, and leaves."""
    ways = ([(1, -3.0, 5.0), (5, 2.5, 5.0), (6, 3.5, 5.0)],)
    scene = stage("furnished", _dressed(seed, *ways), motions, seconds=10)
    return with_furniture(scene, (250, 420, 300), (900, 380, 420), (1150, 500, 260))


PLAYS: dict[str, Callable[[Motions, int], Scene]] = {
    play.__name__.removeprefix("_"): play
    for play in (_crossing, _twins, _meeting, _hiding, _returning, _crowd, _far, _fast, _furnished)
}
