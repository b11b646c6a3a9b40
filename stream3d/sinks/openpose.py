"""A folder of OpenPose's JSON, one file a frame, BODY_25."""

from __future__ import annotations

import json
import logging
import math
import re
from pathlib import Path

import numpy as np

from stream3d.sinks.base import Meta, RunInfo
from stream3d.sinks.people import People, people_of
from stream3d.skeleton import BODY25, Layout, conversion, convert
from stream3d.trackfile import cannot_write
from stream3d.values import Float32, Result

_log = logging.getLogger(__name__)
_EMPTY = (
    "face_keypoints_2d",
    "hand_left_keypoints_2d",
    "hand_right_keypoints_2d",
    "face_keypoints_3d",
    "hand_left_keypoints_3d",
    "hand_right_keypoints_3d",
)


class OpenPoseSink:
    """``NAME_000000000000_keypoints.json`` for each frame of a video, ``IMAGE_keypoints.json`` for each image.

    ``person_id`` is the track's identity. Unseen points are 0, 0, 0 as OpenPose has them. ``pose_keypoints_3d`` is
    x, y, z in metres, camera space, with 1 for a known joint and 0 for an unknown one: the 3D has no score (its
    standard deviation is in the other formats). Each file appears whole, so a reader may watch the folder.

    Raises:
        SinkError: the folder cannot be made.
        LayoutError: the run's keypoints cannot become BODY_25.
    """

    def __init__(self, path: Path, info: RunInfo) -> None:
        conversion(info.keypoint_layout, BODY25)
        self._folder, self._info = path, info
        self._stem = safe_stem(info.source)
        self._images: set[str] = set()
        try:
            path.mkdir(exist_ok=True)
            old = any(path.glob("*_keypoints.json"))
        except OSError as error:
            raise cannot_write(path, error) from error
        if old:
            _log.warning("%s already holds keypoint files; frames of this run replace those of the same name", path)

    def write(self, result: Result) -> None:
        """Write the frame's file."""
        text = json.dumps(
            openpose_json(people_of(result, self._info), self._info), allow_nan=False, separators=(",", ":")
        )
        target = self._folder / self._name(result)
        part = target.with_name(f".{target.name}.part")
        try:
            part.unlink(missing_ok=True)  # left by a killed run, or a link laid by somebody, which is not followed
            with part.open("x", encoding="ascii") as file:
                file.write(text)
            part.replace(target)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise cannot_write(target, error) from error

    def close(self, meta: Meta) -> None:
        """Nothing is open between frames."""

    def _name(self, result: Result) -> str:
        if not (self._info.image_names and result.frame.name):
            return f"{self._stem}_{result.frame.index:012d}_keypoints.json"
        image = Path(result.frame.name).name
        stem = Path(image).stem if Path(image).stem not in self._images else image  # a.jpg and a.png in one folder
        self._images.add(stem)
        return f"{stem}_keypoints.json"


def openpose_json(people: People, info: RunInfo) -> dict[str, object]:
    """One frame in OpenPose's schema, version 1.3."""
    flat = _zeros(convert(people.keypoints, info.keypoint_layout, BODY25), 3)
    solid = _zeros(body25_joints(people.joints, info.joint_layout), 5)
    empty: dict[str, list[float]] = {key: [] for key in _EMPTY}
    return {
        "version": 1.3,
        "people": [
            {"person_id": [person], "pose_keypoints_2d": flat[i], **empty, "pose_keypoints_3d": solid[i]}
            for i, person in enumerate(people.person.tolist())
        ],
    }


def body25_joints(joints: Float32, layout: Layout) -> Float32:
    """Joints float32 [P, J, 3] as BODY_25 float32 [P, 25, 4] = x, y, z, 1; NaN where the layout has no such joint."""
    out = np.full((len(joints), BODY25.size, 4), np.nan, np.float32)
    for joint, parts in enumerate(conversion(layout, BODY25)):
        if parts:
            out[:, joint, :3] = joints[:, list(parts)].mean(axis=1)
            out[:, joint, 3] = 1.0
    return out


def safe_stem(source: str) -> str:
    """A file-name stem from a path, URL or camera index."""
    stem = Path(re.split(r"[?#]", source)[0].rstrip("/\\")).stem
    return re.sub(r"[^\w.-]+", "_", stem)[:100].strip("._") or "stream3d"


def _zeros(points: Float32, decimals: int) -> list[list[float]]:
    """Points [P, J, K] as P flat lists, all K values 0 where any is NaN."""
    seen = np.isfinite(points).all(axis=-1, keepdims=True)
    rounded: list[list[float]] = (
        np.round(np.where(seen, points, 0).astype(np.float64), decimals)
        .reshape(len(points), math.prod(points.shape[1:]))
        .tolist()
    )
    return rounded
