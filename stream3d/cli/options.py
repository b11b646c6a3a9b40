"""From command-line arguments and a TOML file to the settings of a run."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from stream3d.pipeline import RunSettings
from stream3d.settings import from_table, load_toml

# argument → (room, field); what is given on the command line wins over the file
_FLAGS = {
    "start": ("source", "start_s"),
    "end": ("source", "end_s"),
    "engine": ("engine", "engine"),
    "device": ("engine", "device"),
    "precision": ("engine", "precision"),
    "pixels": ("engine", "pixels"),
    "hwaccel": ("source", "hwaccel"),
    "camera_fps": ("source", "camera_fps"),
    "camera_format": ("source", "camera_format"),
    "rtsp_transport": ("source", "rtsp_transport"),
    "listen_token_file": ("source", "listen_token_file"),
    "detector": ("pose", "detector"),
    "keypoints_net": ("pose", "keypoints"),
    "people": ("pose", "people"),
    "min_height": ("pose", "min_height"),
    "camera": ("camera", "file"),
    "fov": ("camera", "fov_deg"),
    "height": ("lift", "height_m"),
    "lifter": ("lift", "lifter"),
    "lookahead": ("lift", "lookahead"),
}


def run_settings(arguments: argparse.Namespace) -> RunSettings:
    """The settings that the arguments, and the file named by ``--config``, ask for.

    Raises:
        SettingsError: a value or key cannot be used.
    """
    config = getattr(arguments, "config", None)
    settings = from_table(RunSettings, load_toml(Path(config)) if config else {}, "config")
    by_room: dict[str, dict[str, Any]] = {}
    for flag, (room, field) in _FLAGS.items():
        value = getattr(arguments, flag, None)
        if value is not None:
            by_room.setdefault(room, {})[field] = value
    if getattr(arguments, "camera_size", None) is not None:
        width, height = arguments.camera_size
        by_room.setdefault("source", {}).update(camera_width=width, camera_height=height)
    changed: dict[str, Any] = {room: replace(getattr(settings, room), **fields) for room, fields in by_room.items()}
    if getattr(arguments, "mode", None) is not None:
        changed["mode"] = arguments.mode
    if getattr(arguments, "max_latency", None) is not None:
        changed["max_latency_s"] = arguments.max_latency / 1e3
    if getattr(arguments, "metrics", None) is not None:
        changed["metrics_port"] = arguments.metrics
    if arguments.smooth is not None:
        changed["smoother"] = arguments.smooth
    return replace(settings, **changed)
