"""An MP4 that is written as it comes: true timestamps, and playable up to the last second if the process is killed."""

from __future__ import annotations

import logging
import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
from av.video.frame import PictureType

from stream3d.errors import SinkError
from stream3d.sinks.base import OverlaySettings
from stream3d.sinks.fragments import FragmentFile
from stream3d.values import UInt8

_log = logging.getLogger(__name__)
TICKS = 90_000  # a second
_KEY_SECONDS = 1.0
# Fragments while it grows, an ordinary seekable MP4 once closed.
_CONTAINER = {"movflags": "frag_keyframe+default_base_moof+hybrid_fragmented", "flush_packets": "1"}
# No B-frames: each picture leaves in order, so a fragment is complete and the first timestamp is zero.
_X264 = {"bf": "0", "forced-idr": "1", "g": "600"}
_MPEG4 = {"qscale": "4", "g": "600", "bf": "0"}


class VideoFile:
    """H.264 (MPEG-4 part 2 where PyAV has no libx264) in MP4, yuv420p, of one even size, times from zero.

    Raises:
        SinkError: the file or the encoder cannot be opened.
    """

    def __init__(self, path: Path, size: tuple[int, int], fps: float, settings: OverlaySettings) -> None:
        self._path, self._size, self._fps = path, size, fps
        self._start: float | None = None
        self._last = -2
        self._key = -math.inf
        self._closed = False
        self._file = FragmentFile(path)
        try:
            self._container = av.open(self._file, "w", format="mp4", options=_CONTAINER)
            self._stream = self._add_stream(settings)
        except (av.FFmpegError, OSError, ValueError) as error:
            self._file.close()
            raise _failed(path, error) from error

    def write(self, image: UInt8, seconds: float) -> None:
        """Append one picture uint8 [H, W, 3] RGB of the video's size, shown from ``seconds`` of media time on.

        A time that does not advance is moved on by two ticks, for a player needs them to rise.

        Raises:
            SinkError: the disk is full, say; what was written before plays.
        """
        if self._closed:
            raise SinkError(f"cannot write {self._path}: it has been closed")
        planes: Any = cv2.cvtColor(image, cv2.COLOR_RGB2YUV_I420)
        frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
        frame.pts, frame.time_base = self._ticks(seconds), Fraction(1, TICKS)
        if frame.pts / TICKS - self._key >= _KEY_SECONDS:  # by time, so that a slow stream too is on disk every second
            frame.pict_type, self._key = PictureType.I, frame.pts / TICKS
        self._mux(frame)

    def close(self) -> None:
        """Write what the encoder still holds, and the index; idempotent. Without a frame there is no file.

        Raises:
            SinkError: the disk is full, say; what was written before plays.
        """
        if self._closed:
            return
        self._closed = True
        failed_before = self._file.error is not None
        try:
            if self._start is None:
                self._path.unlink(missing_ok=True)
            else:
                self._mux(None)
                self._container.close()
        finally:
            self._file.close()
        if self._file.error is not None and not failed_before:
            raise self._file.error

    def _mux(self, frame: av.VideoFrame | None) -> None:
        try:
            self._container.mux(self._stream.encode(frame))
        except (av.FFmpegError, OSError, ValueError) as error:
            raise _failed(self._path, error) from error
        if self._file.error is not None and frame is not None:
            raise self._file.error

    def _add_stream(self, settings: OverlaySettings) -> Any:
        name = encoder_name()
        options = {**_X264, "preset": settings.preset, "crf": str(settings.crf)} if name == "libx264" else _MPEG4
        rate = Fraction(max(1.0, min(self._fps, 240.0))).limit_denominator(1001)  # a hint; NaN becomes 1
        stream: Any = self._container.add_stream(name, rate=rate, options=dict(options))
        stream.width, stream.height = self._size
        stream.pix_fmt = "yuv420p"
        stream.time_base = Fraction(1, TICKS)
        context = stream.codec_context
        context.time_base = Fraction(1, TICKS) if name == "libx264" else Fraction(1, 65_535)
        context.thread_count = settings.threads
        context.colorspace, context.color_range = 6, 1  # BT.601, limited: what OpenCV's conversion makes
        context.color_primaries, context.color_trc = 1, 1
        return stream

    def _ticks(self, seconds: float) -> int:
        if self._start is None:
            self._start = seconds
        self._last = max(self._last + 2, round((seconds - self._start) * TICKS))
        return self._last


def encoder_name() -> str:
    """``libx264``, or ``mpeg4`` where PyAV was built without it; the log says so."""
    try:
        av.Codec("libx264", "w")
    except ValueError:  # av.codec.codec.UnknownCodecError
        _log.warning("this PyAV has no libx264; the overlay video is encoded as MPEG-4 part 2, larger and less sharp")
        return "mpeg4"
    return "libx264"


def even_size(width: int, height: int, max_side: int) -> tuple[int, int]:
    """The size of the video: at most ``max_side`` long, both sides even and at least 16.

    >>> even_size(1920, 1080, 1280), even_size(1, 1, 1280), even_size(641, 479, 1280)
    ((1280, 720), (16, 16), (640, 478))
    """
    scale = min(1.0, max_side / max(width, height))
    w, h = (max(16, int(round(side * scale) // 2 * 2)) for side in (width, height))
    return w, h


def _failed(path: Path, error: Exception) -> SinkError:
    return SinkError(f"cannot write {path}: the encoder says {error}")
