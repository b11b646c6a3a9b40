"""Cameras of this machine, by number."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from stream3d.errors import SettingsError, SourceNotFoundError, SourceRefusedError
from stream3d.source.allow import CAMERA_CODECS, CAMERA_COMPRESSED, CAMERA_CONTAINERS
from stream3d.source.cameras.listing import list_cameras
from stream3d.source.settings import SourceSettings
from stream3d.source.target import Target


def camera_target(number: int, settings: SourceSettings) -> Target:
    """Camera ``number``, counted from 0 as the system counts them.

    Raises:
        SourceNotFoundError: there is no such camera; the message lists those there are.
        SourceRefusedError: it may not be read.
        SettingsError: this system cannot ask a camera for that format.
    """
    name, device, options = _device(number)
    options = options | _wishes(name, settings)
    return Target(
        shown=f"camera{number}",
        address=device,
        kind="camera",
        name=f"camera{number}",
        containers=CAMERA_CONTAINERS,
        codecs=CAMERA_CODECS,
        protocols=("file",),
        format=name,
        options=options,
    )


def _wishes(device: str, settings: SourceSettings) -> dict[str, str]:
    wishes: dict[str, str] = {}
    if settings.camera_width is not None:
        wishes["video_size"] = f"{settings.camera_width}x{settings.camera_height}"
    if settings.camera_fps is not None:
        wishes["framerate"] = f"{settings.camera_fps:g}"
    if settings.camera_format is not None:
        wishes[_format_option(device, settings.camera_format)] = settings.camera_format
    return wishes


def _format_option(device: str, wanted: str) -> str:
    if device == "video4linux2":
        return "input_format"
    if wanted in CAMERA_COMPRESSED:
        raise SettingsError(
            f"camera_format {wanted} cannot be asked for on this system; ask for a size and rate that the camera"
            " offers only so compressed"
        )
    return "pixel_format"


def _device(number: int) -> tuple[str, str, dict[str, str]]:
    """FFmpeg's input device, the name it gives camera ``number``, and options that it needs."""
    if sys.platform == "darwin":
        # avfoundation refuses to open without a rate and 30 is what every built-in camera offers
        return "avfoundation", f"{number}:none", {"framerate": "30"}
    if sys.platform == "win32":
        return "dshow", f"video={_windows_name(number)}", {"rtbufsize": "64M"}
    return "video4linux2", str(_linux_device(number)), {}


def _linux_device(number: int) -> Path:
    path = Path(f"/dev/video{number}")
    if not path.exists():
        raise SourceNotFoundError(f"camera {number}: not there; {_there_are()}")
    if not os.access(path, os.R_OK | os.W_OK):
        raise SourceRefusedError(f"camera {number}: permission denied for {path}; join the group 'video'")
    return path


def _windows_name(number: int) -> str:
    cameras = list_cameras()
    if number >= len(cameras):
        raise SourceNotFoundError(f"camera {number}: not there; {_there_are()}")
    return cameras[number].device


def _there_are() -> str:
    cameras = [f"{camera.number} ({camera.name})" if camera.name else str(camera.number) for camera in list_cameras()]
    return f"this machine has {', '.join(cameras)}" if cameras else "this machine has no camera"
