"""Which writer a file's ending means, and whether the file can be written at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from stream3d.errors import SettingsError, SinkError
from stream3d.sinks.base import RunInfo, Sink, SinkSettings
from stream3d.trackfile import SUFFIX, cannot_write, in_use

_PROBE_BYTES = 1 << 16


def open_sink(path: Path | str, info: RunInfo, settings: SinkSettings | None = None) -> Sink:
    """Open the writer that the ending of ``path`` means; an existing file is replaced.

    A folder that exists, a name that ends in ``/`` and one that ends in ``.json`` mean a folder of OpenPose's JSON.

    Raises:
        SettingsError: no writer has this ending.
        SinkError: it cannot be written.
    """
    opener = _OPENERS[_ending(path)]
    check_writable(path)
    return opener(Path(path), info, settings or SinkSettings())


def check_writable(path: Path | str) -> None:
    """Fail now rather than after an hour: the ending is known, the folder is there, the disk takes a few bytes.

    Raises:
        SettingsError: no writer has this ending.
        SinkError: it cannot be written.
    """
    folder_wanted = _ending(path) == "/"
    path = Path(path)
    try:
        if path.exists() and path.is_dir() != folder_wanted:
            there = "a folder" if path.is_dir() else "a file, and OpenPose's JSON is a folder of files"
            raise SinkError(f"cannot write {path}: it is {there}; give another name")
        for file in (path, path.with_name(path.name + SUFFIX)):
            if file.is_file() and in_use(file):
                raise SinkError(f"cannot write {path}: another process is writing it")
        _try_writing(path)
    except SinkError:
        raise
    except OSError as error:
        raise cannot_write(path, error) from error


def _try_writing(path: Path) -> None:
    if path.is_file():
        os.close(os.open(path, os.O_WRONLY))
    with tempfile.TemporaryFile(dir=path if path.is_dir() else path.parent) as probe:
        probe.write(bytes(_PROBE_BYTES))
        probe.flush()


def known_endings() -> tuple[str, ...]:
    """The endings that `open_sink` knows, for help texts; ``.json/`` is the folder."""
    return (*(ending for ending in _OPENERS if ending != "/"), ".json/")


def _ending(path: Path | str) -> str:
    name = Path(path).name.lower()
    for ending in _OPENERS:
        if name.endswith(ending) and name != ending:
            return ending
    if str(path).endswith(("/", os.sep)) or name.endswith(".json") or Path(path).is_dir():
        return "/"
    raise SettingsError(f"no writer for {str(path)!r}: the ending must be one of {', '.join(known_endings())}")


def _tracks(path: Path, info: RunInfo, _: SinkSettings) -> Sink:
    from stream3d.sinks.tracks import JournaledSink

    return JournaledSink(path, info, "tracks")


def _keypoints(path: Path, info: RunInfo, _: SinkSettings) -> Sink:
    from stream3d.sinks.tracks import JournaledSink

    return JournaledSink(path, info, "keypoints")


def _keypoint_json(path: Path, info: RunInfo, _: SinkSettings) -> Sink:
    from stream3d.sinks.text import KeypointJsonSink

    return KeypointJsonSink(path, info)


def _json_lines(path: Path, info: RunInfo, _: SinkSettings) -> Sink:
    from stream3d.sinks.text import JsonLinesSink

    return JsonLinesSink(path, info)


def _csv(path: Path, info: RunInfo, _: SinkSettings) -> Sink:
    from stream3d.sinks.text import CsvSink

    return CsvSink(path, info)


def _overlay(path: Path, info: RunInfo, settings: SinkSettings) -> Sink:
    from stream3d.sinks.overlay import OverlaySink  # PyAV and OpenCV only for those who want video

    return OverlaySink(path, info, settings.overlay)


def _openpose(path: Path, info: RunInfo, _: SinkSettings) -> Sink:
    from stream3d.sinks.openpose import OpenPoseSink

    return OpenPoseSink(path, info)


# The longer of two endings stands first, for ``.2d.npz`` also ends in ``.npz``.
_OPENERS: dict[str, Callable[[Path, RunInfo, SinkSettings], Sink]] = {
    ".2d.npz": _keypoints,
    ".2d.json": _keypoint_json,
    ".npz": _tracks,
    ".jsonl": _json_lines,
    ".csv": _csv,
    ".mp4": _overlay,
    "/": _openpose,
}
