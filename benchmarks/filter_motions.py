"""Motions whose truth is known, and what a filter does to them: error, trembling, lag, overshoot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.lifting import lift, see
from stream3d.geometry import Camera
from stream3d.sample import SampleTruth, load_truth
from stream3d.skeleton import H36M17
from stream3d.solve import WHOLE, WholeSettings, make_smoother, smooth_whole
from stream3d.values import Poses3D

Floats = npt.NDArray[np.float64]

NOISE_M, DEPTH_NOISE_M = 0.010, 0.040  # of a joint per axis; of the pelvis along the line of sight
PUNCH_M, PUNCH_MPS, PUNCH_S = 0.6, 6.0, 1.0  # how far, how fast at its middle, when it begins
_FPS = 30.0
_SETTLED = slice(30, -10)  # frames that count
_LIMBS = [H36M17.names.index(f"{side}_{joint}") for side in ("left", "right") for joint in ("knee", "ankle", "wrist")]
_SHIFTS = np.arange(-6, 13)  # frames


@dataclass(frozen=True, kw_only=True)
class Motion:
    """One person: ``given`` [T, 17, 3] m is what a filter gets at ``times`` [T] s, ``known`` what is true.

    ``sigma`` [T, 17] m, NaN = unknown; ``lag_from`` is the motion that a lag is told against.
    """

    times: Floats
    given: Floats
    known: Floats
    sigma: Floats
    lag_from: Floats


def noisy_sample(truth: SampleTruth | None = None, seed: int = 0) -> Motion:
    """The built-in sample's true motion with white noise."""
    truth = truth or load_truth()
    known, rng = truth.convention3d.astype(np.float64), np.random.default_rng(seed)
    root = known[:, :1]
    sight = root / np.linalg.norm(root, axis=2, keepdims=True)
    given = known + rng.normal(0, NOISE_M, known.shape) * (np.arange(17) > 0)[:, None]
    given += sight * rng.normal(0, DEPTH_NOISE_M, (len(known), 1, 1))
    return Motion(times=truth.time, given=given, known=known, sigma=np.full(known.shape[:2], np.nan), lag_from=known)


def lifted_sample() -> Motion:
    """The built-in sample as the 2D nets, tracking and the lifter answer it; the truth beside it."""
    truth = load_truth()
    seen = see("sample")
    poses = [pose for pose in lift(seen, "default", Camera.from_fov(*seen.size)) if len(pose) == 1]
    rows = [pose.index for pose in poses]
    given = np.stack([pose.joints[0] for pose in poses]).astype(np.float64)
    return Motion(
        times=np.array([pose.pts for pose in poses]),
        given=given,
        known=truth.convention3d[rows].astype(np.float64),
        sigma=np.stack([pose.sigma[0] for pose in poses]).astype(np.float64),
        lag_from=given,
    )


def punch(phase: float) -> Motion:
    """A wrist that reaches out and stops (minimum jerk), begun ``phase`` of a frame after one; without noise."""
    times = np.arange(90) / _FPS
    lasts = 1.875 * PUNCH_M / PUNCH_MPS  # the peak of minimum jerk is 1.875 times the mean speed
    s = np.clip((times - PUNCH_S - phase / _FPS) / lasts, 0, 1)
    known = np.tile(np.array([0.0, 0.0, 4.0]), (len(times), 17, 1)) + np.arange(17)[:, None] * 0.02
    known[:, -1, 0] += PUNCH_M * (10 * s**3 - 15 * s**4 + 6 * s**5)
    return Motion(times=times, given=known, known=known, sigma=np.full(known.shape[:2], np.nan), lag_from=known)


def filtered(name: str, motion: Motion) -> Floats:
    """``motion.given`` through the filter called ``name``, [T, 17, 3]."""
    if name in WHOLE and name != "none":
        settings = WholeSettings(method=name)  # type: ignore[arg-type] # checked against the known names
        sigma, joints = motion.sigma.astype(np.float32), motion.given.astype(np.float32)
        return smooth_whole(motion.times, joints, sigma, pelvis=0, settings=settings)[0]
    smooth = make_smoother(name)
    return np.stack([smooth(pose).joints[0] for pose in poses_of(motion)]).astype(np.float64)


