"""COCO person keypoints: the official JSON, and ``coco17_kpts_px.npz`` made of it.

COCO counts whole pixels from 0, so half a pixel is added. It knows no pelvis, spine, thorax and head top: seen from
h36m17 pelvis and thorax are midpoints, the others are missing, and ``nose`` is the tip of the nose, about 6 cm
in front of Human3.6M's.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from stream3d.errors import ShapeError, TrackFileError
from stream3d.skeleton import COCO17
from stream3d.trackfile import read_npz
from train.data.values import Int32, Poses2DSet, with_gaps

HALF_PIXEL = 0.5
# COCO's v: 0 not labelled, 1 labelled though hidden, 2 visible. A hidden joint is the annotator's guess.
_CONFIDENCE = np.array([0.0, 0.5, 1.0], np.float32)
_LARGEST_NPZ = 1 << 30
_WRONG_SIZE = 1


def _poses(
    path: Path, xy: npt.NDArray[np.number], v: npt.NDArray[np.integer], images: tuple[str, ...], sizes: Int32
) -> Poses2DSet:
    if v.size and (v.min() < 0 or v.max() > 2):
        raise TrackFileError(f"{path}: COCO's visibility is 0, 1 or 2, not {v.min()} to {v.max()}")
    try:
        keypoints = with_gaps(xy.astype(np.float32) + HALF_PIXEL, _CONFIDENCE[v])
        return Poses2DSet(keypoints=keypoints, layout=COCO17, images=images, sizes=sizes)
    except ShapeError as error:
        raise TrackFileError(f"{path}: {error}") from error


def people_of(path: Path, content: dict[str, Any]) -> list[dict[str, Any]]:
    """The annotations of people with at least one labelled joint; crowds are left out.

    Raises:
        TrackFileError: the joints are not COCO's 17, or an annotation is malformed.
    """
    try:
        person = next(entry for entry in content["categories"] if entry.get("name") == "person")
        if tuple(person["keypoints"]) != COCO17.names:
            raise TrackFileError(f"{path}: its joints are {', '.join(person['keypoints'])}; expected COCO's 17")
        return [
            entry
            for entry in content["annotations"]
            if entry["category_id"] == person["id"] and not entry["iscrowd"] and any(entry["keypoints"][2::3])
        ]
    except (StopIteration, KeyError, TypeError, AttributeError) as error:
        raise TrackFileError(f"{path}: is not COCO keypoint JSON: {error!r}") from error


def from_json(path: Path, content: dict[str, Any]) -> Poses2DSet:
    """People of ``person_keypoints_*.json`` with at least one labelled joint; crowds are left out.

    Raises:
        TrackFileError: the joints are not COCO's 17, or an annotation is malformed.
    """
    people = people_of(path, content)
    try:
        pictures = {image["id"]: (image["file_name"], (image["width"], image["height"])) for image in content["images"]}
        table = np.array([entry["keypoints"] for entry in people], np.float64).reshape(len(people), 17, 3)
        images = tuple(str(pictures[entry["image_id"]][0]) for entry in people)
        size = np.array([pictures[entry["image_id"]][1] for entry in people], np.int32).reshape(-1, 2)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise TrackFileError(f"{path}: is not COCO keypoint JSON: {error!r}") from error
    return _poses(path, table[..., :2], table[..., 2].astype(np.int64), images, size)


def from_npz(path: Path) -> Poses2DSet:
    """People of ``coco17_kpts_px.npz`` with at least one labelled joint; those with a wrong picture size are left out.

    Raises:
        TrackFileError: an array is missing or has another form.
    """
    names = ("xy", "v", "image_wh", "image_id", "size_quality")
    arrays = read_npz(path, names=names, limit_bytes=_LARGEST_NPZ)
    count = len(arrays["v"])
    shapes = {"xy": (count, 17, 2), "v": (count, 17), "image_wh": (count, 2), "image_id": (count,)}
    for name, shape in shapes.items():
        if arrays[name].shape != shape or arrays[name].dtype.kind not in "iuf":
            said = f"{arrays[name].dtype} {list(arrays[name].shape)}"
            raise TrackFileError(f"{path}: `{name}` must be numbers {list(shape)}, not {said}")
    keep = (arrays["v"] > 0).any(1)
    if "size_quality" in arrays:
        keep &= arrays["size_quality"] != _WRONG_SIZE
    images = tuple(f"{number:012d}.jpg" for number in arrays["image_id"][keep].tolist())
    v = arrays["v"][keep].astype(np.int64)
    return _poses(path, arrays["xy"][keep], v, images, arrays["image_wh"][keep].astype(np.int32))
