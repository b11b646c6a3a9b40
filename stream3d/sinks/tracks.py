"""The track file ``.npz`` and the keypoint file ``.2d.npz``: a journal while running, the file itself at the end."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from stream3d.errors import SinkError, TrackFileError
from stream3d.sinks.base import Meta, RunInfo
from stream3d.sinks.people import People, people_of
from stream3d.trackfile import SUFFIX, Header, Journal, JournalWriter, finish, in_use
from stream3d.values import Result

_log = logging.getLogger(__name__)
_Columns = dict[str, npt.NDArray[Any]]


class JournaledSink:
    """One row per frame and person, in columns.

    ``kind`` ``tracks`` makes the track file that `stream3d.trackfile.load_tracks` reads; ``keypoints`` makes
    ``.2d.npz``: ``keypoints`` float32 [N, J, 3] = x, y in pixels, score (NaN = not seen), ``image_names`` text [N]
    (empty for video; 256 bytes at most), ``frame`` int64 [N], ``time`` float64 [N], ``person`` int64 [N],
    ``keypoint_names`` text [J], ``meta`` JSON text.

    Raises:
        SinkError: the journal cannot be opened, or another process is writing it.
    """

    def __init__(self, path: Path, info: RunInfo, kind: str = "tracks") -> None:
        self._path, self._info, self._closed = path, info, False
        self._columns = _COLUMNS[kind]
        self._journal = path.with_name(path.name + SUFFIX)
        _set_aside(self._journal)
        header = Header(
            kind=kind,
            keypoint_names=info.keypoint_layout.names,
            joint_names=info.joint_layout.names,
            meta=info.as_meta(),
        )
        self._writer = JournalWriter(self._journal, header)

    def write(self, result: Result) -> None:
        """Append the frame's people to the journal."""
        people = people_of(result, self._info)
        if len(people.person):
            frame, time = np.array(result.frame.index, np.int64), np.array(result.frame.pts, np.float64)
            self._writer.append({"frame": frame, "time": time, **self._columns(people, result)})

    def close(self, meta: Meta) -> None:
        """Make the file of the journal, then remove the journal."""
        if self._closed:
            return
        self._closed = True
        self._writer.close()
        try:
            finish(self._journal, self._path, meta)
        except SinkError as error:
            raise SinkError(f"{error}; its rows are safe in {self._journal}, which can be recovered") from error
        except (TrackFileError, OSError) as error:
            raise SinkError(f"cannot finish {self._path}: {error}") from error


def _track_columns(people: People, _: Result) -> _Columns:
    return {
        "person": people.person,
        "keypoints2d": people.keypoints,
        "joints3d": people.joints,
        "sigma": people.sigma,
        "rotations": people.rotations,
    }


def _keypoint_columns(people: People, result: Result) -> _Columns:
    image = np.array(result.frame.name.encode("utf-8", "surrogateescape"))
    return {"person": people.person, "keypoints": people.keypoints, "image": image}


_COLUMNS: dict[str, Callable[[People, Result], _Columns]] = {"tracks": _track_columns, "keypoints": _keypoint_columns}


def _set_aside(journal: Path) -> None:
    """Rename a journal that a killed run left, so that its rows are not overwritten; one without rows may go."""
    if not journal.is_file():
        return
    if in_use(journal):
        raise SinkError(f"cannot write {journal}: another process is writing it")
    try:
        if len(Journal(journal)) == 0:
            return
    except TrackFileError:
        _log.warning("%s is no journal that can be read", journal)
    number = 1
    while (kept := journal.with_name(f"{journal.name}.{number}")).exists():
        number += 1
    journal.rename(kept)
    _log.warning(
        "a run that was killed left %s; it is kept as %s, from which its tracks can be recovered", journal, kept
    )
