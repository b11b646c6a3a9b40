"""From what a 2D net said of people whose joints are known to the table of its errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from train.errors2d.table import AXES, IN_POINTS, KIND, KINDS, TWIN, Float32, axes_of, shifted

Float64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]

FPS = 30.0
_FARTHEST_M = 0.60
_RIDGE = 4.0
_WILD, _LEAST_WILD_M = 4.0, 0.01
_HUBER_M = 0.03
_LAGS = 24
_FAST_S, _SLOW_S = (0.03, 0.05, 0.08, 0.12, 0.2, 0.3), (0.5, 1.0, 2.0, 4.0)
_WHOLE_COUNTS = 3.0
_PARTS = ("shoulder", "elbow", "wrist"), ("hip", "knee", "ankle")
# Exchanged sides must fit so much better, on a body that is so wide, that no plain error explains them.
_BETTER, _APART_M = 0.5, 0.08


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """``found`` float32 [T, 13, 3]: NAMES in rays and their score, NaN = unseen; ``truth`` float32 [T, 19, 3].

    ``truth`` holds POINTS in camera space for a body of STATURE_M at the distance at which it looks as large.
    """

    found: Float32
    truth: Float32


def slips_of(seen: Seen) -> Bool:
    """In which frames arms and legs [T, 2] fit much better with left and right exchanged."""
    out = np.zeros((len(seen.truth), 2), np.bool_)
    depth = seen.truth[:, IN_POINTS, 2:]
    exact, given = seen.truth[:, IN_POINTS, :2], seen.found[..., :2] * depth
    for part, kinds in enumerate(_PARTS):
        joints = np.flatnonzero(np.isin(KIND, [KINDS.index(kind) for kind in kinds]))
        plain = np.linalg.norm(given - exact, axis=-1)[:, joints].sum(1)
        crossed = np.linalg.norm(given - exact[:, TWIN], axis=-1)[:, joints].sum(1)
        apart = np.linalg.norm(exact - exact[:, TWIN], axis=-1)[:, joints].mean(1)
        out[:, part] = (crossed < _BETTER * plain) & (apart > _APART_M)
    return out


def errors_of(seen: Seen) -> Float32:
    """Errors [T, 13, 2] in metres at the body; NaN where unseen, where sides are exchanged or where it is no error."""
    there = seen.truth[:, IN_POINTS]
    error = (seen.found[..., :2] - there[..., :2] / there[..., 2:]) * there[..., 2:]
    slipped = slips_of(seen)
    for part, kinds in enumerate(_PARTS):
        joints = np.isin(KIND, [KINDS.index(kind) for kind in kinds])
        error[np.ix_(slipped[:, part], joints)] = np.nan
    error[np.linalg.norm(error, axis=-1) > _FARTHEST_M] = np.nan
    return np.asarray(error, np.float32)


def offsets_of(shots: Sequence[Seen], errors: Sequence[Float32]) -> Float64:
    """``offset`` [7, 4] of the table: least squares with Huber's weights and a little ridge, both sides as one."""
    rows = np.concatenate([_rows(seen) for seen in shots])
    values = np.concatenate(errors)
    out = np.zeros((len(KINDS), len(AXES)))
    for kind in range(len(KINDS)):
        matrix = rows[:, kind == KIND].transpose(0, 1, 3, 2).reshape(-1, len(AXES)).astype(np.float64)
        value = values[:, kind == KIND].reshape(-1).astype(np.float64)
        matrix, value = matrix[np.isfinite(value)], value[np.isfinite(value)]
        weight = np.ones(len(value))
        for _ in range(5):
            normal = (matrix * weight[:, None]).T @ matrix + _RIDGE * np.eye(len(AXES))
            out[kind] = np.linalg.solve(normal, (matrix * weight[:, None]).T @ value)
            weight = np.minimum(1, _HUBER_M / np.maximum(np.abs(value - matrix @ out[kind]), 1e-9))
    return out


def _rows(seen: Seen) -> Float32:
    """How far each of NAMES appears to move for a metre along each axis: [T, 13, 4, 2]."""
    axes = axes_of(seen.truth)
    return np.stack([shifted(seen.truth, axes[:, :, a]) for a in range(len(AXES))], 2)


def rest_of(seen: Seen, error: Float32, offset: Float64) -> Float32:
    """Errors [T, 13, 2] that the offsets do not explain."""
    return np.asarray(error - np.einsum("tjak,ja->tjk", _rows(seen), offset[KIND]), np.float32)


