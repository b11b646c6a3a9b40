"""One door to every file of 2D poses; what a file is says its content, never the number of its joints."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np

from stream3d.errors import TrackFileError
from stream3d.lift.openpose import read_folder
from train.data import coco, community, human36m, humaneva, mpii, mpii_official, poses_files
from train.data.hdf5 import opened
from train.data.layouts import layout_named
from train.data.values import Poses2DSet

_LARGEST_JSON = 1 << 30


def load_poses2d(path: Path, layout: str | None = None) -> Poses2DSet:
    """Read a set of 2D poses, whatever known form it has.

    A folder of OpenPose JSON; COCO keypoint JSON; MPII as ``.mat``, ``.h5``, ``.csv``, ``mpii_poses.npy`` or
    SimpleBaselines' JSON; Human3.6M as ``.h5`` or community ``.npz``, HumanEva as community ``.npz``;
    ``coco17_kpts_px.npz``; the project's own ``.json`` and ``.npz``. ``layout`` names the joints where the file itself
    cannot (OpenPose folders, body25 unless named; arrays without a word on it).

    Raises:
        TrackFileError: there is no such file, it is of no known form, or it is malformed.
        LayoutError: ``layout`` is unknown.
    """
    if not path.exists():
        raise TrackFileError(f"{path}: there is no such file or folder of 2D poses")
    if path.is_dir():
        return _openpose(path, layout or "body25")
    readers = {".json": _json, ".npz": _npz, ".npy": _npy, ".csv": _csv, ".h5": _h5, ".mat": _mat}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise TrackFileError(f"{path}: 2D poses are read from {', '.join(readers)} files and OpenPose folders")
    poses = reader(path, layout)
    if layout is not None and poses.layout is not layout_named(layout):
        raise TrackFileError(f"{path}: its joints are those of {poses.layout.name}, not of {layout}")
    return poses


def _openpose(path: Path, layout: str) -> Poses2DSet:
    known = layout_named(layout)
    numbers, people = read_folder(path, known)
    there = np.isfinite(people[..., 0]).any(-1)
    images = tuple(f"{number:012d}" for number in np.repeat(numbers, there.sum(1)).tolist())
    return Poses2DSet(keypoints=people[there], layout=known, images=images)


def _json(path: Path, layout: str | None) -> Poses2DSet:  # noqa: ARG001 - one signature for all readers
    if path.stat().st_size > _LARGEST_JSON:
        raise TrackFileError(f"{path}: is larger than the {_LARGEST_JSON} bytes of JSON that are read")
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise TrackFileError(f"{path}: is not JSON: {error}") from error
    if isinstance(content, dict) and content.get("format") == poses_files.FORMAT:
        return poses_files.from_json(path, content)
    if isinstance(content, dict) and {"annotations", "images", "categories"} <= content.keys():
        return coco.from_json(path, content)
    if isinstance(content, list) and content and isinstance(content[0], dict) and "joints_vis" in content[0]:
        return mpii_official.from_json(path, content)
    told = f"`format` {poses_files.FORMAT!r}, or COCO's `images`, `annotations` and `categories`"
    raise TrackFileError(f"{path}: is JSON of no known form; expected {told}")


def _npz(path: Path, layout: str | None) -> Poses2DSet:
    try:
        with zipfile.ZipFile(path) as archive:
            members = {name.removesuffix(".npy") for name in archive.namelist()}
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise TrackFileError(f"{path}: is not an .npz: {error}") from error
    if {"xy", "v", "image_wh", "image_id"} <= members:
        return coco.from_npz(path)
    if "keypoints" in members:
        return poses_files.from_npz(path, layout)
    if "positions_2d" in members:
        return _community(path)
    raise TrackFileError(
        f"{path}: holds {', '.join(sorted(members)[:8])}; expected `keypoints`, or COCO's `xy` and `v`"
    )


def _npy(path: Path, layout: str | None) -> Poses2DSet:
    if path.name == "mpii_poses.npy" or layout == "mpii17":
        return mpii.read_npy(path)
    raise TrackFileError(f"{path}: an array alone does not say what its joints are; known is mpii_poses.npy (mpii17)")


def _csv(path: Path, layout: str | None) -> Poses2DSet:  # noqa: ARG001 - one signature for all readers
    return mpii.read_csv(path)


def _h5(path: Path, layout: str | None) -> Poses2DSet:
    with opened(path) as file:
        hourglass = "part" in file
    return mpii.read_h5(path) if hourglass else human36m.read_h5_poses2d(path, layout)


def _mat(path: Path, layout: str | None) -> Poses2DSet:  # noqa: ARG001 - one signature for all readers
    return mpii_official.read_mat_annotations(path)


def _community(path: Path) -> Poses2DSet:
    """Human3.6M's or HumanEva's: the two differ in their layouts and their pictures' sizes."""
    is_humaneva = community.layout_2d(path).name.startswith("humaneva") or "humaneva" in path.name
    return humaneva.read_poses2d(path) if is_humaneva else human36m.read_poses2d(path)
