"""MPI-INF-3DHP: ``annot.mat`` of training (MATLAB 5), ``annot_data.mat`` of the test set (HDF5), the community's npz.

Training has 14 cameras: cells ``annot2`` [F, 56] pixels and ``annot3`` [F, 84] millimetres in each camera's space,
rows of 28 joints. The test set has 17 joints, ``annot2`` [F, 1, 17, 2], ``annot3`` [F, 1, 17, 3], ``valid_frame``.
``univ_annot3`` are the same poses on one universal skeleton; they do not project to the pixels. The frame rates of
training are of the authors' ``mpii_get_sequence_info``; those of the test set are not stated and taken as 25.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from stream3d.errors import TrackFileError
from stream3d.geometry import Camera
from stream3d.skeleton import Layout
from train.data.bodies import in_metres
from train.data.fitted_camera import fit_intrinsics
from train.data.hdf5 import numbers, opened
from train.data.layouts import MPI_INF_3DHP17, MPI_INF_3DHP28
from train.data.matlab import read_mat
from train.data.motions import MotionClip, MotionSet
from train.data.objects import read_object
from train.data.values import Float32, with_gaps

NAME = "mpi_inf_3dhp"
HELD_OUT = frozenset(f"TS{number}" for number in range(1, 7))
# Chest and knee high cameras and two that look down; the others are near the ceiling or fish-eyed.
VNECT_CAMERAS = (0, 1, 2, 4, 5, 6, 7, 8)
_FPS_50 = {("S1", "Seq2"), ("S3", "Seq1"), ("S3", "Seq2"), ("S5", "Seq1"), ("S5", "Seq2")}
_WIDE = {"TS5", "TS6"}


def _fps(subject: str, sequence: str) -> float:
    return 50.0 if (subject, sequence) in _FPS_50 else 25.0


def _size(subject: str) -> tuple[int, int]:
    return (1920, 1080) if subject in _WIDE else (2048, 2048)


def read_train(path: Path, *, cameras: tuple[int, ...] = VNECT_CAMERAS, universal: bool = False) -> MotionSet:
    """Clips of ``S1/Seq1/annot.mat``, one per camera; who and what is told by the folders' names.

    Raises:
        TrackFileError: the file is malformed, or its folders are not called so.
    """
    found = re.search(r"S(\d)[/\\]Seq(\d)$", str(path.absolute().parent))
    if found is None:
        raise TrackFileError(f"{path}: must lie in a folder such as S1/Seq1, which says who moves and how fast")
    subject, sequence = f"S{found[1]}", f"Seq{found[2]}"
    name = "univ_annot3" if universal else "annot3"
    content = read_mat(path, ("annot2", name))
    clips = []
    for view in cameras:
        what = f"{path}: camera {view}"
        pixels = _cell(content["annot2"], view, 2, what)
        joints = _cell(content[name], view, 3, what)
        clips.append(_clip(joints, pixels, MPI_INF_3DHP28, (subject, sequence, str(view)), what))
    return MotionSet(name=NAME, clips=tuple(clips), held_out=HELD_OUT)


def _cell(cells: Any, view: int, width: int, what: str) -> npt.NDArray[np.floating]:
    cell = cells[view] if isinstance(cells, np.ndarray) and cells.dtype == object and view < len(cells) else None
    columns = MPI_INF_3DHP28.size * width
    if not isinstance(cell, np.ndarray) or cell.ndim != 2 or cell.shape[1] != columns or cell.dtype.kind != "f":
        said = f"{getattr(cell, 'dtype', 'nothing')} {list(getattr(cell, 'shape', ()))}"
        raise TrackFileError(f"{what}: its cell must be floats [F, {columns}], not {said}")
    return cell.reshape(len(cell), -1, width)


def read_test(path: Path, *, universal: bool = False) -> MotionSet:
    """The clip of ``TS1/annot_data.mat``; joints of frames that are not valid are NaN.

    Raises:
        TrackFileError: the file is malformed, or its folder is not called so.
    """
    subject = path.absolute().parent.name
    if subject not in HELD_OUT:
        raise TrackFileError(f"{path}: must lie in a folder TS1 to TS6, which says who moves; it is {subject!r}")
    with opened(path) as file:
        pixels = numbers(path, file, "annot2").astype(np.float32)
        joints = numbers(path, file, "univ_annot3" if universal else "annot3").astype(np.float32)
        valid = numbers(path, file, "valid_frame").reshape(-1) != 0
    count = len(valid)
    for table, width in ((pixels, 2), (joints, 3)):
        if table.shape != (count, 1, 17, width):
            raise TrackFileError(
                f"{path}: expected [{count}, 1, 17, {width}] for {count} frames, not {list(table.shape)}"
            )
    clip = _clip(joints[:, 0], pixels[:, 0], MPI_INF_3DHP17, (subject, "all", ""), str(path), valid)
    return MotionSet(name=NAME, clips=(clip,), held_out=HELD_OUT)


def read_npz(path: Path, layout: Layout = MPI_INF_3DHP17) -> MotionSet:
    """``data_train_3dhp.npz`` or ``data_test_3dhp.npz``, whose ``data`` is a pickled dict; nothing is unpickled.

    Training: {"S1 Seq1": [{camera: {"data_2d", "data_3d"}}]}; test: {"TS1": {"data_2d", "data_3d", "valid"}}. Files of
    this name come in several orders of joints: if the bodies in it are none in this ``layout``, it is refused.

    Raises:
        TrackFileError: the file is malformed, or its joints are in another order.
    """
    content = read_object(path, "data")
    try:
        clips = tuple(_npz_clip(path, layout, *entry) for entry in _npz_entries(content))
    except (TypeError, AttributeError, KeyError, ValueError, IndexError) as error:
        if isinstance(error, TrackFileError):
            raise
        raise TrackFileError(f"{path}: `data` is not the dict that this set's files hold: {error!r}") from error
    if not clips:
        raise TrackFileError(f"{path}: `data` holds no sequence")
    return MotionSet(name=NAME, clips=clips, held_out=HELD_OUT)


def _npz_entries(content: Any) -> Iterator[tuple[tuple[str, str, str], dict[str, Any]]]:
    for key, value in content.items():
        subject, _, sequence = str(key).partition(" ")
        if isinstance(value, dict):
            yield (subject, sequence or "all", ""), value
            continue
        for views in value:
            for view, entry in views.items():
                yield (subject, sequence, str(view)), entry


def _npz_clip(path: Path, layout: Layout, names: tuple[str, str, str], entry: dict[str, Any]) -> MotionClip:
    what = f"{path}: {' '.join(names)}"
    joints, pixels = np.asarray(entry["data_3d"]), np.asarray(entry["data_2d"])
    valid = np.asarray(entry["valid"]).reshape(-1) != 0 if "valid" in entry else None
    return _clip(joints, pixels, layout, names, what, valid)


def _clip(
    joints: npt.NDArray[np.floating],
    pixels: npt.NDArray[np.floating],
    layout: Layout,
    names: tuple[str, str, str],
    what: str,
    valid: npt.NDArray[np.bool_] | None = None,
) -> MotionClip:
    count = len(joints)
    if joints.shape != (count, layout.size, 3) or pixels.shape[:2] != (count, layout.size) or pixels.shape[2] < 2:
        said = f"{list(joints.shape)} and {list(pixels.shape)}"
        raise TrackFileError(
            f"{what}: expected [F, {layout.size}, 3] and [F, {layout.size}, 2] of {layout.name}, not {said}"
        )
    there = np.ones(count, bool) if valid is None else valid
    if there.shape != (count,) or not there.any():
        raise TrackFileError(f"{what}: {there.sum()} of {there.size} marks of validity for {count} frames")
    metres = joints.astype(np.float32)
    metres[there] = in_metres(metres[there], layout, what)
    metres[~there] = np.nan
    keypoints = with_gaps(pixels[..., :2], np.repeat(there[:, None], layout.size, 1).astype(np.float32))
    return MotionClip(
        joints=metres,
        layout=layout,
        space="camera",
        fps=_fps(names[0], names[1]),
        subject=names[0],
        action=names[1],
        view=names[2],
        keypoints=keypoints,
        keypoint_layout=layout,
        camera=_camera(metres, keypoints, _size(names[0]), what),
    )


def _camera(joints: Float32, keypoints: Float32, size: tuple[int, int], what: str) -> Camera | None:
    """The camera that makes these pixels; none does of the universal skeleton."""
    try:
        return fit_intrinsics(joints, keypoints[..., :2], size, what).camera
    except TrackFileError:
        return None
