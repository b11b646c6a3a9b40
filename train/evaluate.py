"""Measure a lifter on motion it never saw: ``python -m train.evaluate --data DIR [--weights FILE] [--out DIR]``.

Every held-out take is streamed at 30 fps past one virtual camera, frame by frame, as at run time. Writes
``lifter.json`` and ``lifter.md``.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from tqdm import tqdm

from stream3d.lift.features import WINDOW, Bool, size_of, window_features
from stream3d.lift.lifter import same_places
from stream3d.lift.placement import Sight, standing, steadied
from stream3d.lift.settings import LiftSettings
from stream3d.nets.lifter_torch import Lifter, load_lifter
from stream3d.skeleton import COCO17, H36M17, MPII16
from train import augment, metrics
from train.augment import NET_TYPES, STATURE_M
from train.cameras import random_cameras, seen_by
from train.mocap.archives import ASFAMC, HDM05
from train.mocap.takes import Take, load_takes, split

Float32 = npt.NDArray[np.float32]

FPS = 30.0
FOCAL_PX = 1145.0
CLIP_FRAMES = 300
_LEGS = [H36M17.names.index(f"{side}_{joint}") for side in ("left", "right") for joint in ("knee", "ankle")]
_LAYOUTS = {"h36m": H36M17, "coco": COCO17, "mpii": MPII16}
_UPPER = [joint for joint in range(17) if joint not in _LEGS]
_LEFT_BONES = [(p, c) for p, c in H36M17.bones if H36M17.side(c) == "left"]
_RIGHT_BONES = [(H36M17.mirror[p], H36M17.mirror[c]) for p, c in _LEFT_BONES]


@dataclass(frozen=True, kw_only=True, slots=True)
class Condition:
    """What the 2D input is like; noise in pixels of a camera with a focal length of FOCAL_PX."""

    name: str
    net: str = "h36m"
    noise_px: float = 0.0
    missing: float = 0.0
    no_legs: bool = False
    focal: float = 1.0


CONDITIONS = (
    Condition(name="all 17 joints"),
    Condition(name="all 17, 10 px noise", noise_px=10.0),
    Condition(name="all 17, 10 % missing", missing=0.1),
    Condition(name="all 17, focal 1.4 × off", focal=1.4),
    Condition(name="BlazePose or COCO", net="coco"),
    Condition(name="BlazePose or COCO, 10 px noise", net="coco", noise_px=10.0),
    Condition(name="BlazePose or COCO, 10 % missing", net="coco", missing=0.1),
    Condition(name="BlazePose or COCO, no legs", net="coco", no_legs=True),
    Condition(name="MPII", net="mpii"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Clip:
    """Camera-space points float32 [T, 19, 3] of a body of STATURE_M, and the true stature over that."""

    points: Float32
    scale: float


def clips_of(takes: Iterable[Take], seed: int = 7) -> list[Clip]:
    """Takes at FPS, cut to CLIP_FRAMES, each before one random camera."""
    out = []
    for number, take in enumerate(takes):
        points = take.points[:: max(1, round(take.fps / FPS))]
        for start in range(0, len(points) - 2, CLIP_FRAMES):
            piece = points[start : start + CLIP_FRAMES]
            if len(piece) < 3 or not np.isfinite(piece).all():
                continue
            scale = float(augment.stature(piece[None])[0]) / STATURE_M
            camera = random_cameras(np.random.default_rng([seed, number, start]), 1)
            seen = seen_by(piece[None] / np.float32(scale), camera, piece[:1, 0] / np.float32(scale))[0]
            if seen[..., 2].min() > 0.5:
                out.append(Clip(points=seen, scale=scale))
    return out


def observed(clip: Clip, condition: Condition, rng: np.random.Generator) -> tuple[Float32, Float32]:
    """Rays [T, 17, 2] and confidences [T, 17] under a condition."""
    rays = clip.points[..., :2] / clip.points[..., 2:]
    rays = rays + rng.standard_normal(rays.shape, np.float32) * np.float32(condition.noise_px / FOCAL_PX)
    sure = (rng.random(rays.shape[:2]) >= condition.missing).astype(np.float32)
    if condition.no_legs:
        sure[:, _LEGS] = 0
    kind = np.array([NET_TYPES.index(condition.net)])
    rays, sure = augment.as_net(kind, rays[None], sure[None])
    return rays[0] * np.float32(condition.focal), sure[0]


def sliding(array: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """The window [T, WINDOW, …] that ends at each frame of [T, …]; before the start, zeros."""
    padded = np.concatenate([np.zeros((WINDOW - 1, *array.shape[1:]), array.dtype), array])
    return np.stack([padded[t : t + WINDOW] for t in range(len(array))])


@torch.inference_mode()
def lifted(net: Lifter, rays: Float32, sure: Float32, same: Bool) -> tuple[Float32, Float32]:
    """Root-relative joints [T, 17, 3] in camera space and sigma [T, 17], as a stream gets them."""
    time = sliding(np.arange(len(rays)) / FPS)
    features, turn = window_features(sliding(rays), sliding(sure), time)
    answer, log_sigma = net(torch.from_numpy(features))
    joints, sigma = answer.numpy() @ turn, np.exp(log_sigma.numpy())
    sight = Sight(rays=rays, confidence=sure, trusted=(sure > 0) & same)
    placed, moves = standing(joints, sigma, sight, size_of(features), LiftSettings().keypoint_noise_m)
    for frame in range(1, len(moves)):
        moves[frame] = steadied(moves[frame - 1], moves[frame], 1 / FPS)
    placed[..., :2] += moves
    return placed - placed[:, :1], sigma


@dataclass(slots=True)
class _Sums:
    """Per-frame errors of all clips, gathered."""

    rows: dict[str, list[npt.NDArray[np.floating]]]

    def add(self, pose: Float32, sigma: Float32, clip: Clip, joints: Sequence[int]) -> None:
        truth = (clip.points - clip.points[:, :1])[:, :17]
        pose_of, truth_of, known = pose[:, joints], truth[:, joints], np.float32(clip.scale)
        gap = np.square(pose_of - truth_of).sum(-1) / 3
        values = {
            "mpjpe": metrics.mpjpe(pose_of, truth_of) * known,
            "mpjpe_default_height": metrics.mpjpe(pose_of, truth_of * known),
            "n_mpjpe": metrics.n_mpjpe(pose_of, truth_of) * known,
            "pa_mpjpe": metrics.pa_mpjpe(pose_of, truth_of) * known,
            "acceleration": metrics.acceleration_error(pose_of, truth_of) * known,
            "asymmetry": metrics.asymmetry(pose, _LEFT_BONES, _RIGHT_BONES) * 100,
            "z_square": (gap / np.square(sigma[:, joints])).mean(-1),
        }
        for name, value in values.items():
            self.rows.setdefault(name, []).append(value)

    def summary(self) -> dict[str, float]:
        means = {name: float(np.concatenate(rows).mean()) for name, rows in self.rows.items()}
        millimetres = ("mpjpe", "mpjpe_default_height", "n_mpjpe", "pa_mpjpe", "acceleration")
        out = {name: round(value * (1000 if name in millimetres else 1), 2) for name, value in means.items()}
        out["z"] = round(out.pop("z_square") ** 0.5, 2)
        return out | {"frames": sum(map(len, self.rows["mpjpe"]))}


def evaluate(net: Lifter, clips: Sequence[Clip], condition: Condition, seed: int = 11) -> dict[str, float]:
    """Mean errors over clips.

    Millimetres (with the true height known, but for ``mpjpe_default_height``), acceleration in mm per frame² at FPS,
    asymmetry in percent, and z, the root mean square of error / sigma (1 = calibrated).
    """
    sums = _Sums({})
    joints = _UPPER if condition.no_legs else list(range(17))
    for number, clip in enumerate(tqdm(clips, desc=condition.name, leave=False)):
        rays, sure = observed(clip, condition, np.random.default_rng([seed, number]))
        sums.add(*lifted(net, rays, sure, same_places(_LAYOUTS[condition.net])), clip, joints)
    return sums.summary()


def as_markdown(results: dict[str, dict[str, dict[str, float]]]) -> str:
    """One table per test set."""
    lines = []
    for name, rows in results.items():
        frames = next(iter(rows.values()))["frames"]
        lines += [f"### {name} ({frames} frames)", ""]
        lines += ["| 2D input | MPJPE | at 1.70 m | N-MPJPE | PA-MPJPE | acc. | asym. % | z |"]
        lines += ["|---|--:|--:|--:|--:|--:|--:|--:|"]
        for condition, r in rows.items():
            figures = [r["mpjpe"], r["mpjpe_default_height"], r["n_mpjpe"], r["pa_mpjpe"], r["acceleration"]]
            cells = [f"{value:.1f}" for value in (*figures, r["asymmetry"])]
            lines.append(f"| {condition} | {' | '.join(cells)} | {r['z']:.2f} |")
        lines.append("")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m train.evaluate", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with mocap/")
    parser.add_argument("--work", type=Path, default=Path("runs"), help="caches (runs)")
    parser.add_argument("--weights", type=Path, help="instead of those that ship")
    parser.add_argument("--out", type=Path, default=Path("runs/evaluation"))
    parser.add_argument("--sets", nargs="+", choices=("cmu", "hdm05"), default=["cmu", "hdm05"])
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args(arguments)
    torch.set_num_threads(given.threads)
    net = load_lifter(given.weights)
    _, cmu = split(load_takes(given.data, given.work, ASFAMC))
    sets = {"CMU 01–03": cmu, "CMU 02–03, without the climber": [take for take in cmu if take.subject != "01"]}
    if "hdm05" in given.sets:
        sets["HDM05"] = [t for takes in load_takes(given.data, given.work, [HDM05]).values() for t in takes][::3]
    results = {
        name: {condition.name: evaluate(net, clips, condition) for condition in CONDITIONS}
        for name, clips in ((name, clips_of(takes)) for name, takes in sets.items())
    }
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / "lifter.json").write_text(json.dumps(results, indent=2, ensure_ascii=False))
    (given.out / "lifter.md").write_text(as_markdown(results))
    print(as_markdown(results))


if __name__ == "__main__":
    main()
