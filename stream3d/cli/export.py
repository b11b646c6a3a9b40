"""``stream3d export``: a track file as another format, smoothed if that is asked for."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from stream3d.errors import SettingsError
from stream3d.sinks.convert import convert_tracks
from stream3d.solve import WholeSettings, smooth_recording
from stream3d.trackfile import TrackFile, load_tracks

# flag → (field, the only method that it belongs to)
_FLAGS = {"cutoff": ("cutoff_hz", "butterworth"), "window": ("window_s", "savgol"), "fill": ("fill_s", None)}


def command(arguments: argparse.Namespace) -> int:
    """Write the tracks with every writer that was asked for."""
    change = _change(arguments)
    if change is not None:
        _warn(load_tracks(arguments.tracks))
    for save in arguments.save:
        convert_tracks(arguments.tracks, save, change)
        print(f"wrote {save}")
    return 0


def _change(arguments: argparse.Namespace) -> Callable[[TrackFile], TrackFile] | None:
    """What is to be done with the tracks; None if nothing."""
    given = {flag: getattr(arguments, flag) for flag in _FLAGS if getattr(arguments, flag) is not None}
    if arguments.smooth is None and not given and not arguments.keep_outliers:
        return None
    method = arguments.smooth or "none"
    settings: dict[str, Any] = {"method": method, "outliers": not arguments.keep_outliers}
    for flag, value in given.items():
        name, only = _FLAGS[flag]
        if only is not None and only != method:
            raise SettingsError(f"--{flag} belongs to --smooth {only}, not to {method}")
        settings[name] = value
    return partial(smooth_recording, settings=WholeSettings(**settings))


def _warn(file: TrackFile) -> None:
    """Say so if the tracks are smooth already."""
    before = "export" if "smoothed" in file.meta else file.meta.get("smoother", "none")
    if before != "none":
        print(
            f"stream3d: these tracks were smoothed before ({before}), which cannot be undone; `stream3d run --smooth "
            "none` saves them as they are",
            file=sys.stderr,
        )
