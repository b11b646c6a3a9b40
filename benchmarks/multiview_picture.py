"""One moment of all cameras: the 2D, and each camera's skeleton over the triangulated one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.lifting import Seen, frames_of
from benchmarks.panels import VIEWS, Window, blank, draw_people, draw_truth, title
from benchmarks.qualisys import View
from stream3d.sinks.draw import Pen, draw_skeleton
from stream3d.sinks.overlay import fit_into
from stream3d.skeleton import H36M17
from train import metrics

Floats = npt.NDArray[np.float64]
UInt8 = npt.NDArray[np.uint8]

_SIDE = 300
_RADIUS_M = 1.1


def draw(
    path: Path, clips: Sequence[Path], seen: Sequence[Seen], views: Sequence[View], truth: Floats, lifted: Floats
) -> None:
    """A column per camera at the frame of median error: picture, from the camera, from its side.

    ``truth`` [T, 17, 3] with NaN and ``lifted`` [C, T, 17, 3], world metres; both are laid on each other at the pelvis.
    """
    frame, error = _typical(truth, lifted)
    truth = _with_trunk(truth)
    height = min(2 * _SIDE, max(round(_SIDE * those.size[1] / those.size[0]) for those in seen))
    columns = []
    for camera, (clip, view) in enumerate(zip(clips, views, strict=True)):
        column = [_picture(clip, seen[camera], frame, view.name, height)]
        own, true = (view.from_world(joints[frame]).astype(np.float32) for joints in (lifted[camera], truth))
        for label, axes in VIEWS.items():
            column.append(_panel(own - own[0], true - true[0], label, axes))
        columns.append(np.concatenate(column))
    title(columns[0], f"frame {frame}, {error:.0f} mm")
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.hstack(columns)[..., ::-1])


def _typical(truth: Floats, lifted: Floats) -> tuple[int, float]:
    """The frame whose error, over all cameras, is the median, and that error in mm."""
    judged = np.flatnonzero(np.isfinite(truth).any((0, 2)))
    gap = metrics.mpjpe((lifted - lifted[:, :, :1])[:, :, judged], (truth - truth[:, :1])[:, judged]).mean(0)
    known = np.flatnonzero(np.isfinite(gap))
    frame = int(known[np.argsort(gap[known])[len(known) // 2]])
    return frame, 1000 * float(gap[frame])


def _with_trunk(truth: Floats) -> Floats:
    """The same with a straight trunk from the hips to the middle of the shoulders, to look at."""
    out = truth.copy()
    spine, thorax, left, right = (H36M17.names.index(n) for n in ("spine", "thorax", "left_shoulder", "right_shoulder"))
    out[:, thorax] = (out[:, left] + out[:, right]) / 2
    out[:, spine] = (out[:, 0] + out[:, thorax]) / 2
    return out


def _picture(clip: Path, seen: Seen, number: int, name: str, height: int) -> UInt8:
    canvas = np.zeros((height, _SIDE, 3), np.uint8)
    image = next(frame.image for frame in frames_of(clip) if frame.index == number)
    scale, shift = fit_into(canvas, image)
    tracks = seen.tracks[number]
    points = tracks.keypoints.copy()
    points[..., :2] = scale * points[..., :2] + shift
    for row in points:
        draw_skeleton(canvas, row, tracks.layout, pen=Pen(line=3, text=0.4), min_score=0.5)
    title(canvas[canvas.shape[0] - 24 :], name)
    return canvas


def _panel(own: npt.NDArray[np.float32], true: npt.NDArray[np.float32], label: str, axes: tuple[int, int]) -> UInt8:
    window = Window(centre=np.zeros(3), radius=_RADIUS_M)
    panel = blank(_SIDE, window, axes, label)
    draw_truth(panel, true, window, axes)
    if np.isfinite(own).all():
        draw_people(panel, [own], window, axes)
    return panel
