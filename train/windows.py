"""Batches for the lifter: windows of real motion, on other bodies, before virtual cameras, as 2D nets see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stream3d.lift.features import WINDOW, window_features
from train import augment, limbs
from train.augment import NET_TYPES, STATURE_M, Augmentation, Rng
from train.cameras import random_cameras, seen_by
from train.errors2d import draw as errors2d
from train.mocap.takes import Take

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]
Int64 = npt.NDArray[np.int64]

_NEAREST_M = 0.3
# No joint moves faster than this against the root but by an error of the capture.
_FASTEST_M_S = 25.0
# Every n-th frame of 50 to 60 fps: 10 to 60 fps at run time.
STRIDES, _STRIDE_CHANCES = (1, 2, 3, 4, 5, 6), (0.2, 0.4, 0.15, 0.1, 0.08, 0.07)


@dataclass(frozen=True, kw_only=True, slots=True)
class MotionPool:
    """All takes end to end.

    ``points`` float32 [N, 19, 3]; of each frame ``first`` is the index of its take's first frame, ``fps`` its take's
    rate; ``faults`` [N + 1] the number of unusable frames before it.
    """

    points: Float32
    first: Int64
    fps: Float64
    faults: Int64

    @classmethod
    def of(cls, takes: Sequence[Take]) -> MotionPool:
        """Join takes; a frame with a lost marker or an impossible jump is unusable."""
        points = np.concatenate([take.points for take in takes])
        lengths = np.array([len(take.points) for take in takes])
        first = np.repeat(np.cumsum(lengths) - lengths, lengths)
        fps = np.repeat([take.fps for take in takes], lengths)
        shape = points - points[:, :1]
        speed = np.linalg.norm(np.diff(shape, axis=0, prepend=shape[:1]), axis=-1).max(-1) * fps
        at_start = first == np.arange(len(points))
        faulty = ~np.isfinite(points).all((1, 2)) | (np.where(at_start, 0.0, speed) > _FASTEST_M_S)
        return cls(points=np.nan_to_num(points), first=first, fps=fps, faults=np.cumsum([False, *faulty]))


@dataclass(frozen=True, kw_only=True, slots=True)
class Sequences:
    """``points`` float32 [B, L, 19, 3] m, z up; ``time`` float64 [B, L] s; ``present`` bool [B, L] (come, not gone)."""

    points: Float32
    time: Float64
    present: Bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """K windows each of B sequences, window-major: row ``k * B + b``; after them, S lone windows.

    ``features`` float32 [K·B + S, 27, 55]; ``target`` float32 [K·B + S, 17, 3] as the net should answer; ``turn``
    float32 [K·B + S, 3, 3] virtual_from_camera; ``step`` float32 [B] seconds between the last two answered frames.
    """

    features: Float32
    target: Float32
    turn: Float32
    step: Float32


def draw(pool: MotionPool, rng: Rng, count: int, frames: int, how: Augmentation, *, lookahead: int = 0) -> Sequences:
    """``count`` windows of ``frames`` frames at random rates, some with dropped frames, some of a person just come.

    With ``lookahead`` some leave: at most that many of the last frames are then without them.
    """
    tried = 3 * count
    stride = rng.choice(STRIDES, (tried, 1), p=_STRIDE_CHANCES)
    dropping = rng.random((tried, frames)) < np.where(rng.random((tried, 1)) < 0.2, 0.15, 0.0)
    back = np.cumsum(stride * (1 + dropping), axis=1)
    back = (back - back[:, :1])[:, ::-1]
    end = rng.integers(0, len(pool.points), (tried, 1))
    index = np.maximum(end - back, pool.first[end])
    sound = (pool.faults[end + 1] == pool.faults[index[:, :1]])[:, 0]
    keep = np.concatenate([np.flatnonzero(sound), np.flatnonzero(~sound)])[:count]
    present = (end - back >= pool.first[end])[keep]
    begun = np.where(rng.random(count) < how.beginnings, rng.integers(0, WINDOW, count), 0)
    present &= np.arange(frames) >= begun[:, None]
    present[:, -3 - lookahead :] = True
    if lookahead:
        gone = np.where(rng.random(count) < how.endings, rng.integers(1, lookahead + 1, count), 0)
        present &= np.arange(frames) < (frames - gone)[:, None]
    time = -back[keep] / pool.fps[end[keep]]
    return Sequences(points=pool.points[index[keep]], time=time, present=present)


def bodies(points: Float32, rng: Rng, how: Augmentation) -> Float32:
    """Points on other bodies of STATURE_M."""
    for make, degree in (
        (limbs.crossed, how.crossed),
        (limbs.swung, how.limb_sd_deg),
        (limbs.seated, how.seated),
        (limbs.bowed, how.bowed),
        (limbs.tilted, how.tilted),
    ):
        if degree > 0:
            points = make(points, rng, degree)
    if how.bone_sd > 0:
        points = augment.with_bones(points, augment.bone_factors(rng, len(points), how))
        points = augment.mirrored(points, rng.random(len(points)) < 0.5)
    scale = augment.stature(points) / np.float32(STATURE_M)
    return points / scale[:, None, None, None]


def _erring(points: Float32, rng: Rng, how: Augmentation, kind: Int64, time: Float64) -> tuple[Float32, Float32]:
    """Rays with a net's errors, and what it says of them; nothing is hidden yet."""
    depth = np.maximum(points[..., 2:], _NEAREST_M)
    exact = points[..., :2] / depth
    plain = np.ones(len(points), np.bool_)
    if how.measured > 0:
        plain = (kind != NET_TYPES.index("coco")) | (rng.random(len(points)) >= how.measured)
    rays, sure = np.empty_like(exact), np.empty(points.shape[:3], np.float32)
    error, sure[plain] = augment.noise(rng, (int(plain.sum()), *points.shape[1:3]), how)
    given = exact[plain] + error / depth[plain][:, :, :1]
    rays[plain] = augment.slip_sides(rng, given, how.slips) if how.slips > 0 else given
    if not plain.all():
        rays[~plain], sure[~plain] = errors2d.as_measured(rng, points[~plain], exact[~plain], time[~plain])
    return rays, sure