def spread_of(rests: Sequence[Float32]) -> dict[str, Any]:
    """``slow_sd``, ``fast_sd``, ``white_sd``, ``slow_s`` and ``fast_s`` of the table.

    A sum of two first-order autoregressive processes and a white one is fitted to half the mean squared change over
    each lag, and to the whole variance.
    """
    lags = np.arange(1, _LAGS + 1)
    change = np.stack([_mean_square(np.concatenate([r[k:] - r[:-k] for r in rests])) / 2 for k in lags])
    whole = _mean_square(np.concatenate(list(rests)))
    fits = [_fitted(change, whole, fast, slow) for fast in _FAST_S for slow in _SLOW_S]
    _, fast, slow, sd = min(fits, key=lambda fit: fit[0])
    names = dict(zip(("slow_sd", "fast_sd", "white_sd"), (rounded(column) for column in sd.T), strict=True))
    return names | {"slow_s": slow, "fast_s": fast}


def _fitted(change: Float64, whole: Float64, fast: float, slow: float) -> tuple[float, float, float, Float64]:
    """How far off the best sum is with these spans, the spans, and its standard deviations [7, 3]."""
    lags = np.arange(1, len(change) + 1)
    shape = np.stack([1 - np.exp(-lags / (slow * FPS)), 1 - np.exp(-lags / (fast * FPS)), np.ones(len(lags))], 1)
    shape = np.concatenate([shape, np.full((1, 3), _WHOLE_COUNTS)])
    fits = [_nonnegative(shape, np.append(c, _WHOLE_COUNTS * w)) for c, w in zip(change.T, whole, strict=True)]
    off = sum(miss / float(w) ** 2 for (_, miss), w in zip(fits, whole, strict=True))
    return off, fast, slow, np.sqrt([power for power, _ in fits])


def _nonnegative(matrix: Float64, values: Float64) -> tuple[Float64, float]:
    from scipy.optimize import nnls

    solution, miss = nnls(matrix, values)
    return solution, miss**2


def _mean_square(rests: Float32) -> Float64:
    """By KINDS, of errors or changes [N, 13, 2] but for the wild ones."""
    tame = np.where(wild_in(rests)[..., None], np.nan, rests)
    return np.array([np.nanmean(np.square(tame[:, kind == KIND])) for kind in range(len(KINDS))])


def wild_in(rests: Float32) -> Bool:
    """Which errors [N, 13, 2] are beyond _WILD robust standard deviations of their kind along an axis: [N, 13]."""
    out = np.zeros(rests.shape[:2], np.bool_)
    for kind in range(len(KINDS)):
        values = np.abs(rests[:, kind == KIND])
        out[:, kind == KIND] = (values > max(_WILD * 1.4826 * np.nanmedian(values), _LEAST_WILD_M)).any(-1)
    return out


def wild_figures(rests: Sequence[Float32]) -> dict[str, Any]:
    """``wild``, ``wild_sd`` and ``wild_s`` of the table."""
    every = np.concatenate(list(rests))
    wild, known = wild_in(every), np.isfinite(every).all(-1)
    pieces = np.split(wild, np.cumsum([len(r) for r in rests])[:-1])
    size = round(float(np.sqrt(np.square(every[wild]).mean())), 4) if wild.any() else 0.0
    return {
        "wild": round(float(wild.sum() / known.sum()), 4),
        "wild_sd": size,
        "wild_s": round(mean_run(pieces) / FPS, 3),
    }


def level_of(rests: Sequence[Float32], fewest: int = 15) -> float:
    """``level_sd``: how the log of a joint's root mean square varies over clips, against that of its kind."""
    logs = []
    for kind in range(len(KINDS)):
        found = [r[:, j] for r in rests for j in np.flatnonzero(kind == KIND)]
        size = np.array([np.sqrt(np.nanmean(np.square(f))) for f in found if np.isfinite(f).all(-1).sum() >= fewest])
        logs.append(np.log(size) - np.log(size).mean())
    return round(float(np.concatenate(logs).std()), 3)


def mean_run(states: Sequence[Bool]) -> float:
    """How many frames [T, …] in a row a state holds, on average; 1 if it never does."""
    total = sum(int(state.sum()) for state in states)
    begun = sum(int(state[:1].sum() + (state[1:] & ~state[:-1]).sum()) for state in states)
    return total / begun if begun else 1.0


def rounded(values: Sequence[float] | Float64, digits: int = 4) -> tuple[float, ...]:
    """As they go into the table."""
    return tuple(round(float(value), digits) for value in values)