def poses_of(motion: Motion, people: int = 1) -> list[Poses3D]:
    """As the lifter hands them on; everybody does the same, each a metre from the next."""
    apart = np.arange(people)[:, None, None] * np.array([1.0, 0.0, 0.0])
    return [
        Poses3D(
            source_id="",
            index=index,
            pts=float(motion.times[index]),
            captured_at=0.0,
            joints=(motion.given[index] + apart).astype(np.float32),
            sigma=np.tile(motion.sigma[index], (people, 1)).astype(np.float32),
            person=np.arange(people),
            layout=H36M17,
        )
        for index in range(len(motion.times))
    ]


def measures(out: Floats, motion: Motion) -> dict[str, float]:
    """Of joints relative to the pelvis, and of the pelvis's depth.

    Mean distance from the truth, how much they tremble, and the lag of knees, ankles and wrists: the shift at which
    ``lag_from`` is nearest.
    """
    off = (_relative(out) - _relative(motion.known))[_SETTLED]
    deep = (out - motion.known)[_SETTLED, 0, 2]
    moved, from_there = _relative(out)[:, _LIMBS], _relative(motion.lag_from)[:, _LIMBS]
    return {
        "error_mm": round(1e3 * float(np.linalg.norm(off[:, 1:], axis=-1).mean()), 2),
        "jitter_mm": jitter_mm(out, motion),
        "depth_jitter_mm": round(1e3 * float(np.abs(np.diff(deep, 2)).mean()), 2),
        "lag_ms": round(1e3 * lag_of(moved, from_there, float(np.median(np.diff(motion.times)))), 1),
    }


def jitter_mm(out: Floats, motion: Motion) -> float:
    """Mean length of second differences, per frame, of what joints relative to the pelvis are off by."""
    off = (_relative(out) - _relative(motion.known))[_SETTLED, 1:]
    return round(1e3 * float(np.linalg.norm(np.diff(off, 2, axis=0), axis=-1).mean()), 2)


def _relative(joints: Floats) -> Floats:
    return np.asarray(joints - joints[:, :1])


def lag_of(out: Floats, source: Floats, step_s: float) -> float:
    """Seconds that ``out`` [T, ...] is behind ``source``: where the squared distance is least, by a parabola."""
    low, high = int(_SHIFTS.max()) + 20, len(out) + int(_SHIFTS.min()) - 10
    off = [float(((out[low:high] - source[low - s : high - s]) ** 2).mean()) for s in _SHIFTS]
    at = int(np.clip(np.argmin(off), 1, len(off) - 2))
    left, middle, right = off[at - 1 : at + 2]
    return float((_SHIFTS[at] + 0.5 * (left - right) / (left - 2 * middle + right)) * step_s)


def still_jitter_mm(name: str) -> float:
    """Mean length of second differences of somebody who stands still, seen with the noise of `noisy_sample`."""
    known = np.tile(load_truth().convention3d[100].astype(np.float64), (150, 1, 1))
    given = known + np.random.default_rng(1).normal(0, NOISE_M, known.shape) * (np.arange(17) > 0)[:, None]
    times = np.arange(len(known)) / _FPS
    motion = Motion(times=times, given=given, known=known, sigma=np.full(known.shape[:2], np.nan), lag_from=known)
    return jitter_mm(filtered(name, motion), motion)


def punched(name: str, phases: Sequence[float] = (0.0, 0.25, 0.5, 0.75)) -> dict[str, float]:
    """How late the wrist is at the middle of a punch, and how far it goes beyond its end; means over ``phases``."""
    late, beyond = [], []
    for phase in phases:
        motion = punch(phase)
        reach = filtered(name, motion)[:, -1, 0] - motion.known[0, -1, 0]
        at = int(np.argmax(reach > PUNCH_M / 2))
        half = np.interp(PUNCH_M / 2, reach[at - 1 : at + 1], motion.times[at - 1 : at + 1])
        late.append(half - PUNCH_S - phase / _FPS - 1.875 * PUNCH_M / PUNCH_MPS / 2)
        beyond.append(reach.max() - PUNCH_M)
    return {
        "punch_lag_ms": round(1e3 * float(np.mean(late)), 1),
        "overshoot_mm": round(1e3 * float(np.mean(beyond)), 1),
    }
