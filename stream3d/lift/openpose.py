"""Folders of OpenPose JSON: one file per frame, people in no lasting order."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stream3d.errors import TrackFileError
from stream3d.lift.features import Float32
from stream3d.skeleton import Layout

LARGEST_FILE = 16 << 20
MOST_FILES = 1_000_000
# A person of the frame before is the same one within this share of their own height.
_NEAR = 0.5
_PEOPLE_AT_MOST = 64


def read_folder(path: Path, layout: Layout) -> tuple[npt.NDArray[np.int64], Float32]:
    """Frame numbers int64 [T] and keypoints float32 [T, P, J, 3]; column p is one person, by nearness over time.

    Raises:
        TrackFileError: there are no files, or one is malformed.
    """
    try:
        found = [file for file in path.iterdir() if file.suffix.lower() == ".json"]
    except OSError as error:
        raise TrackFileError(f"{path} cannot be read: {error.strerror or error}") from error
    files = sorted((_number(file), file) for file in found)
    if not files or len(files) > MOST_FILES:
        raise TrackFileError(f"{path}: holds {len(files)} .json files; 1 to {MOST_FILES} can be read")
    numbers = np.array([number for number, _ in files], np.int64)
    if (np.diff(numbers) <= 0).any():
        twice = files[int(np.argmin(np.diff(numbers)))][1].name
        raise TrackFileError(f"{path}: two files have the number of {twice}; one folder holds one video")
    columns: list[dict[int, Float32]] = []
    for frame, (_, file) in enumerate(files):
        for pose in _people(file, layout):
            _assign(columns, frame, pose)
    out = np.full((len(files), max(1, len(columns)), layout.size, 3), np.nan, np.float32)
    out[..., 2] = 0.0
    for column, poses in enumerate(columns):
        for frame, pose in poses.items():
            out[frame, column] = pose
    return numbers, out


def _number(file: Path) -> int:
    """The frame number: the last run of digits in ``clip_000000000012_keypoints.json``."""
    found = re.findall(r"\d+", file.stem)
    if not found:
        raise TrackFileError(f"{file}: its name holds no frame number")
    return int(found[-1][-15:])


def _people(file: Path, layout: Layout) -> list[Float32]:
    try:
        content = json.loads(_bytes(file))
        people = [np.array(person["pose_keypoints_2d"], np.float32) for person in content["people"]]
    except TrackFileError:
        raise
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise TrackFileError(f"{file}: is not OpenPose JSON: {error!r}") from error
    for numbers in people:
        if numbers.shape != (layout.size * 3,):
            raise TrackFileError(
                f"{file}: a person has {numbers.size} numbers, {layout.name} has {layout.size * 3}; see --layout"
            )
    return [_with_gaps(numbers.reshape(-1, 3)) for numbers in people]


def _bytes(file: Path) -> bytes:
    """A folder from a stranger may hold links to devices and pipes, whose sizes say nothing and which never end."""
    if not file.is_file():
        raise TrackFileError(f"{file}: is not a regular file")
    with file.open("rb") as opened:
        data = opened.read(LARGEST_FILE + 1)
    if len(data) > LARGEST_FILE:
        raise TrackFileError(f"{file}: is larger than the {LARGEST_FILE} bytes that are read")
    return data


def _with_gaps(pose: Float32) -> Float32:
    """OpenPose writes a joint that it did not find as 0, 0, 0."""
    lost = (pose[:, 2] <= 0) | ~np.isfinite(pose).all(-1)
    return np.where(lost[:, None], np.array([np.nan, np.nan, 0.0], np.float32), pose)


def _assign(columns: list[dict[int, Float32]], frame: int, pose: Float32) -> None:
    """Put a pose into the nearest column that is free in this frame, or into a new one."""
    if np.isnan(pose[:, 0]).all():
        return
    reach = _NEAR * float(np.nanmax(pose[:, 1]) - np.nanmin(pose[:, 1]) + 1)
    best, found = reach, None
    for poses in columns:
        if frame in poses:
            continue
        gap = np.linalg.norm(poses[max(poses)][:, :2] - pose[:, :2], axis=-1)
        distance = float(np.nanmean(gap)) if np.isfinite(gap).any() else np.inf
        if distance < best:
            best, found = distance, poses
    if found is None and len(columns) < _PEOPLE_AT_MOST:
        columns.append(found := {})
    if found is not None:
        found[frame] = pose
