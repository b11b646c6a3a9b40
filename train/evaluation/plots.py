"""Pictures of an evaluation: samples.png, joints.png, curves.png. Needs matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from matplotlib import pyplot

from stream3d.geometry import centring_rotation
from stream3d.lift.features import root_rays
from train import metrics
from train.evaluation.measures import BANDS, THRESHOLDS_MM, Figures
from train.evaluation.streams import FOCAL_PX, Answer
from train.figures import INK, Array, bones, save, square, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_TRUE = "#b8b8b8"
_DRAWN = 70  # of each action
_NOISE = f"noise, px at focal length {FOCAL_PX:g}"
_RANKS = {"best": 0.0, "median": 0.5, "worst": 1.0}


def draw(folder: Path, row: Figures, sweeps: Sequence[Figures], answers: Sequence[Answer]) -> None:
    """All three, of the figures ``row`` and the ``answers`` of one set and condition."""
    draw_samples(folder / "samples.png", answers)
    draw_joints(folder / "joints.png", row)
    draw_curves(folder / "curves.png", row, sweeps)


def draw_samples(path: Path, answers: Sequence[Answer], seed: int = 3) -> None:
    """Of frames drawn at random the best, the median and the worst: 2D, and 3D over the truth from two sides."""
    clips, frames, errors = _drawn(answers, seed)
    order = np.argsort(errors)
    figure, grid = pyplot.subplots(len(_RANKS), 3, figsize=(8.4, 8.8), layout="constrained")
    for axes, (name, rank) in zip(grid, _RANKS.items(), strict=True):
        at = order[round(rank * (len(order) - 1))]
        answer, frame = answers[clips[at]], int(frames[at])
        _draw_2d(axes[0], answer, frame)
        truth, pose = _as_looked_at(answer, frame)
        reach = 1.08 * float(np.abs(np.concatenate([truth, pose])).max())
        for panel, columns, title in ((axes[1], (0, 1), "from the camera"), (axes[2], (2, 1), "from the side")):
            bones(panel, truth[:, columns], _TRUE, 5.0)
            bones(panel, pose[:, columns], None, 1.8)
            square(panel, reach, title if name == "best" else "")
        axes[0].set_ylabel(f"{name}: {errors[at]:.0f} mm\n{answer.stream.action}", fontsize=10)
    grid[0, 0].set_title("2D, as the net gets it", fontsize=10)
    grid[-1, 1].set_xlabel("grey: truth; orange: left, blue: right", fontsize=9)
    grid[-1, 2].set_xlabel("camera at the left; grid 0.5 m", fontsize=9)
    figure.suptitle(f"Best, median and worst of {len(order)} frames drawn from motion never seen", fontsize=11)
    save(path)


def _drawn(answers: Sequence[Answer], seed: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], Array]:
    """(answer, frame, MPJPE in mm) of frames drawn at random, as many of each action, from a clip's 15th frame on."""
    rng = np.random.default_rng(seed)
    rows = []
    for action in sorted({answer.stream.action for answer in answers}):
        those = [(k, a) for k, a in enumerate(answers) if a.stream.action == action]
        every = [(k, t) for k, a in those for t in range(min(15, len(a.pose) - 1), len(a.pose))]
        rows += [every[at] for at in rng.permutation(len(every))[:_DRAWN]]
    clips, frames = np.array(rows).T
    picked = [(answers[k].pose[t], answers[k].stream.truth[t], answers[k].stream.scale) for k, t in rows]
    errors = [metrics.mpjpe(pose, truth) * scale * 1000 for pose, truth, scale in picked]
    return clips, frames, np.array(errors)


def _as_looked_at(answer: Answer, frame: int) -> tuple[Array, Array]:
    """Truth and pose [17, 3] in metres, in the axes of a camera turned towards the person."""
    stream = answer.stream
    turn = centring_rotation(root_rays(stream.rays[frame, None], stream.confidence[frame, None] > 0))[0]
    return stream.truth[frame] * stream.scale @ turn.T, answer.pose[frame] * stream.scale @ turn.T


def _draw_2d(axes: Axes, answer: Answer, frame: int) -> None:
    rays, seen = answer.stream.rays[frame], answer.stream.confidence[frame] > 0
    pixels = (rays - root_rays(rays[None], seen[None])[0]) * FOCAL_PX
    bones(axes, pixels, None, 1.8, seen)
    axes.scatter(pixels[seen, 0], pixels[seen, 1], s=9, color="#222222", zorder=3)
    square(axes, 1.08 * float(np.abs(pixels[seen]).max()), "", grid=False)


