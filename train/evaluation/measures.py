"""Answers of a lifter as figures: all joints together, per joint, per axis, per action."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from stream3d.skeleton import H36M17
from train import metrics
from train.evaluation.limits import JOINTS as LIMITED
from train.evaluation.limits import violations
from train.evaluation.streams import Answer

Array = npt.NDArray[np.floating]
Figures = dict[str, Any]

LEFT_BONES = [(p, c) for p, c in H36M17.bones if H36M17.side(c) == "left"]
RIGHT_BONES = [(H36M17.mirror[p], H36M17.mirror[c]) for p, c in LEFT_BONES]
PCK_MM = 150.0
THRESHOLDS_MM = np.arange(0.0, 151.0, 5.0)
# Nominal shares of bands, and the standard deviations that they reach to.
BANDS = np.array([*np.arange(0.05, 0.96, 0.05), 0.99])
_DEVIATIONS = np.array([NormalDist().inv_cdf((1 + share) / 2) for share in BANDS])
_LAG_REACH_S = 0.2
# A body is not judged for constancy over less.
_FEWEST_FRAMES = 15


@dataclass(frozen=True, kw_only=True, slots=True)
class Gathered:
    """All frames of some answers end to end.

    ``pose``, ``truth`` [N, 17, 3] and ``sigma`` [N, 17] in metres of a body of STATURE_M; ``scale`` [N] takes them to
    true metres; ``clip`` int [N] the number of the answer. ``joints`` are the judged ones, without the pelvis ``free``.
    """

    pose: Array
    truth: Array
    sigma: Array
    scale: Array
    clip: npt.NDArray[np.int64]
    joints: list[int]

    @property
    def free(self) -> list[int]:
        """The judged joints that can be wrong: the pelvis is the origin."""
        return [joint for joint in self.joints if joint != 0]

    @property
    def gap_mm(self) -> Array:
        """Errors float [N, 17, 3], millimetres of the true body."""
        return np.asarray((self.pose - self.truth) * self.scale[:, None, None] * 1000)


def gather(answers: Sequence[Answer], joints: Sequence[int]) -> Gathered:
    """Join answers; ``joints`` are those to be judged."""
    lengths = [len(answer.pose) for answer in answers]
    return Gathered(
        pose=np.concatenate([answer.pose for answer in answers]),
        truth=np.concatenate([answer.stream.truth for answer in answers]),
        sigma=np.concatenate([answer.sigma for answer in answers]),
        scale=np.repeat([answer.stream.scale for answer in answers], lengths),
        clip=np.repeat(np.arange(len(answers)), lengths),
        joints=list(joints),
    )


def figures(answers: Sequence[Answer], joints: Sequence[int]) -> Figures:
    """Everything that is measured of answers to streams of one frame rate.

    Lengths in millimetres of the true body (its stature known, but for ``mpjpe_default_height``), shares and ratios in
    percent, and by name: ``joints``, ``axes``, ``actions``, ``limits``, ``pck_curve``, ``band_curve``.
    """
    g = gather(answers, joints)
    pose, truth, scale = g.pose[:, g.joints], g.truth[:, g.joints], g.scale * 1000
    errors, aligned = metrics.mpjpe(pose, truth) * scale, metrics.pa_mpjpe(pose, truth) * scale
    return {
        "frames": len(pose),
        "mpjpe": _mean(errors),
        "mpjpe_default_height": _mean(metrics.mpjpe(pose, truth * g.scale[:, None, None]) * 1000),
        "n_mpjpe": _mean(metrics.n_mpjpe(pose, truth) * scale),
        "pa_mpjpe": _mean(aligned),
        **_places(g),
        **_motion(answers, g),
        **body(g.pose, g.clip),
        **_bands(g),
        "joints": _by_joint(g),
        "actions": _by_action([answer.stream.action for answer in answers], g, errors, aligned),
    }


def _places(g: Gathered) -> Figures:
    errors = np.linalg.norm(g.gap_mm[:, g.free], axis=-1)
    curve = metrics.pck(errors, THRESHOLDS_MM)
    return {
        "pck150": _percent(metrics.pck(errors, np.array([PCK_MM]))),
        "auc": _percent(curve),
        "axes": {axis: _mean(np.abs(g.gap_mm[:, g.free, k])) for k, axis in enumerate("xyz")},
        "pck_curve": [_percent(value) for value in curve],
    }


def _motion(answers: Sequence[Answer], g: Gathered) -> Figures:
    """Acceleration error and lag at the streams' frame rate."""
    fps = answers[0].stream.fps
    reach = max(2, round(_LAG_REACH_S * fps))
    accelerations, gaps = [], np.zeros((2 * reach + 1, 3))
    for clip in range(len(answers)):
        rows = g.clip == clip
        pose, truth = ((a[rows] * g.scale[rows, None, None])[:, g.joints] for a in (g.pose, g.truth))
        accelerations.append(metrics.acceleration_error(pose, truth) * 1000)
        gaps += metrics.velocity_gaps(pose, truth, reach)
    acceleration = _mean(np.concatenate(accelerations))
    return {
        "fps": fps,
        "acceleration": acceleration,
        "acceleration_m_s2": round(acceleration * fps**2 / 1000, 2),
        "lag_ms": _lag(gaps.sum(-1), fps),
        "lag_depth_ms": _lag(gaps[:, 2], fps),
    }


