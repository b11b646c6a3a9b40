"""People and recordings that the viewer's tests show."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stream3d.sinks.viewer.follow import VIEW_FROM, fitting_view
from stream3d.sinks.viewer.window import FOV_DEG
from stream3d.skeleton import BLAZEPOSE33, H36M17
from stream3d.values import Frame, Poses3D, Result, Tracks2D

# Metres, camera space, pelvis at the origin, arms spread; the order of h36m17.
STANDING = np.array(
    [[0, 0, 0], [-0.13, 0, 0], [-0.15, 0.42, 0], [-0.2, 0.85, 0], [0.13, 0, 0], [0.15, 0.42, 0], [0.2, 0.85, 0],
     [0, -0.25, 0], [0, -0.5, 0], [0, -0.62, 0], [0, -0.82, 0], [0.18, -0.47, 0], [0.45, -0.5, 0], [0.7, -0.5, 0],
     [-0.18, -0.47, 0], [-0.45, -0.5, 0], [-0.7, -0.5, 0]],
    np.float32,
)  # fmt: skip

Points = npt.NDArray[np.float32]


def people_at(*places: tuple[float, float, float]) -> Points:
    """float32 [P, 17, 3] metres, camera space: one standing person with the pelvis at each place."""
    return (
        np.stack([STANDING + np.array(place, np.float32) for place in places]) if places else np.zeros((0, 17, 3), "f4")
    )


def result(joints: Points, *, index: int = 0, person: list[int] | None = None, sigma_m: float = 0.03) -> Result:
    """What the pipeline would hand to a sink."""
    people = len(joints)
    ids = np.arange(people, dtype=np.int64) if person is None else np.array(person, np.int64)
    stamp = {"source_id": "test", "index": index, "pts": index / 30, "captured_at": index / 30}
    sigma = np.full((people, 17), sigma_m, np.float32)
    return Result(
        frame=Frame(image=np.zeros((4, 4, 3), np.uint8), **stamp),
        tracks=Tracks2D(keypoints=np.zeros((people, 33, 3), np.float32), layout=BLAZEPOSE33, person=ids, **stamp),
        poses=Poses3D(joints=joints, sigma=sigma, person=ids, layout=H36M17, **stamp),
    )


def pixel_of(points: Points, *, first: Points, size: tuple[int, int]) -> npt.NDArray[np.float64]:
    """Where the view set by the ``first`` people shows ``points`` [..., 3] (both camera space): pixels [..., 2].

    A pinhole camera of its own: nothing of it comes from Open3D.
    """
    turned = first.reshape(-1, 3).astype(float) * [1, -1, -1]
    centre = (turned.min(0) + turned.max(0)) / 2
    front = VIEW_FROM / np.linalg.norm(VIEW_FROM)
    right = np.cross([0, 1, 0], front) / np.linalg.norm(np.cross([0, 1, 0], front))
    eye = centre + front * fitting_view(turned, size)[1]
    off = points * [1.0, -1.0, -1.0] - eye
    focal = size[1] / 2 / math.tan(math.radians(FOV_DEG / 2))
    depth = -(off @ front)
    return np.stack(
        [size[0] / 2 + focal * (off @ right) / depth, size[1] / 2 - focal * (off @ np.cross(front, right)) / depth], -1
    )


def write_tracks(path: Path, *, frames: int = 61, fps: float = 30.0) -> Path:
    """A track file of one person (id 1) who walks two metres to the right."""
    joints = people_at(*[(2.0 * i / (frames - 1) - 1.0, 0.0, 4.0) for i in range(frames)])
    np.savez(
        path,
        frame=np.arange(frames),
        time=np.arange(frames) / fps,
        person=np.ones(frames, np.int64),
        keypoints2d=np.zeros((frames, 33, 3), np.float32),
        keypoint_names=np.array(BLAZEPOSE33.names),
        joints3d=joints,
        joint_names=np.array(H36M17.names),
        sigma=np.full((frames, 17), 0.03, np.float32),
        meta=np.array(json.dumps({"camera": {"width": 1280, "height": 720, "fx": 1000.0, "fy": 1000.0}})),
    )
    return path
