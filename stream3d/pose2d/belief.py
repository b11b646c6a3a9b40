"""How far a keypoint is to be believed, as a probability that was held against labels."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stream3d.errors import ModelError
from stream3d.kernels import believed as kernels

Float32 = npt.NDArray[np.float32]

FEATURES = 4
"""A constant, the logits of visibility and of the heat map's peak, and the log of the heat's spread in cells."""

LEAST = 0.1
"""Probability below which a keypoint is hidden and not guessed."""

_NARROWEST = 0.05  # cells, that a heat map's spread counts as having
_SUREST = 9.0  # logit
_UNKNOWN = 4.0  # cells, of what has no heat
_CELLS = 64  # along a side of a heat map


@dataclass(frozen=True, kw_only=True, slots=True)
class Belief:
    """``weights`` float32 [J, 4] of the features; ``doubt``: the covariance is this many times the heat's spread."""

    weights: Float32
    doubt: float

    def scores(self, visibility: Float32, peak: Float32, spread: Float32) -> Float32:
        """Probabilities float32 [R, J] that somebody who marks joints would mark these, and where they are.

        ``visibility`` and ``peak`` [R, J] in 0..1, ``spread`` [R, J, 3] in squares of the crop's side.
        """
        keypoints = np.zeros((*visibility.shape, 3), np.float32)
        keypoints[..., 2] = visibility
        self.weigh(keypoints, peak, spread)
        return np.ascontiguousarray(keypoints[..., 2])

    def weigh(self, keypoints: Float32, peak: Float32, spread: Float32) -> None:
        """Put `scores` in the place of the visibility of ``keypoints`` [R, J, 3], x, y, visibility."""
        heat = np.ascontiguousarray(peak, np.float32), np.ascontiguousarray(spread, np.float32)
        kernels.believe(keypoints, heat, self.weights, (_sure(), _NARROWEST, _UNKNOWN, float(_CELLS)))


def features(visibility: Float32, peak: Float32, spread: Float32, cells: int = _CELLS) -> Float32:
    """What belief is weighed from, float32 [R, J, 4]; see ``Belief.scores``."""
    wide = np.sqrt(np.maximum((spread[..., 0] + spread[..., 2]) / 2, 0)) * cells
    wide = np.nan_to_num(
        np.log(np.maximum(wide, _NARROWEST)), nan=np.log(_UNKNOWN)
    )  # outside the crop: as wide as can be
    ones = np.ones_like(wide)
    return np.stack([ones, _logit(visibility), _logit(peak), wide], -1).astype(np.float32)


def _sure() -> float:
    return 1 / (1 + math.exp(-_SUREST))


def _logit(probability: Float32) -> Float32:
    sure = _sure()
    inside = np.clip(probability.astype(np.float64), 1 - sure, sure)
    out: Float32 = np.log(inside / (1 - inside)).astype(np.float32)
    return out


def covariances(spread: Float32, regions: Float32, doubt: float) -> Float32:
    """Covariances float32 [R, J, 3] = xx, xy, yy in image pixels², of spreads in their crops [R, J, 3]."""
    out = np.empty(spread.shape, np.float32)
    kernels.turn(np.ascontiguousarray(spread, np.float32), np.ascontiguousarray(regions, np.float32), doubt, out)
    return out


def belief_of(notes: Mapping[str, str], joints: int) -> Belief | None:
    """What a file of weights says of how far it is to be believed; None if it says nothing.

    Raises:
        ModelError: it says something else.
    """
    if "belief" not in notes:
        return None
    try:
        said = json.loads(notes["belief"])
        belief = Belief(weights=np.array(said["weights"], np.float32), doubt=float(said["doubt"]))
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise ModelError(f"the net's belief in itself cannot be read: {error}") from error
    if belief.weights.shape != (joints, FEATURES) or not np.isfinite([*belief.weights.ravel(), belief.doubt]).all():
        raise ModelError(f"the net's belief is {belief.weights.shape}, not finite ({joints}, {FEATURES})")
    return belief