def _lag(gaps: Array, fps: float) -> float | None:
    frames = metrics.best_lag(gaps)
    return None if frames is None else round(1000 * frames / fps, 1)


def body(pose: Array, clip: npt.NDArray[np.int64]) -> Figures:
    """Whether poses [N, 17, 3] of clips numbered ``clip`` [N] are those of bodies: symmetry, constancy, limits."""
    broken = violations(pose)
    counts = np.bincount(clip)
    clips = [number for number, count in enumerate(counts) if count >= _FEWEST_FRAMES]
    varies = [metrics.bone_variation(pose[clip == number], H36M17.bones).mean() for number in clips]
    return {
        "asymmetry": _mean(metrics.asymmetry(pose, LEFT_BONES, RIGHT_BONES) * 100),
        "inconstancy": round(100 * float(np.average(varies, weights=counts[clips])), 2) if clips else None,
        "beyond_limits": _percent(broken),
        "frames_beyond_limits": _percent(broken.any(-1)),
        "limits": {name: _percent(broken[:, k]) for k, name in enumerate(LIMITED)},
    }


def _bands(g: Gathered) -> Figures:
    """What share of joints lies within so many sigma of the truth: by distance, as sigma is meant, and by each axis."""
    gap, sigma = g.pose[:, g.free] - g.truth[:, g.free], g.sigma[:, g.free]
    distance = np.linalg.norm(gap, axis=-1)
    errors = {"distance": distance, **{axis: gap[..., k] for k, axis in enumerate("xyz")}}
    return {
        "z": round(float(np.sqrt(np.square(distance / sigma).mean())), 2),
        **_coverage(distance, sigma),
        "coverage_axes": {axis: _coverage(errors[axis], sigma) for axis in "xyz"},
        "band_curves": {
            name: [_percent(share) for share in metrics.within(error, sigma, _DEVIATIONS)]
            for name, error in errors.items()
        },
    }


def _coverage(errors: Array, sigma: Array) -> dict[str, float]:
    one, two = metrics.within(errors, sigma, np.array([1.0, 1.96]))
    return {"within_1_sigma": _percent(one), "within_1.96_sigma": _percent(two)}


def _by_joint(g: Gathered) -> Figures:
    out = {}
    for joint in g.free:
        gap = g.gap_mm[:, joint]
        sigma = g.sigma[:, joint] * g.scale * 1000
        errors = np.linalg.norm(gap, axis=-1)
        out[H36M17.names[joint]] = {
            "mpjpe": _mean(errors),
            **{axis: _mean(np.abs(gap[:, k])) for k, axis in enumerate("xyz")},
            "pck150": _percent(errors < PCK_MM),
            "sigma": _mean(sigma),
            **_coverage(errors, sigma),
        }
    return out


def _by_action(of_clips: Sequence[str], g: Gathered, errors: Array, aligned: Array) -> Figures:
    actions, broken = np.array(of_clips)[g.clip], violations(g.pose)
    out = {}
    for action in sorted(set(of_clips)):
        rows = actions == action
        shares = {"frames": int(rows.sum()), "beyond_limits": _percent(broken[rows])}
        out[action] = {"mpjpe": _mean(errors[rows]), "pa_mpjpe": _mean(aligned[rows]), **shares}
    return out


def _mean(values: Array) -> float:
    return round(float(values.mean()), 2)


def _percent(shares: npt.ArrayLike) -> float:
    return round(100 * float(np.mean(np.asarray(shares, np.float64))), 2)
