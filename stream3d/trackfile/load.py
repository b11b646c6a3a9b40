"""Track files and their journals in and out."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from stream3d.errors import TrackFileError
from stream3d.trackfile.append import lock
from stream3d.trackfile.journal import SUFFIX, Journal, is_journal
from stream3d.trackfile.meta import from_json, to_json
from stream3d.trackfile.model import TrackFile
from stream3d.trackfile.npz import LIMIT_BYTES, NpzWriter, read_npz, replacing_npz

Array = npt.NDArray[Any]

_log = logging.getLogger(__name__)
_ARRAYS = ("frame", "time", "person", "keypoints2d", "joints3d", "sigma")
_OTHERS = ("keypoint_names", "joint_names", "meta")


def load_tracks(path: Path | str, *, limit_bytes: int = LIMIT_BYTES) -> TrackFile:
    """Read and check a track file, or the journal of a run that is still writing or was killed.

    Where ``path`` is not there but its journal is, the journal is read and the log says so.

    Raises:
        TrackFileError: nothing is there, or it is damaged, inconsistent, or larger than ``limit_bytes`` once unpacked.
    """
    path = Path(path)
    journal = path.with_name(path.name + SUFFIX)
    try:
        if not path.exists() and journal.is_file():
            _log.warning("%s is not finished; reading its journal %s", path, journal.name)
            path = journal
        if not path.is_file():
            raise TrackFileError(f"{path} {'is not a file' if path.exists() else 'does not exist'}")
        arrays = _of_journal(path, limit_bytes) if is_journal(path) else read_npz(path, limit_bytes=limit_bytes)
    except OSError as error:
        raise TrackFileError(f"{path} cannot be read: {error.strerror or error}") from error
    try:
        return _checked(arrays)
    except ValueError as error:  # also text with impossible characters
        raise TrackFileError(f"{path} is not a valid track file: {error}") from error


def recover(journal: Path | str, target: Path | str | None = None) -> Path:
    """Make the file of the journal that a killed process left, remove the journal, and return the file's path.

    ``target`` is the journal's name without ``.journal`` unless given; an existing file is only replaced when given.

    Raises:
        TrackFileError: no journal, still being written, or the target exists.
        SinkError: the target cannot be written; the journal stays.
    """
    journal = Path(journal)
    path = Path(target) if target is not None else journal.with_name(journal.name.removesuffix(SUFFIX))
    if target is None and path.exists():
        raise TrackFileError(f"{journal} would become {path}, which exists; give another name")
    try:
        file = journal.open("rb")
    except OSError as error:
        raise TrackFileError(f"{journal} cannot be read: {error.strerror or error}") from error
    with file:
        if not lock(file, shared=True):
            raise TrackFileError(f"{journal} is still being written by another process")
        finish(journal, path, {"recovered": True})
    return path


def finish(journal: Path, path: Path, meta: Mapping[str, object]) -> None:
    """Write ``path`` from its journal, chunk by chunk, then remove the journal; ``meta`` is added to the run's.

    Raises:
        SinkError: ``path`` cannot be written; the journal stays.
        TrackFileError: the journal cannot be read.
    """
    rows = Journal(journal)
    if rows.damaged:
        _log.warning("%s: %d of %d rows are damaged and left out", journal, rows.damaged, len(rows.valid))
    with replacing_npz(path) as npz:
        columns = ["frame", "time", "person"]
        columns += ["keypoints"] if rows.header.kind == "keypoints" else ["keypoints2d", "joints3d", "sigma"]
        columns += ["rotations"] if _has_rotations(rows) else []
        for name in columns:
            _copy(npz, rows, name)
        npz.add("keypoint_names", np.array(rows.header.keypoint_names))
        if rows.header.kind == "tracks":
            npz.add("joint_names", np.array(rows.header.joint_names))
        else:
            _copy_image_names(npz, rows)
        npz.add("meta", np.array(to_json({**rows.header.meta, **meta})))
    journal.unlink()


def _copy(npz: NpzWriter, rows: Journal, name: str) -> None:
    field = rows.header.dtype[name]
    npz.stream(name, field.base, (len(rows), *field.shape), rows.column(name))


def _copy_image_names(npz: NpzWriter, rows: Journal) -> None:
    widest = max((chunk.dtype.itemsize // 4 for chunk in _image_names(rows)), default=1)
    npz.stream("image_names", np.dtype(f"<U{max(widest, 1)}"), (len(rows),), _image_names(rows))


def _image_names(rows: Journal) -> Any:
    return (np.char.decode(chunk, "utf-8", "replace") for chunk in rows.column("image") if len(chunk))


def _has_rotations(rows: Journal) -> bool:
    return rows.header.kind == "tracks" and any(np.isfinite(chunk).any() for chunk in rows.column("rotations"))


def _of_journal(path: Path, limit_bytes: int) -> dict[str, Array]:
    if path.stat().st_size > limit_bytes:
        raise TrackFileError(f"{path} has {path.stat().st_size} bytes, more than the limit of {limit_bytes}")
    rows = Journal(path)
    if rows.header.kind != "tracks":
        raise TrackFileError(f"{path} is the journal of a {rows.header.kind} file, not of a track file")
    names = (*_ARRAYS, "rotations") if _has_rotations(rows) else _ARRAYS
    dtype = rows.header.dtype
    arrays = {n: np.concatenate([np.zeros((0, *dtype[n].shape), dtype[n].base), *rows.column(n)]) for n in names}
    arrays["keypoint_names"] = np.array(rows.header.keypoint_names)
    arrays["joint_names"] = np.array(rows.header.joint_names)
    arrays["meta"] = np.array(to_json(rows.header.meta))
    return arrays


def _checked(arrays: Mapping[str, Array]) -> TrackFile:
    missing = [name for name in (*_ARRAYS, *_OTHERS) if name not in arrays]
    if missing:
        raise TrackFileError(f"it lacks {', '.join(missing)}")
    return TrackFile(
        **{name: arrays[name] for name in _ARRAYS},
        rotations=arrays.get("rotations"),
        keypoint_names=_names("keypoint_names", arrays["keypoint_names"]),
        joint_names=_names("joint_names", arrays["joint_names"]),
        meta=_meta(arrays["meta"]),
    )


def _names(name: str, array: Array) -> tuple[str, ...]:
    if array.ndim != 1 or array.dtype.kind != "U" or not 1 <= len(array) <= 1024:
        raise TrackFileError(f"{name} must be text [1 to 1024], not {array.dtype} {list(array.shape)}")
    return tuple(array.tolist())


def _meta(array: Array) -> dict[str, object]:
    if array.ndim != 0 or array.dtype.kind != "U":
        raise TrackFileError(f"meta must be one JSON text, not {array.dtype} {list(array.shape)}")
    try:
        meta = from_json(array.item())
    except ValueError as error:
        raise TrackFileError(f"meta is not JSON: {error}") from error
    if not isinstance(meta, dict):
        raise TrackFileError(f"meta must be a JSON object, not {type(meta).__name__}")
    return meta
