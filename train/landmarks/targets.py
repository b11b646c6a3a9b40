"""What the landmark net shall answer for a person: labels where they speak, the net's own word where it was right.

COCO marks 17 of the 33 joints and no depth. For the others the answers serve that the net gave before training on a
clean crop, if it had the labelled joints right there: so hands, feet and depth stay as they are while the net learns
to see the person in worse pictures ("teacher", as in data distillation, Radosavovic et al. 2018). Where label and
teacher agree on a joint the truth is their middle: annotators are off by a few per cent, the teacher by others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stream3d.nets.blazepose import LANDMARKS
from stream3d.skeleton import BLAZEPOSE33, COCO17

Float32 = npt.NDArray[np.float32]

HIPS, EDGE = 33, 34
"""The two points that the next region follows from."""

COCO_ROWS = np.array([BLAZEPOSE33.names.index(name) for name in COCO17.names])
"""COCO's joints among BlazePose's."""

SIGMAS = np.array([26, 25, 25, 35, 35, 79, 79, 72, 72, 62, 62, 107, 107, 87, 87, 89, 89]) / 1000
"""COCO's, of its joints: how far apart people mark them, in roots of the person's area."""

_AGREES = 0.75  # similarity of one joint from which label and teacher mean the same place
_TRUSTED = 0.65  # mean similarity from which the teacher is believed about what is not labelled
_ENOUGH = 5  # labelled joints that it takes to tell


def kin() -> npt.NDArray[np.int64]:
    """For each of the 39 points COCO's joint that it is, or that is as hard to see and to mark, int64 [39]."""
    near = {"mouth": "nose", "eye": "eye", "pinky": "wrist", "index": "wrist", "thumb": "wrist", "heel": "ankle"}
    out = np.full(LANDMARKS, COCO17.names.index("left_hip"))
    for row, name in enumerate(BLAZEPOSE33.names):
        side, part = name.split("_")[0], next((joint for key, joint in near.items() if key in name), "")
        part = "ankle" if "foot" in name else part
        other = part if part == "nose" else f"{side}_{part}"
        out[row] = COCO17.names.index(name if name in COCO17.names else other)
    return out


def tolerances() -> Float32:
    """How exactly each point can be marked, float32 [39]: twice COCO's sigma, in roots of the person's area."""
    return (2 * SIGMAS[kin()]).astype(np.float32)


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What the teacher said of people: ``points`` float32 [M, 39, 2] and ``depth`` [M, 39] in image pixels."""

    points: Float32
    depth: Float32


@dataclass(frozen=True, kw_only=True, slots=True)
class Targets:
    """Of M people, in image pixels.

    ``points`` float32 [M, 39, 2] with weights ``sure`` [M, 39]; ``depth`` [M, 39] with ``deep`` [M, 39]; ``seen``
    [M, 39] = 1 visible, 0 hidden, with weights ``judged`` [M, 39]; ``scale`` [M] = root of the person's area.
    """

    points: Float32
    sure: Float32
    depth: Float32
    deep: Float32
    seen: Float32
    judged: Float32
    scale: Float32


def likeness(points: Float32, keypoints: Float32, scale: Float32) -> Float32:
    """Similarity [M, 17] in 0..1 of ``points`` [M, 39, 2] to COCO labels [M, 17, 3]; NaN where there is none."""
    away = ((points[:, COCO_ROWS] - keypoints[..., :2]) ** 2).sum(-1)
    like = np.exp(-away / (2 * (scale[:, None] * tolerances()[COCO_ROWS]) ** 2))
    out: Float32 = np.where(keypoints[..., 2] > 0, like, np.nan).astype(np.float32)
    return out


def mean_likeness(points: Float32, keypoints: Float32, scale: Float32) -> Float32:
    """Object keypoint similarity [M] (COCO); 0 for people without labelled joints."""
    like = likeness(points, keypoints, scale)
    known = np.isfinite(like)
    out: Float32 = (np.nansum(like, 1) / np.maximum(known.sum(1), 1)).astype(np.float32)
    return out


def targets_of(keypoints: Float32, regions: Float32, told: Told, scale: Float32) -> Targets:
    """Targets from labels [M, 17, 3], hips and circle with belief [M, 5], and the teacher."""
    labelled = keypoints[..., 2] > 0
    like = likeness(told.points, keypoints, scale)
    quality = mean_likeness(told.points, keypoints, scale)
    trusted = (quality > _TRUSTED) & (labelled.sum(1) >= _ENOUGH)
    points = told.points.copy()
    sure = np.repeat((0.5 * quality * trusted)[:, None], LANDMARKS, 1)
    sure[:, HIPS:] = 0.0
    middle = 0.5 * (told.points[:, COCO_ROWS] + keypoints[..., :2])
    said = np.where((np.nan_to_num(like) > _AGREES)[..., None], middle, keypoints[..., :2])
    points[:, COCO_ROWS] = np.where(labelled[..., None], said, points[:, COCO_ROWS])
    sure[:, COCO_ROWS] = np.where(labelled, 1.0, 0.2 * sure[:, COCO_ROWS])
    _place(points, sure, regions, trusted)
    seen, judged = _visibility(keypoints)
    deep = np.repeat(trusted[:, None], LANDMARKS, 1).astype(np.float32)
    deep[:, HIPS:] = 0.0
    return Targets(
        points=points.astype(np.float32),
        sure=sure.astype(np.float32),
        depth=told.depth,
        deep=deep,
        seen=seen,
        judged=judged,
        scale=scale,
    )


def _place(points: Float32, sure: Float32, regions: Float32, trusted: npt.NDArray[np.bool_]) -> None:
    """Hips and circle: the labels', in the middle with the teacher's where it is trusted."""
    for row, at in ((HIPS, slice(0, 2)), (EDGE, slice(2, 4))):
        points[:, row] = np.where(trusted[:, None], 0.5 * (points[:, row] + regions[:, at]), regions[:, at])
        sure[:, row] = regions[:, 4]


def _visibility(keypoints: Float32) -> tuple[Float32, Float32]:
    """A joint is seen if it is marked as visible; what is not marked on somebody who is, is hidden or outside."""
    marked = keypoints[..., 2]
    seen, judged = np.zeros((2, len(keypoints), LANDMARKS), np.float32)
    seen[:, COCO_ROWS] = marked > 1
    many = (marked > 0).sum(1, keepdims=True) >= _ENOUGH
    judged[:, COCO_ROWS] = np.where(marked > 0, 1.0, np.where(many, 0.7, 0.0))
    return seen, judged
