"""The 2D sets' downloads in the compact forms that training reads: ``coco17_kpts_px.npz`` and ``mpii_poses.npy``."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from stream3d.errors import TrackFileError
from stream3d.trackfile import replacing_npz
from train.data import mpii
from train.data.coco import people_of
from train.data.layouts import MPII17
from train.data.mpii_official import read_mat_annotations

_SIZE_IS_SURE = 3


def pack_coco(files: Iterable[Path], out: Path) -> int:
    """Write the people of ``person_keypoints_train2017.json`` and ``…_val2017.json``; how many there are.

    Members: ``image_id``, ``image_wh``, ``size_quality`` (3 = as COCO says), ``is_val2017``, ``bbox_xywh``, ``xy`` int
    [N, 17, 2] pixels as COCO counts them, ``v``.

    Raises:
        TrackFileError: a file is not COCO keypoint JSON.
    """
    columns: dict[str, list[Any]] = {name: [] for name in ("image_id", "image_wh", "is_val2017", "bbox_xywh", "xyv")}
    for path in files:
        try:
            content = json.loads(path.read_bytes())
            sizes = {image["id"]: (image["width"], image["height"]) for image in content["images"]}
            for person in people_of(path, content):
                columns["image_id"].append(person["image_id"])
                columns["image_wh"].append(sizes[person["image_id"]])
                columns["is_val2017"].append("val2017" in path.name)
                columns["bbox_xywh"].append(person["bbox"])
                columns["xyv"].append(person["keypoints"])
        except (ValueError, RecursionError, KeyError, TypeError) as error:
            raise TrackFileError(f"{path}: is not COCO keypoint JSON: {error!r}") from error
    table = np.array(columns["xyv"], np.float64).reshape(-1, 17, 3)
    with replacing_npz(out) as writer:
        writer.add("image_id", np.array(columns["image_id"], np.int32))
        writer.add("image_wh", np.array(columns["image_wh"], np.int16).reshape(-1, 2))
        writer.add("size_quality", np.full(len(table), _SIZE_IS_SURE, np.uint8))
        writer.add("is_val2017", np.array(columns["is_val2017"], np.uint8))
        writer.add("bbox_xywh", np.array(columns["bbox_xywh"], np.float32).reshape(-1, 4))
        writer.add("xy", table[..., :2].astype(np.int16))
        writer.add("v", table[..., 2].astype(np.uint8))
    return len(table)


def pack_mpii(mat: Path, out: Path) -> int:
    """Write everybody in MPII's ``.mat`` with all 16 joints, and their pictures' names beside; how many there are.

    Raises:
        TrackFileError: it is not MPII's file.
    """
    poses = read_mat_annotations(mat)
    poses = poses.pick(np.flatnonzero(poses.seen.all(1)))
    places = poses.to(MPII17).keypoints[..., :2] - mpii.HALF_PIXEL
    np.save(out, places.reshape(len(places), -1).astype(np.float32))
    out.with_name(mpii.NAMES).write_text("".join(f"{name}\n" for name in poses.images), encoding="utf-8")
    return len(places)
