"""The pictures of train.walkthrough: photographs with their 2D joints, people in 2D and 3D, losses and scores."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from matplotlib import pyplot

from stream3d.geometry import centring_rotation
from stream3d.sinks.draw import Pen, draw_skeleton
from stream3d.skeleton import H36M17, Layout
from stream3d.values import UInt8
from train.figures import INK, bones, save, square, tidy

Float32 = npt.NDArray[np.float32]

_SIDE = 480
_MARGIN = 0.15
_FADED = 0.35
_TITLES = ("photograph", "2D joints", "3D, from the camera", "3D, from the side")
_NOT_LOSSES = ("step", "seconds", "rate")


@dataclass(frozen=True, kw_only=True, slots=True)
class Portrait:
    """A person to draw.

    ``image`` uint8 [H, W, 3] RGB; ``keypoints`` float32 [17, 3] = x, y in pixels, confidence; ``joints`` float32
    [17, 3] metres, camera space; NaN = not drawn.
    """

    image: UInt8
    keypoints: Float32
    joints: Float32


def draw_photographs(path: Path, pictures: Sequence[tuple[UInt8, Float32]], layout: Layout, sure: float) -> None:
    """Photographs uint8 [H, W, 3], each with its people's joints float32 [P, J, 3] of ``sure`` or more confidence."""
    columns = min(4, math.ceil(math.sqrt(len(pictures))))
    rows = math.ceil(len(pictures) / columns)
    size = (2.75 * columns, 2.9 * rows)
    _, grid = pyplot.subplots(rows, columns, figsize=size, layout="constrained", squeeze=False)
    for axes in grid.flat:
        axes.axis("off")
    for axes, (image, people) in zip(grid.flat, pictures, strict=False):
        scale = _SIDE / max(image.shape[:2])
        canvas = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        for person in people:
            drawn = (person * np.array([scale, scale, 1])).astype(np.float32)
            draw_skeleton(canvas, drawn, layout, pen=Pen.for_height(_SIDE), min_score=sure)
        axes.imshow(canvas)
    save(path)


def draw_lifted(path: Path, portraits: Sequence[Portrait], title: str) -> None:
    """A row for everybody: the photograph, what was seen of it in 2D, and the 3D from the camera and from the side."""
    count = len(portraits)
    figure, grid = pyplot.subplots(count, 4, figsize=(9.6, 2.45 * count + 0.5), layout="constrained", squeeze=False)
    for axes, portrait in zip(grid, portraits, strict=True):
        image, keypoints = _cut_out(portrait)
        axes[0].imshow(image)
        faded = (255 - _FADED * (255.0 - image)).astype(np.uint8)
        draw_skeleton(faded, keypoints, H36M17, pen=Pen.for_height(2 * _SIDE), min_score=0.01)
        axes[1].imshow(faded)
        pose = _as_looked_at(portrait.joints)
        reach = 1.08 * float(np.nanmax(np.abs(pose)))
        for panel, columns in ((axes[2], (0, 1)), (axes[3], (2, 1))):
            bones(panel, pose[:, columns], None, 2.2, np.isfinite(pose[:, 0]))
            square(panel, reach, "")
        for panel in axes[:2]:
            panel.axis("off")
    for panel, name in zip(
        grid[0], ("photograph", "2D joints", "3D, from the camera", "3D, from the side"), strict=True
    ):
        panel.set_title(name, fontsize=10)
    grid[-1, 2].set_xlabel("orange: left, blue: right", fontsize=9)
    grid[-1, 3].set_xlabel("camera at the left; grid 0.5 m", fontsize=9)
    figure.suptitle(title, fontsize=11)
    save(path)


def _cut_out(portrait: Portrait) -> tuple[UInt8, Float32]:
    """A square round the person, ``_SIDE`` pixels wide and white beyond the photograph, and the joints in it."""
    points = portrait.keypoints[np.isfinite(portrait.keypoints[:, 0]), :2]
    low, high = points.min(0), points.max(0)
    side = float((high - low).max()) * (1 + 2 * _MARGIN)
    scale, corner = _SIDE / side, (low + high - side) / 2
    # OpenCV counts pixels from their centres, keypoints from the corner of the first.
    shift = -corner * scale + 0.5 * scale - 0.5
    to_cut = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    image = cv2.warpAffine(portrait.image, to_cut, (_SIDE, _SIDE), flags=cv2.INTER_AREA, borderValue=(255, 255, 255))
    keypoints = portrait.keypoints.copy()
    keypoints[:, :2] = (keypoints[:, :2] - corner) * scale
    return np.asarray(image, np.uint8), keypoints


def _as_looked_at(joints: Float32) -> Float32:
    """Joints [17, 3] about the pelvis, in the axes of a camera turned towards it."""
    root = joints[H36M17.names.index("pelvis")]
    turn = centring_rotation((root[:2] / root[2])[None])[0]
    return np.asarray((joints - root) @ turn.T, np.float32)


def draw_losses(path: Path, log: Path) -> None:
    """Every loss over the steps, out of a training's JSON lines."""
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    names = [name for name in lines[-1] if name not in _NOT_LOSSES]
    rows = math.ceil(len(names) / 5)
    _, grid = pyplot.subplots(rows, 5, figsize=(12, 2.2 * rows), layout="constrained", squeeze=False)
    for axes, name in zip(grid.flat, names, strict=False):
        axes.plot([line["step"] for line in lines], [line[name] for line in lines], color=INK[0], linewidth=1.2)
        axes.set_title(name, fontsize=10)
        axes.tick_params(labelsize=8)
        tidy(axes, legend=False)
    for axes in grid.flat[len(names) :]:
        axes.axis("off")
    save(path)


def draw_scores(path: Path, real: Float32, fake: Float32) -> None:
    """How the critic judges real and lifted people: scores [N] of both."""
    _, axes = pyplot.subplots(figsize=(6, 3.2), layout="constrained")
    edges = np.linspace(min(real.min(), fake.min()), max(real.max(), fake.max()), 41)
    for scores, colour, name in ((real, INK[2], "people seen"), (fake, INK[1], "lifted people, seen from elsewhere")):
        axes.hist(scores, edges, color=colour, alpha=0.55, label=f"{name}: mean {scores.mean():.2f}")
    axes.set(xlabel="the critic's score", ylabel="people")
    tidy(axes)
    save(path)