def as_seen(
    points: Float32, edge: Float32, rng: Rng, how: Augmentation, kind: Int64, *, time: Float64
) -> tuple[Float32, Float32]:
    """Camera-space points [B, L, 19, 3] at ``time`` [B, L] s as a 2D net gives them: rays, confidences (0 = unseen)."""
    shape = points.shape[:3]
    depth = points[..., 2]
    rays, sure = _erring(points, rng, how, kind, time)
    lost = augment.hidden(rng, shape, how) | (depth < _NEAREST_M)
    bounded = (rng.random(len(points)) < how.cut_off)[:, None, None]
    lost |= bounded & (np.abs(rays) > edge[:, None, None]).any(-1)
    rays, sure = augment.as_net(kind, rays, np.where(lost, np.float32(0), sure))
    wrong = np.exp(np.clip(how.focal_sd * rng.standard_normal(len(points)), -0.35, 0.35)).astype(np.float32)
    return rays * wrong[:, None, None, None], sure


def windowed(array: npt.NDArray[np.generic], count: int) -> npt.NDArray[np.generic]:
    """The last ``count`` windows of ``array`` [B, WINDOW + count - 1, …], window-major."""
    return np.concatenate([array[:, k : k + WINDOW] for k in range(count)])


def training_batch(
    pool: MotionPool, rng: Rng, count: int, how: Augmentation, *, windows: int = 3, lookahead: int = 0
) -> Batch:
    """``windows`` consecutive windows each of ``count`` sequences, for a net of that ``lookahead``."""
    sequences = draw(pool, rng, count, WINDOW + windows - 1, how, lookahead=lookahead)
    points = bodies(sequences.points, rng, how)
    cameras = random_cameras(rng, count)
    camera = seen_by(points, cameras, points[:, -1, 0])
    kind = rng.choice(len(how.net_types), count, p=how.net_types)
    rays, sure = as_seen(camera, cameras.edge, rng, how, kind, time=sequences.time)
    sure = sure * sequences.present[..., None].astype(np.float32)
    features, turn = window_features(
        windowed(rays, windows), windowed(sure, windows), windowed(sequences.time, windows), lookahead
    )
    first = WINDOW - 1 - lookahead
    answered = np.concatenate([camera[:, first + k, :17] for k in range(windows)])
    target = (answered - answered[:, :1]) @ np.swapaxes(turn, 1, 2)
    step = np.diff(sequences.time[:, first + windows - 2 : first + windows])[:, 0].astype(np.float32)
    return Batch(features=features, target=target.astype(np.float32), turn=turn, step=step)


def with_lone(runs: Batch, lone: Batch) -> Batch:
    """``runs`` of windows, then ``lone`` ones."""
    pairs = ((getattr(runs, name), getattr(lone, name)) for name in ("features", "target", "turn"))
    features, target, turn = (np.concatenate(pair) for pair in pairs)
    return Batch(features=features, target=target, turn=turn, step=runs.step)
