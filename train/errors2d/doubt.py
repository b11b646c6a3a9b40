"""How much worse a 2D net is where it cannot see well, and what it says of itself there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from train.errors2d.fit import FPS, Bool, Float64, Seen, mean_run, rounded
from train.errors2d.table import KIND, KINDS, Float32, turned_away

SURE_ABOVE = 0.7
_FEWEST = 20
_QUANTILES = np.linspace(0, 1, 11)


def states_of(seen: Seen) -> tuple[Bool, Bool]:
    """Which of NAMES [T, 13] are turned away, and which the net is unsure of."""
    there = np.isfinite(seen.found[..., 0])
    return turned_away(seen.truth), there & (seen.found[..., 2] < SURE_ABOVE)


def factors_of(shots: Sequence[Seen], rests: Sequence[Float32]) -> tuple[tuple[float, ...], float]:
    """``away_factor`` and ``unsure_factor``: ratios of medians, the first of joints that the net is sure of."""
    size = np.linalg.norm(np.concatenate(list(rests)), axis=-1)
    away, doubt = (np.concatenate(states) for states in zip(*map(states_of, shots), strict=True))
    known = np.isfinite(size)
    farther = np.array([_ratio(size, known & ~doubt & (kind == KIND), away) for kind in range(len(KINDS))])
    size = size / np.where(away, np.nan_to_num(farther, nan=1.0)[KIND], 1.0)
    unsurer = [_ratio(size, known & (kind == KIND), doubt) for kind in range(len(KINDS))]
    return rounded(np.nan_to_num(farther, nan=1.0), 2), round(float(np.nanmedian(unsurer)), 2)


def _ratio(size: Float64, among: Bool, state: Bool) -> float:
    """The median of those in a state over that of the others; NaN where there are too few."""
    inside, outside = size[among & state], size[among & ~state]
    return float(np.median(inside) / np.median(outside)) if min(len(inside), len(outside)) >= _FEWEST else np.nan


def even(seen: Seen, rest: Float32, away_factor: Sequence[float], unsure_factor: float) -> Float32:
    """``rest`` [T, 13, 2] as if everything were turned to the camera and sure."""
    away, doubt = states_of(seen)
    factor = np.where(away, np.array(away_factor)[KIND], 1.0) * np.where(doubt, unsure_factor, 1.0)
    return np.asarray(rest / factor[..., None], np.float32)


def scores_of(shots: Sequence[Seen]) -> dict[str, Any]:
    """All about scores: ``sure_above``, ``unsure``, ``unsure_s`` and the quantiles of both kinds."""
    score = np.concatenate([seen.found[..., 2] for seen in shots])
    there = np.concatenate([np.isfinite(seen.found[..., 0]) for seen in shots])
    away, doubt = (np.concatenate(states) for states in zip(*map(states_of, shots), strict=True))
    return {
        "sure_above": SURE_ABOVE,
        "unsure": tuple(round(float(doubt[there & (away == side)].mean()), 4) for side in (False, True)),
        "unsure_s": round(mean_run([states_of(seen)[1] for seen in shots]) / FPS, 3),
        "sure_scores": rounded(np.quantile(score[there & ~doubt], _QUANTILES), 3),
        "unsure_scores": rounded(np.quantile(score[doubt], _QUANTILES), 3) if doubt.any() else (SURE_ABOVE,),
    }
