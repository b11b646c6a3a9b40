"""Photographs with labelled people that nothing was trained on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from stream3d.errors import SettingsError
from stream3d.skeleton import COCO17
from train.detector.photos import TEST, Photos
from train.landmarks.people import BODY

Float32 = npt.NDArray[np.float32]

SETS = ("photographs", "coco", "athletes")
_LSPE = (
    *("right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle", "right_wrist"),
    *("right_elbow", "right_shoulder", "left_shoulder", "left_elbow", "left_wrist"),
)  # neck and head top follow, which COCO does not know


@dataclass(frozen=True, kw_only=True)
class Photograph:
    """A picture and what is known of it.

    ``image`` uint8 [H, W, 3] RGB; ``boxes`` float32 [G, 4] = x0, y0, x1, y1; ``keypoints`` float32 [G, 17, 3] COCO's,
    x, y, v (0 = not labelled); ``areas`` float32 [G] of the people, px²; ``ignore`` float32 [K, 4] boxes in which
    nothing found is wrong; ``complete``: everybody else is labelled; ``empty``: nobody is in it.
    """

    image: npt.NDArray[np.uint8]
    boxes: Float32
    keypoints: Float32
    areas: Float32
    ignore: Float32
    complete: bool
    empty: bool


def photographs(data: Path, name: str, every: int = 1) -> Iterator[Photograph]:
    """One of SETS, every ``every``-th picture of it.

    Raises:
        SettingsError: the data is not there.
    """
    yield from {"photographs": _held_out, "coco": _coco, "athletes": _athletes}[name](data, every)


def _held_out(data: Path, every: int) -> Iterator[Photograph]:
    photos = Photos(data)
    for number in map(int, photos.chosen(TEST)[::every]):
        labels, rows = photos.labels(number), photos.rows_of(number)
        yield Photograph(
            image=photos.picture(number),
            boxes=photos.table["box"][rows],
            keypoints=photos.table["kpts"][rows],
            areas=_areas(photos.table["box"][rows]),
            ignore=labels.ignore,
            complete=labels.complete,
            empty=bool(photos.negative[number]),
        )


def _areas(boxes: Float32) -> Float32:
    """Of people by their boxes: a body fills about half of one."""
    out: Float32 = (BODY * (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])).astype(np.float32)
    return out


def _coco(data: Path, every: int) -> Iterator[Photograph]:
    path = data / "images" / "person_keypoints_train2017.json"
    if not path.is_file():
        raise SettingsError(f"--data {data}: there is no images/{path.name} in it")
    said = json.loads(path.read_text(encoding="utf-8"))
    for image in said["images"][::every]:
        people = [a for a in said["annotations"] if a["image_id"] == image["id"]]
        one = [a for a in people if not a.get("iscrowd")]
        yield Photograph(
            image=_read(data / "images" / "coco" / image["file_name"]),
            boxes=_corners([a["bbox"] for a in one]),
            keypoints=np.array([a["keypoints"] for a in one], np.float32).reshape(-1, 17, 3),
            areas=np.array([a["area"] for a in one], np.float32),
            ignore=_corners([a["bbox"] for a in people if a.get("iscrowd")]),
            complete=True,
            empty=False,
        )


def _corners(boxes: list[list[float]]) -> Float32:
    sides = np.array(boxes, np.float32).reshape(-1, 4)
    return np.concatenate([sides[:, :2], sides[:, :2] + sides[:, 2:]], 1)


def _athletes(data: Path, every: int) -> Iterator[Photograph]:
    path = data / "images" / "lspe_joints.npz"
    if not path.is_file():
        raise SettingsError(f"--data {data}: there is no images/{path.name} in it")
    with np.load(path, allow_pickle=False) as file:
        names, joints = file["names"].tolist(), file["joints"].astype(np.float32)
    for name, points in list(zip(names, joints, strict=True))[::every]:
        keypoints = np.zeros((1, 17, 3), np.float32)
        for joint, (x, y, seen) in zip(_LSPE, points[: len(_LSPE)], strict=True):
            keypoints[0, COCO17.names.index(joint)] = x, y, 2 * (seen > 0)
        known = keypoints[0, keypoints[0, :, 2] > 0, :2]
        box = np.array([[*known.min(0), *known.max(0)]], np.float32)
        yield Photograph(
            image=_read(data / "images" / "lspe" / Path(name).name),
            boxes=box,
            keypoints=keypoints,
            areas=_areas(box),
            ignore=np.zeros((0, 4), np.float32),
            complete=False,
            empty=False,
        )


def _read(path: Path) -> npt.NDArray[np.uint8]:
    bgr = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if bgr is None:
        raise SettingsError(f"{path.name} cannot be read as a picture")
    return np.ascontiguousarray(bgr[..., ::-1]).astype(np.uint8, copy=False)
