"""Errors drawn as a table says; everything is vectorised over a batch of windows."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

from stream3d.skeleton import H36M17
from train.errors2d.table import IN_POINTS, KIND, NAMES, Float32, Table, load, moved, shifted, turned_away

Float64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]
Rng = np.random.Generator

_LEAST_SURE, _NEAREST_M = 0.05, 0.3
# On photographs of athletes the median error is two to three times that on rendered people.
_LEVELS = (0.5, 3.0)
_PARTS = tuple(
    tuple(H36M17.names.index(f"{side}_{joint}") for side in ("left", "right") for joint in joints)
    for joints in (("shoulder", "elbow", "wrist"), ("hip", "knee", "ankle"))
)


@cache
def _shipped() -> Table:
    return load()


def elapsed(time: Float64) -> Float32:
    """Seconds since the frame before [B, T]; the first is infinite."""
    return np.diff(time, prepend=-np.inf).astype(np.float32)


def held(rng: Rng, since: Float32, span: float | Float32, joints: int = 1) -> Float32:
    """Uniform values [B, T, joints] below 1 that are forgotten over ``span`` (broadcast to it) seconds.

    At each frame, ``since`` [B, T] s after the one before, one is drawn anew with the chance 1 - exp(-since / span);
    so a state that is held where the value is below its share has that share and lasts about ``span``.
    """
    chance = (1 - np.exp(-since[..., None] / span)).astype(np.float32)
    drawn = rng.random((*since.shape, joints), np.float32) / chance
    last = np.where(drawn < 1, np.arange(since.shape[1])[:, None], 0)
    return np.take_along_axis(drawn, np.maximum.accumulate(last, axis=1), axis=1)


def wandering(rng: Rng, since: Float32, spans: Sequence[float]) -> Float32:
    """Unit normal values [S, B, T, 13, 2], each forgotten over its of S ``spans`` (first-order autoregressive)."""
    kept = np.exp(-since / np.array(spans, np.float32)[:, None, None])[..., None, None]
    out = rng.standard_normal((len(spans), *since.shape, len(NAMES), 2), np.float32)
    out *= np.sqrt(1 - kept * kept)
    for frame in range(1, since.shape[1]):
        out[:, :, frame] += kept[:, :, frame] * out[:, :, frame - 1]
    return out


def errors(rng: Rng, points: Float32, time: Float64, table: Table | None = None) -> tuple[Float32, Float32]:
    """Errors [B, T, 19, 2] of POINTS [B, T, 19, 3], metres at each joint's depth, and stated scores [B, T, 19].

    ``time`` [B, T] seconds. All of a window's errors have one level more, 0.5 to 3; points no net gives have none.
    """
    table = table or _shipped()
    since, away = elapsed(time), turned_away(points)
    level = np.exp(rng.uniform(*np.log(_LEVELS), (len(points), 1, 1))).astype(np.float32)
    doubt, scores = _doubt(rng, since, away, table)
    noise = _noise(rng, since, table)
    noise *= (level * _times(away, np.array(table.away_factor)[KIND]) * _times(doubt, table.unsure_factor))[..., None]
    wild = held(rng, since, table.wild_s, len(NAMES)) < table.wild
    far = rng.standard_normal((len(points), 1, len(NAMES), 2), np.float32) * np.float32(table.wild_sd)
    noise += far * (level * wild)[..., None]
    noise += shifted(points, _offsets(rng, points, table))
    error, sure = np.zeros((*points.shape[:3], 2), np.float32), np.ones(points.shape[:3], np.float32)
    error[:, :, IN_POINTS], sure[:, :, IN_POINTS] = noise, scores
    gone = held(rng, since, table.lost_s) < table.lost
    gone[:, -1] = False
    return error, sure * ~gone


def _doubt(rng: Rng, since: Float32, away: Bool, table: Table) -> tuple[Bool, Float32]:
    """Which joints [B, T, 13] the net is unsure of, and what scores it states."""
    share = np.where(away, np.float32(table.unsure[1]), np.float32(table.unsure[0]))
    value = held(rng, since, table.unsure_s, len(NAMES))
    doubt = value < share
    # The value's place within its own state is uniform again, and picks the quantile.
    rank = np.where(doubt, value / np.maximum(share, 1e-6), 1 + (value - share) / (1 - share))
    ends = np.linspace(0, 1, len(table.unsure_scores)), np.linspace(1 + 1e-6, 2, len(table.sure_scores))
    scores = np.interp(rank, np.concatenate(ends), table.unsure_scores + table.sure_scores)
    return doubt, np.maximum(scores, _LEAST_SURE).astype(np.float32)


def _noise(rng: Rng, since: Float32, table: Table) -> Float32:
    """What is neither offset nor wild [B, T, 13, 2], of joints near the camera that the net is sure of."""
    fast, slow = wandering(rng, since, (table.fast_s, table.slow_s))
    noise = fast * _by_kind(table.fast_sd) + slow * _by_kind(table.slow_sd)
    noise += rng.standard_normal(noise.shape, np.float32) * _by_kind(table.white_sd)
    level = np.exp(table.level_sd * rng.standard_normal((len(since), 1, len(NAMES), 1)) - table.level_sd**2)
    return np.asarray(noise * level.astype(np.float32))


def as_measured(
    rng: Rng, points: Float32, exact: Float32, time: Float64, table: Table | None = None
) -> tuple[Float32, Float32]:
    """Rays [B, T, 19, 2] and scores [B, T, 19], 0 = unseen, as the net gives POINTS [B, T, 19, 3] of rays ``exact``."""
    error, sure = errors(rng, points, time, table)
    return slipped(rng, exact + error / np.maximum(points[..., 2:], _NEAREST_M), sure, time, table)


def _by_kind(values: tuple[float, ...]) -> Float32:
    return np.array(values, np.float32)[KIND][:, None]


def _times(state: Bool, factor: npt.ArrayLike) -> Float32:
    return np.where(state, np.asarray(factor, np.float32), np.float32(1))


def _offsets(rng: Rng, points: Float32, table: Table) -> Float32:
    """[B, T, 13, 3]: half to one and a half times as far as the table says, for people differ from those rendered."""
    size = rng.uniform(0.5, 1.5, (len(points), 1, 1, 1)).astype(np.float32)
    return moved(points, np.array(table.offset, np.float32)[KIND]) * size


def slipped(
    rng: Rng, rays: Float32, sure: Float32, time: Float64, table: Table | None = None
) -> tuple[Float32, Float32]:
    """``rays`` [B, T, J, 2] and ``sure`` [B, T, J] with left and right taken for each other in whole stretches."""
    table = table or _shipped()
    rays, sure, since = rays.copy(), sure.copy(), elapsed(time)
    span = table.slip_s * np.exp(rng.uniform(*np.log((0.5, 4.0)), (len(rays), 1, 1)))
    wrong = (held(rng, since, table.stretch_s) < table.unstable) & (held(rng, since, span) < table.slipped)
    chances = np.array(table.slip_parts)
    which = rng.choice(3, len(rays), p=chances / chances.sum())
    for number, part in enumerate(_PARTS):
        rows, frames = np.nonzero(wrong[..., 0] & ((which == number) | (which == 2))[:, None])
        here, there = ((rows[:, None], frames[:, None], np.array(p)) for p in (part, part[3:] + part[:3]))
        rays[here], sure[here] = rays[there], sure[there]
    return rays, sure
