"""What a machine's cameras are, and what they offer."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class CameraMode:
    """A pixel format by FFmpeg's name (or what the driver calls it), a size in pixels, and rates, highest first."""

    format: str
    width: int
    height: int
    fps: tuple[float, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class CameraInfo:
    """One camera: the number to name it by, its device, its name, its modes (empty where the system does not tell).

    ``problem`` is why it could not be asked, "" if it could.
    """

    number: int
    device: str
    name: str
    modes: tuple[CameraMode, ...] = ()
    problem: str = ""
