"""The project's own files of 2D poses: JSON to read and edit, NumPy to load fast; both say the same.

JSON: ``{"format": "stream3d.poses2d", "version": 1, "layout": NAME, "joints": [names], "poses": [{"image": NAME,
"size": [width, height], "keypoints": [[x, y, confidence] or null, …]}, …]}``; ``image`` and ``size`` may be absent.
NumPy: an ``.npz`` of ``keypoints`` float32 [N, J, 3] (NaN, NaN, 0 = missing), ``layout``, ``joints`` [J], and perhaps
``images`` [N] and ``sizes`` int32 [N, 2].
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from stream3d.errors import ShapeError, TrackFileError
from stream3d.skeleton import Layout
from stream3d.trackfile import read_npz, replacing_npz
from train.data.layouts import layout_named
from train.data.values import Float32, Int32, Poses2DSet, with_gaps

FORMAT, VERSION = "stream3d.poses2d", 1
_LARGEST_NPZ = 4 << 30


def save_poses2d(path: Path, poses: Poses2DSet) -> None:
    """Write ``path``, a ``.json`` or an ``.npz``.

    Raises:
        TrackFileError: the ending is another.
        OSError: the file cannot be written.
    """
    if path.suffix.lower() == ".json":
        path.write_text(json.dumps(_content(poses), allow_nan=False, separators=(",", ":")), encoding="utf-8")
    elif path.suffix.lower() == ".npz":
        _save_npz(path, poses)
    else:
        raise TrackFileError(f"{path}: 2D poses are written as .json or .npz")


def _save_npz(path: Path, poses: Poses2DSet) -> None:
    with replacing_npz(path) as writer:
        writer.add("keypoints", poses.keypoints)
        writer.add("layout", np.array(poses.layout.name))
        writer.add("joints", np.array(poses.layout.names))
        if poses.images:
            writer.add("images", np.array(poses.images))
        if poses.sizes is not None:
            writer.add("sizes", poses.sizes)


def _content(poses: Poses2DSet) -> dict[str, Any]:
    rows = []
    for row, pose in enumerate(poses.keypoints.tolist()):
        entry: dict[str, Any] = {"image": poses.images[row]} if poses.images else {}
        if poses.sizes is not None:
            entry["size"] = poses.sizes[row].tolist()
        entry["keypoints"] = [joint if joint[0] == joint[0] else None for joint in pose]
        rows.append(entry)
    about = {"format": FORMAT, "version": VERSION, "layout": poses.layout.name, "joints": list(poses.layout.names)}
    return {**about, "poses": rows}


def from_json(path: Path, content: dict[str, Any]) -> Poses2DSet:
    """Poses of a file's parsed JSON.

    Raises:
        TrackFileError: a part is missing or has the wrong form.
    """
    if content.get("version") != VERSION:
        raise TrackFileError(f"{path}: is of version {content.get('version')!r}; known is {VERSION}")
    try:
        layout = _layout(path, content["layout"], content.get("joints"))
        rows = content["poses"]
        gap = [0.0, 0.0, 0.0]
        table = np.array([[joint or gap for joint in row["keypoints"]] for row in rows], np.float32)
        table = table.reshape(len(rows), layout.size, 3)
        images = tuple(str(row["image"]) for row in rows) if all("image" in row for row in rows) else ()
        sizes = np.array([row["size"] for row in rows], np.int32) if all("size" in row for row in rows) else None
        return _poses(path, table, layout, images, sizes if rows else None)
    except (KeyError, TypeError, AttributeError, OverflowError) as error:
        raise TrackFileError(f"{path}: a pose lacks a part or has one of another form: {error!r}") from error
    except ValueError as error:
        raise TrackFileError(f"{path}: {error}") from error


def from_npz(path: Path, named: str | None = None) -> Poses2DSet:
    """Poses of the project's ``.npz``; ``named`` is the layout where the file does not say it.

    Raises:
        TrackFileError: a member is missing or has the wrong form.
    """
    arrays = read_npz(path, names=("keypoints", "layout", "joints", "images", "sizes"), limit_bytes=_LARGEST_NPZ)
    said = str(arrays["layout"]) if "layout" in arrays else named
    if said is None or (named is not None and named != said):
        raise TrackFileError(f"{path}: its layout is {said!r}, asked for was {named!r}; name one of them")
    joints = arrays["joints"].tolist() if "joints" in arrays else None
    layout = _layout(path, said, joints)
    keypoints = arrays["keypoints"].astype(np.float32)
    if keypoints.ndim < 3 or keypoints.shape[-2:] != (layout.size, 3):
        wanted = f"[N, {layout.size}, 3]"
        raise TrackFileError(f"{path}: `keypoints` of {said} must be {wanted}, not {list(keypoints.shape)}")
    images = tuple(str(name) for name in arrays["images"].tolist()) if "images" in arrays else ()
    return _poses(path, keypoints.reshape(-1, layout.size, 3), layout, images, arrays.get("sizes"))


def _layout(path: Path, name: str, joints: list[str] | None) -> Layout:
    layout = layout_named(name)
    if joints is not None and tuple(joints) != layout.names:
        raise TrackFileError(f"{path}: its joints are not those of {name}: {', '.join(map(str, joints[:5]))}, …")
    return layout


def _poses(path: Path, table: Float32, layout: Layout, images: tuple[str, ...], sizes: Any) -> Poses2DSet:
    sizes_px: Int32 | None = None if sizes is None else np.asarray(sizes).astype(np.int32)
    try:
        keypoints = with_gaps(table[..., :2], table[..., 2])
        return Poses2DSet(keypoints=keypoints, layout=layout, images=images, sizes=sizes_px)
    except ShapeError as error:
        raise TrackFileError(f"{path}: {error}") from error
