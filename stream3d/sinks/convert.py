"""A finished track file, or the journal of a killed run, as another format."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from stream3d.errors import SettingsError
from stream3d.geometry import Camera
from stream3d.sinks.base import RunInfo
from stream3d.sinks.files import open_sink
from stream3d.trackfile import SUFFIX, TrackFile, load_tracks, recover
from stream3d.values import Frame, Result

_WITHOUT_PICTURES = (".npz", ".jsonl", ".csv", ".json", "/")
_LARGEST = 1e9  # of a number in a camera or a picture; a stranger's file may say anything
_NO_IMAGE = np.zeros((1, 1, 3), np.uint8)


def convert_tracks(tracks: str | Path, save: str, change: Callable[[TrackFile], TrackFile] | None = None) -> None:
    """Write the rows of the file ``tracks``, or what ``change`` makes of them, to ``save``, whose ending says how.

    A journal that becomes its ``.npz`` unchanged is gone afterwards.

    Raises:
        TrackFileError: ``tracks`` cannot be read.
        SettingsError: the format needs the pictures of the video, its ending is unknown, or what is
            changed would overwrite ``tracks``.
        SinkError: ``save`` cannot be written.
    """
    if not save.endswith(_WITHOUT_PICTURES) or save.endswith(".2d.npz"):
        raise SettingsError(f"--save {save}: tracks can be exported to .npz, .jsonl, .csv and .json/")
    if change is not None and Path(save).resolve() == Path(tracks).resolve():
        raise SettingsError(f"--save {save} would overwrite the tracks that it is made of; give another name")
    if change is None and str(tracks).endswith(SUFFIX) and save.endswith(".npz"):
        recover(tracks, save)
        return
    file = load_tracks(tracks)
    file = file if change is None else change(file)
    sink = open_sink(save, _info(file))
    try:
        for rows in file.by_frame():
            poses, people = rows.poses(file.joint_layout), rows.tracks(file.keypoint_layout)
            frame = Frame(source_id="", index=rows.frame, pts=rows.time, captured_at=rows.time, image=_NO_IMAGE)
            sink.write(Result(frame=frame, tracks=people, poses=poses))
    finally:
        sink.close(file.meta)


def _info(file: TrackFile) -> RunInfo:
    """What the run that made the file had told its sinks; what is not in the file is as for a picture of 1 x 1."""
    meta = file.meta
    camera = meta.get("camera")
    width, height = (_number(meta, name, 1.0) for name in ("width", "height"))
    return RunInfo(
        source=str(meta.get("source", "")),
        width=int(width),
        height=int(height),
        fps=_number(meta, "fps", 25.0),
        camera=_camera(camera) if isinstance(camera, Mapping) else Camera.from_fov(int(width), int(height)),
        keypoint_layout=file.keypoint_layout,
        joint_layout=file.joint_layout,
    )


def _camera(said: Mapping[str, Any]) -> Camera:
    return Camera(
        fx=_number(said, "fx", 1.0),
        fy=_number(said, "fy", 1.0),
        cx=_number(said, "cx", 1.0),
        cy=_number(said, "cy", 1.0),
        width=int(_number(said, "width", 1.0)),
        height=int(_number(said, "height", 1.0)),
        origin=str(said.get("origin", "track file")),
        distortion=_numbers(said.get("distortion")),
    )


def _number(said: Mapping[str, Any], name: str, otherwise: float) -> float:
    value = said.get(name)
    return float(value) if isinstance(value, int | float) and 0 < value < _LARGEST else otherwise


def _numbers(said: Any) -> tuple[float, ...]:
    known = isinstance(said, list | tuple) and all(isinstance(k, int | float) and abs(k) < _LARGEST for k in said)
    return tuple(map(float, said)) if known else ()
