"""Left and right taken for each other by some cameras, found by what all of them say together."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from benchmarks.qualisys import View
from benchmarks.triangulate import OFF_PX, triangulated

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

LIMBS = tuple(
    f"{side}_{joint}" for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle") for side in ("left", "right")
)
_PARTS = (slice(0, 6), slice(6, 12))
_TWINS = [1, 0, 3, 2, 5, 4]
# What one more slip costs, so that the fewest explain a frame.
_RELUCTANCE = 1e-3


def untangled(pixels: Floats, weights: Floats, views: Sequence[View]) -> tuple[Floats, Floats, Bools]:
    """``pixels`` [T, 12, C, 2] and ``weights`` [T, 12, C] of LIMBS with slips undone, and where, bool [T, 2, C].

    Arms and legs are taken apart; of all ways to exchange sides in some cameras the one that triangulates best wins.
    """
    pixels, weights = pixels.copy(), weights.copy()
    slipped = np.zeros((len(pixels), len(_PARTS), len(views)), bool)
    for number, part in enumerate(_PARTS):
        ways = np.array(list(itertools.product((False, True), repeat=len(views))))
        costs = [
            _cost(*_exchanged(pixels[:, part], weights[:, part], way), views) + _RELUCTANCE * sum(way) for way in ways
        ]
        chosen = ways[np.argmin(costs, 0)]
        slipped[:, number] = chosen
        for camera in range(len(views)):
            rows = chosen[:, camera]
            for array in (pixels, weights):
                of_part = array[:, part, camera]
                of_part[rows] = of_part[rows][:, _TWINS]
    return pixels, weights, slipped


def _exchanged(pixels: Floats, weights: Floats, way: Bools) -> tuple[Floats, Floats]:
    pixels, weights = pixels.copy(), weights.copy()
    pixels[:, :, way] = pixels[:, _TWINS][:, :, way]
    weights[:, :, way] = weights[:, _TWINS][:, :, way]
    return pixels, weights


def _cost(pixels: Floats, weights: Floats, views: Sequence[View]) -> Floats:
    """How badly each frame [T] triangulates."""
    shape = weights.shape
    _, errors = triangulated(pixels.reshape(-1, *shape[2:], 2), weights.reshape(-1, shape[2]), views)
    off = np.nan_to_num(errors.reshape(shape)) / OFF_PX
    return np.asarray((weights * np.log1p(np.square(off))).sum((1, 2)))