def draw_joints(path: Path, row: Figures) -> None:
    """Mean error of every joint, and its parts along the camera's axes."""
    joints = row["joints"]
    order = sorted(joints, key=lambda name: joints[name]["mpjpe"])
    _, axes = pyplot.subplots(figsize=(8.4, 4.4), layout="constrained")
    places = np.arange(len(order))
    parts = {"across (x)": "x", "down (y)": "y", "in depth (z)": "z"}
    for k, (label, key) in enumerate(parts.items()):
        axes.bar(places + 0.26 * (k - 1), [joints[n][key] for n in order], 0.25, label=label, color=INK[k])
    axes.plot(places, [joints[n]["mpjpe"] for n in order], "_", color="#222222", ms=22, mew=2, label="distance (MPJPE)")
    axes.set_xticks(places, [name.replace("_", "\n") for name in order], fontsize=8)
    axes.set_ylabel("mean error, mm")
    axes.set_title(f"Error by joint and axis of the camera ({row['frames']} frames)", fontsize=11)
    tidy(axes)
    save(path)


def draw_curves(path: Path, row: Figures, sweeps: Sequence[Figures]) -> None:
    """PCK, calibration of sigma, and what worse 2D input costs."""
    _, grid = pyplot.subplots(2, 3 if sweeps else 1, figsize=(9.6 if sweeps else 4.2, 6), layout="constrained")
    _draw_pck(grid.flat[0], row)
    _draw_bands(grid.flat[3 if sweeps else 1], row)
    places = {"noise_px": (1, _NOISE), "missing": (2, "share of joints missing"), "focal": (4, "focal length off by")}
    for name, (place, label) in places.items():
        rows = [found for found in sweeps if found["swept"] == name]
        if rows:
            _draw_sweep(grid.flat[place], rows, label)
    if sweeps:
        _draw_sweep_bands(grid.flat[5], sweeps)
    save(path)


def _draw_pck(axes: Axes, row: Figures) -> None:
    axes.plot(THRESHOLDS_MM, row["pck_curve"], color=INK[0])
    axes.fill_between(THRESHOLDS_MM, row["pck_curve"], color=INK[0], alpha=0.12)
    axes.set(xlabel="threshold, mm", ylabel="joints within, %", xlim=(0, 150), ylim=(0, 100))
    axes.set_title(f"PCK@150 {row['pck150']:.1f} %, AUC {row['auc']:.1f} %", fontsize=10)
    tidy(axes, legend=False)


def _draw_bands(axes: Axes, row: Figures) -> None:
    axes.plot([0, 100], [0, 100], color=_TRUE, linestyle="--")
    for k, axis in enumerate("xyz"):
        axes.plot(100 * BANDS, row["band_curves"][axis], color=INK[k], linewidth=0.9, label=f"in {axis} alone")
    axes.plot(100 * BANDS, row["band_curves"]["distance"], color="#222222", linewidth=2, label="distance")
    for nominal, key in ((68.27, "within_1_sigma"), (95.0, "within_1.96_sigma")):
        axes.plot(nominal, row[key], "o", color="#222222")
        axes.annotate(f"{row[key]:.0f}", (nominal, row[key]), (4, -11), textcoords="offset points", fontsize=8)
    axes.set(xlabel="nominal band, %", ylabel="joints inside, %", xlim=(0, 100), ylim=(0, 104))
    tidy(axes)


def _draw_sweep(axes: Axes, rows: Sequence[Figures], label: str) -> None:
    for k, (name, key) in enumerate((("MPJPE", "mpjpe"), ("PA-MPJPE", "pa_mpjpe"))):
        axes.plot([r["value"] for r in rows], [r[key] for r in rows], "o-", ms=3.5, color=INK[k], label=name)
    axes.set(xlabel=label, ylabel="mm")
    axes.set_ylim(bottom=0)
    tidy(axes)


def _draw_sweep_bands(axes: Axes, sweeps: Sequence[Figures]) -> None:
    """Coverage of the one-sigma band as noise and gaps grow, each over its own range."""
    for k, (name, label) in enumerate((("noise_px", "noise, to 30 px"), ("missing", "missing, to 40 %"))):
        rows = [row for row in sweeps if row["swept"] == name]
        most = max(row["value"] for row in rows)
        shares = [row["within_1_sigma"] for row in rows]
        axes.plot([row["value"] / most for row in rows], shares, "o-", ms=3.5, color=INK[k + 2], label=label)
    axes.axhline(68.27, color=_TRUE, linestyle="--", label="nominal")
    axes.set(xlabel="of the most", ylabel="inside the 68 % band, %", ylim=(40, 100))
    tidy(axes)
