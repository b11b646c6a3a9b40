"""Decoding in hardware, through FFmpeg: which device does it, or why none does. Nothing falls back unsaid."""

from __future__ import annotations

import logging
from functools import cache
from typing import TYPE_CHECKING

import av.error
from av.codec import Codec
from av.codec.hwaccel import HWAccel, hwdevices_available

from stream3d.source.settings import HWACCELS

if TYPE_CHECKING:
    from av.video.codeccontext import VideoCodecContext

log = logging.getLogger(__name__)

_PROBED = "h264"  # what every device can decode that can decode at all


class Hardware:
    """The device that a stream is to be decoded on, as ``SourceSettings.hwaccel`` asks; pictures come down from it.

    Whatever cannot be done in hardware is done in software, with a warning, and is in ``described``. ``shown`` is the
    source in that warning.
    """

    def __init__(self, asked: str, shown: str) -> None:
        self._asked, self._shown = asked, shown
        self._device, self._why_not = chosen(asked) if asked else ("", "")
        if asked and not self._device:
            self._warn()

    def accel(self) -> HWAccel | None:
        """For ``av.open``; None where nothing is to be decoded in hardware."""
        return HWAccel(device_type=self._device, allow_software_fallback=True) if self._device else None

    def check(self, codec: VideoCodecContext) -> None:
        """See where the first picture was decoded: FFmpeg says nothing when it turns to software."""
        if not self._device or self._why_not:
            return
        if not codec.is_hwaccel:
            self._why_not = f"{self._device}: it has no decoder for {codec.name} here"
        elif codec.pix_fmt not in formats_of(codec.codec):
            self._why_not = f"{self._device}: it does not decode this kind of {codec.name}"
        else:
            return
        self._warn()

    def described(self, codec: str) -> str:
        """``codec``, and where it is decoded if hardware was asked for."""
        if not self._asked:
            return codec
        return f"{codec} in software ({self._why_not})" if self._why_not else f"{codec} on {self._device}"

    def _warn(self) -> None:
        log.warning("%s: --hwaccel %s: decoded in software instead (%s)", self._shown, self._asked, self._why_not)


def chosen(asked: str) -> tuple[str, str]:
    """The device that serves ``asked``, empty for none, and then why not."""
    reasons = []
    for name in HWACCELS[1:] if asked == "auto" else (asked,):
        why_not = unusable(name)
        if not why_not:
            return name, ""
        reasons.append(f"{name}: {why_not}")
    return "", "; ".join(reasons)


@cache
def unusable(device: str) -> str:
    """Why a kind of device cannot decode here; empty if it can. Asked once, since it takes up to a second."""
    if device not in hwdevices_available():
        return "not in this build of FFmpeg"
    try:
        HWAccel(device_type=device).create(Codec(_PROBED, "r"))
    except NotImplementedError:
        return f"this build of FFmpeg decodes no {_PROBED} on it"
    except (av.error.FFmpegError, OSError) as error:
        return f"no such device or driver ({error.strerror})"
    return ""


def formats_of(codec: Codec) -> set[str]:
    """The pixel formats in which FFmpeg keeps pictures of ``codec`` that were decoded in hardware."""
    return {config.format.name for config in codec.hardware_configs or () if config.format is not None}
