"""What the user may ask of a source."""

from __future__ import annotations

import math
from dataclasses import dataclass

from stream3d.errors import SettingsError


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceSettings:
    """How to open and read a source.

    ``start_s`` and ``end_s`` select the frames with start_s <= pts < end_s, in seconds of media time since the first
    picture. ``timeout_s`` is how long opening may take, ``read_timeout_s`` how long a stream may be silent after that.
    ``threads`` is the number of decoding threads, None = one per core. ``max_pixels`` is the largest picture that is
    decoded. ``image_fps`` gives images a rate: pts = position / image_fps; None = one per second. The ``camera_*``
    fields are wishes that a camera may refuse.

    Raises:
        SettingsError: a value is outside its range.
    """

    start_s: float | None = None
    end_s: float | None = None
    timeout_s: float = 10.0
    read_timeout_s: float = 2.0
    threads: int | None = None
    max_pixels: int = 8192 * 8192
    image_fps: float | None = None
    camera_width: int | None = None
    camera_height: int | None = None
    camera_fps: float | None = None

    def __post_init__(self) -> None:
        for name in ("timeout_s", "read_timeout_s", "threads", "max_pixels", "image_fps"):
            _positive(name, getattr(self, name))
        for name in ("camera_width", "camera_height", "camera_fps"):
            _positive(name, getattr(self, name))
        if self.start_s is not None and not (math.isfinite(self.start_s) and self.start_s >= 0):
            raise SettingsError(f"start_s must be a number of seconds >= 0, not {self.start_s}")
        if self.end_s is not None and not self.end_s > (self.start_s or 0.0):
            raise SettingsError(f"end_s must be later than start_s ({self.start_s or 0.0:g} s), not {self.end_s}")
        if (self.camera_width is None) != (self.camera_height is None):
            raise SettingsError("camera_width and camera_height must be given together")


def _positive(name: str, value: float | None) -> None:
    if value is not None and not (math.isfinite(value) and value > 0):
        raise SettingsError(f"{name} must be > 0, not {value}")
