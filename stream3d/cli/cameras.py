"""``stream3d cameras``: what can be named by a number."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from itertools import groupby

from stream3d.source.cameras.listing import list_cameras
from stream3d.source.cameras.modes import CameraInfo, CameraMode


def command(arguments: argparse.Namespace) -> int:
    """Print the cameras."""
    cameras = list_cameras()
    if arguments.json:
        print(json.dumps({"cameras": [asdict(camera) for camera in cameras]}))
        return 0
    for camera in cameras:
        print("\n".join(told(camera)))
    if not cameras:
        print("no camera on this machine")
    return 0


def told(camera: CameraInfo) -> list[str]:
    """One camera in lines: itself, then one per format."""
    lines = [f"{camera.number}  {camera.name or 'unnamed'}  ({camera.device})"]
    if camera.problem:
        lines.append(f"   {camera.problem}")
    for name, modes in groupby(camera.modes, key=lambda mode: mode.format):
        lines.append(f"   {name:<9}{', '.join(map(_mode, modes))}")
    return lines


def _mode(mode: CameraMode) -> str:
    rates = "/".join(f"{rate:g}" for rate in mode.fps)
    return f"{mode.width}x{mode.height}{f' at {rates}' if rates else ''}"
