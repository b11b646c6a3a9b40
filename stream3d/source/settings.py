"""What the user may ask of a source."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from stream3d.errors import SettingsError
from stream3d.source.allow import CAMERA_FORMATS

RTSP_TRANSPORTS = ("tcp", "udp")
HWACCELS = ("auto", "cuda", "videotoolbox", "vaapi", "d3d11va", "qsv", "vulkan")
"""Kinds of devices that decode, by FFmpeg's names; ``auto`` tries them in this order."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceSettings:
    """How to open and read a source.

    ``start_s`` and ``end_s`` select the frames with start_s <= pts < end_s, in seconds of media time since the first
    picture. ``timeout_s`` is how long opening may take, ``read_timeout_s`` how long a stream may be silent after that.
    ``threads`` is the number of decoding threads, None = one per core. ``max_pixels`` is the largest picture that is
    decoded. ``image_fps`` gives images a rate: pts = position / image_fps; None = one per second. The ``camera_*``
    fields are wishes that a camera may refuse; ``camera_format`` is one of ``CAMERA_FORMATS``. ``rtsp_transport`` is
    how RTP comes: over TCP nothing is lost unseen and it passes firewalls, over UDP nothing waits for what was lost.
    ``listen_token_file`` holds the token that whoever pushes a stream to us has to show. ``hwaccel`` is one of
    ``HWACCELS``: what can decode in hardware; empty = software. Where it cannot, software does it, with a warning.

    Network addresses and cameras are read by a process of their own, unless ``isolate`` is False. It is replaced after
    ``stall_s`` without a picture; the first new try is made at once, the next begins ``reconnect_first_s`` later, each
    pause 1.6 times the last, up to ``reconnect_most_s``, ± 20 %. ``give_up_s`` without a picture and it fails; None =
    never.

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
    camera_format: str | None = None
    rtsp_transport: Literal["tcp", "udp"] = "tcp"
    listen_token_file: str | None = None
    hwaccel: str = ""
    isolate: bool = True
    stall_s: float = 2.0
    reconnect_first_s: float = 0.25
    reconnect_most_s: float = 0.9
    give_up_s: float | None = None

    def __post_init__(self) -> None:
        for name in ("timeout_s", "read_timeout_s", "threads", "max_pixels", "image_fps"):
            _positive(name, getattr(self, name))
        for name in ("stall_s", "reconnect_first_s", "reconnect_most_s", "give_up_s"):
            _positive(name, getattr(self, name))
        for name in ("camera_width", "camera_height", "camera_fps"):
            _positive(name, getattr(self, name))
        if self.start_s is not None and not (math.isfinite(self.start_s) and self.start_s >= 0):
            raise SettingsError(f"start_s must be a number of seconds >= 0, not {self.start_s}")
        if self.end_s is not None and not self.end_s > (self.start_s or 0.0):
            raise SettingsError(f"end_s must be later than start_s ({self.start_s or 0.0:g} s), not {self.end_s}")
        if (self.camera_width is None) != (self.camera_height is None):
            raise SettingsError("camera_width and camera_height must be given together")
        if self.camera_format is not None and self.camera_format not in CAMERA_FORMATS:
            raise SettingsError(f"camera_format must be one of {', '.join(CAMERA_FORMATS)}, not {self.camera_format!r}")
        if self.hwaccel and self.hwaccel not in HWACCELS:
            raise SettingsError(f"hwaccel must be one of {', '.join(HWACCELS)}, not {self.hwaccel!r}")
        if self.rtsp_transport not in RTSP_TRANSPORTS:
            raise SettingsError(f"rtsp_transport must be tcp or udp, not {self.rtsp_transport!r}")


def _positive(name: str, value: float | None) -> None:
    if value is not None and not (math.isfinite(value) and value > 0):
        raise SettingsError(f"{name} must be > 0, not {value}")
