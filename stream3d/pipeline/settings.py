"""Everything that can be set about a run, room by room."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from stream3d.camera_file import load_camera, scaled_to
from stream3d.engine import EngineSettings
from stream3d.errors import SettingsError
from stream3d.geometry import Camera
from stream3d.lift import LiftSettings
from stream3d.pose2d import PoseSettings
from stream3d.sinks import SinkSettings
from stream3d.solve import KalmanSettings, SmoothSettings
from stream3d.source import SourceSettings
from stream3d.track import TrackSettings


@dataclass(frozen=True, kw_only=True, slots=True)
class CameraSettings:
    """Where the intrinsics come from.

    A calibration ``file``, or a field of view in degrees over the longer side. With neither the stated default field
    of view is assumed (``geometry.DEFAULT_FOV_DEG``).

    Raises:
        SettingsError: both are given.
    """

    file: str = ""
    fov_deg: float | None = None

    def __post_init__(self) -> None:
        if self.file and self.fov_deg is not None:
            raise SettingsError(f"give either --camera {self.file} or --fov {self.fov_deg:g}, not both")

    def load(self) -> LoadedCamera:
        """Read the file, if there is one.

        Raises:
            SettingsError: the calibration cannot be used, or the angle is outside (1, 179) degrees.
        """
        if self.fov_deg is not None:
            Camera.from_fov(16, 9, self.fov_deg)  # refuses a bad angle before any work is done
        return LoadedCamera(calibrated=load_camera(Path(self.file)) if self.file else None, fov_deg=self.fov_deg)


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadedCamera:
    """A camera that fits itself to the size of the pictures."""

    calibrated: Camera | None
    fov_deg: float | None

    def of_size(self, width: int, height: int) -> Camera:
        """The intrinsics for pictures of ``width`` x ``height`` pixels.

        Raises:
            SettingsError: the calibration is for pictures of another shape.
        """
        if self.calibrated is not None:
            return scaled_to(self.calibrated, width, height)
        if self.fov_deg is not None:
            return Camera.from_fov(width, height, self.fov_deg, f"field of view of {self.fov_deg:g} degrees, given")
        return Camera.from_fov(width, height)


Mode = Literal["auto", "latency", "throughput"]


@dataclass(frozen=True, kw_only=True, slots=True)
class RunSettings:
    """One settings value per room; the tables of a ``--config`` file bear the same names.

    ``mode`` says what is wanted of a run: ``latency`` takes one frame after the other, so that each is answered as soon
    as can be; ``throughput`` has several frames in flight on all cores; ``auto`` is latency for what is live, and
    throughput for files. Where all sources are live, no picture waits for the detector, which looks beside.
    ``max_latency_s`` is how old a live picture may be when its skeletons are given: older ones are dropped and counted.
    ``metrics_port`` is where, on the loopback address, /metrics and /health are answered while the run goes on; 0 takes
    any free port.

    Raises:
        SettingsError: a latency that is not positive, or a port out of range.
    """

    source: SourceSettings = field(default_factory=SourceSettings)
    camera: CameraSettings = field(default_factory=CameraSettings)
    engine: EngineSettings = field(default_factory=EngineSettings)
    pose: PoseSettings = field(default_factory=PoseSettings)
    track: TrackSettings = field(default_factory=TrackSettings)
    lift: LiftSettings = field(default_factory=LiftSettings)
    smoother: Literal["one-euro", "kalman", "none"] = "one-euro"
    smooth: SmoothSettings = field(default_factory=SmoothSettings)
    kalman: KalmanSettings = field(default_factory=KalmanSettings)
    sinks: SinkSettings = field(default_factory=SinkSettings)
    mode: Mode = "auto"
    max_latency_s: float | None = None
    metrics_port: int | None = None

    def __post_init__(self) -> None:
        if self.max_latency_s is not None and not (math.isfinite(self.max_latency_s) and self.max_latency_s > 0):
            raise SettingsError(f"max_latency_s must be a number of seconds above 0, not {self.max_latency_s}")
        if self.metrics_port is not None and not 0 <= self.metrics_port <= 65535:
            raise SettingsError(f"metrics_port must be between 0 and 65535, not {self.metrics_port}")
