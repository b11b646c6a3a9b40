"""The cameras of this machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from stream3d.source.cameras import v4l2
from stream3d.source.cameras.modes import CameraInfo

_DEVICES = Path("/dev")
_CLASSES = Path("/sys/class/video4linux")


def list_cameras() -> list[CameraInfo]:
    """Every camera that the system knows, by number; on Linux with what it offers."""
    if sys.platform == "darwin":
        return _listed("avfoundation")
    if sys.platform == "win32":
        return _listed("dshow")
    import fcntl

    return linux_cameras(_DEVICES, _CLASSES, fcntl.ioctl)


def linux_cameras(devices: Path, classes: Path, ask: v4l2.Ask) -> list[CameraInfo]:
    """The cameras among ``devices``/video0, video1, ...; ``classes`` tells of those that may not be opened."""
    numbers = sorted(int(path.name[5:]) for path in devices.glob("video*") if path.name[5:].isdecimal())
    found = (_linux_camera(number, devices / f"video{number}", classes / f"video{number}", ask) for number in numbers)
    return [camera for camera in found if camera is not None]


def _linux_camera(number: int, path: Path, told: Path, ask: v4l2.Ask) -> CameraInfo | None:
    """The camera, None where no pictures come from this device."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    except OSError as error:
        if _read(told / "index") not in ("", "0"):  # further devices of a camera are for metadata
            return None
        problem = "permission denied; join the group 'video'" if isinstance(error, PermissionError) else error.strerror
        return CameraInfo(number=number, device=str(path), name=_read(told / "name"), problem=problem or "not there")
    try:
        name, captures = v4l2.capability(descriptor, ask)
        if not captures:
            return None
        modes = tuple(v4l2.modes(descriptor, ask))
        return CameraInfo(number=number, device=str(path), name=name, modes=modes)
    except OSError:
        return None  # not a video device at all
    finally:
        os.close(descriptor)


def _listed(device: str) -> list[CameraInfo]:
    from av.device import enumerate_input_devices

    cameras = [found for found in enumerate_input_devices(device) if "video" in found.media_types]
    return [
        CameraInfo(number=number, device=found.name, name=found.description or found.name)
        for number, found in enumerate(cameras)
    ]


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
