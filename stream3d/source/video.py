"""Video from a file, a URL or a camera, as a source of frames."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from typing import Self

import av.error

from stream3d.errors import SettingsError, SourceError
from stream3d.planes import LazyPicture
from stream3d.source.clock import MediaClock
from stream3d.source.decode import Decoded, Decoder
from stream3d.source.health import HealthRecord
from stream3d.source.info import SourceCounts, SourceInfo
from stream3d.source.picture import PictureConverter
from stream3d.source.settings import SourceSettings
from stream3d.source.target import Target
from stream3d.values import Frame, UInt8

log = logging.getLogger(__name__)

_STEPS_BACK_S = (0.0, 2.0, 10.0, 60.0)
_UNKNOWN_FPS = 30.0  # the step where a stamp is missing and the container names no rate


class VideoSource:
    """A video stream as a source of frames; see ``Source``.

    It is opened, and its first picture decoded, at construction, so what is wrong with it shows there. Media time 0 is
    the first picture's. With ``start_s`` the file is entered at the key frame before and the pictures up to it are left
    out; ``Frame.index`` 0 is the first that is handed out.

    Raises:
        SourceError: (or a child) it cannot be opened or holds no picture that can be decoded.
        SettingsError: it ends before ``start_s``.
    """

    def __init__(self, target: Target, settings: SourceSettings) -> None:
        self._target = target
        self._settings = settings
        self._stopped = False
        self.at_wanted_end = False
        """Whether it ended because of ``end_s``."""
        self._convert = PictureConverter()
        self.counts = SourceCounts()
        self.health = HealthRecord()
        deadline = time.monotonic() + settings.timeout_s if target.remote and not target.listens else None
        self._decoder = Decoder(target, settings, self.counts)
        try:
            self._frames = self._decoder.frames(deadline=deadline)
            first = self._decoder.first(self._frames)
            self._origin_s = first.raw_s or 0.0
            self.info = self._describe(self._convert(first.frame))
        except av.error.FFmpegError as error:
            self.close()
            raise SourceError(f"{target.shown}: its pictures cannot be converted ({error.strerror})") from None
        except BaseException:
            self.close()
            raise
        self._first: Decoded | None = first

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file or device; may be called twice. Only from the thread that reads."""
        self._first = None
        self._decoder.close()
        self.health.becomes("ended")

    def stop(self) -> None:
        """From any thread: end with the next picture, or when the read timeout of a stream is over."""
        self._stopped = True

    def __iter__(self) -> Iterator[Frame]:
        """Frames in the order of their times, once; closes the source at the end, also when left early.

        Raises:
            SourceError: the stream broke off, or the source is closed or was read before.
        """
        first, self._first = self._first, None
        if first is None:
            raise SourceError(f"{self._target.shown}: was closed or read before; open it again")
        return self._read(first)

    def _read(self, first: Decoded) -> Iterator[Frame]:
        start_s, end_s = self._settings.start_s or 0.0, self._settings.end_s
        clock = MediaClock(origin_s=self._origin_s, period_s=1.0 / (self.info.fps or _UNKNOWN_FPS))
        try:
            for decoded in self._entered(first, start_s):
                time_s = clock(decoded.raw_s, decoded.captured_at if self.info.live else None)
                self.counts.repaired = clock.repaired
                self.at_wanted_end = end_s is not None and time_s >= end_s
                if self._stopped or self.at_wanted_end:
                    return
                if time_s >= start_s and (image := self._image(decoded)) is not None:
                    yield self._frame(decoded, image, time_s)
        finally:
            self.close()

    def _entered(self, first: Decoded, start_s: float) -> Iterator[Decoded]:
        """Pictures from the key frame before ``start_s`` on; of a live source from the first."""
        yield self._sought(start_s) if start_s > 0 and not self.info.live else first
        yield from self._frames

    def _sought(self, start_s: float) -> Decoded:
        """A picture that comes no later than ``start_s``, as late as can be had.

        Some containers (MPEG-TS) are entered between key frames, and then the pictures up to the next one are lost: so
        the aim is moved back until that is well. Where nothing helps, the file is read from its start.
        """
        damage = self.counts.corrupt, self.counts.skipped
        for back_s in _STEPS_BACK_S:
            wanted_s = self._origin_s + start_s
            if back_s >= start_s or not self._decoder.seek(wanted_s - back_s):
                break
            self._frames = self._decoder.frames()
            found = next(self._frames, None)
            if found is not None and (found.raw_s is None or found.raw_s <= wanted_s):
                return found
            self.counts.corrupt, self.counts.skipped = damage  # of a wrong entry, not of the file
        self._decoder.close()
        self._decoder = Decoder(self._target, self._settings, self.counts)
        self._frames = self._decoder.frames()
        return self._decoder.first(self._frames)

    def _image(self, decoded: Decoded) -> UInt8 | LazyPicture | None:
        self.counts.corrupt += decoded.corrupt
        try:
            return self._convert.later(decoded.frame)
        except av.error.FFmpegError as error:
            log.warning("%s: a picture cannot be converted (%s)", self._target.shown, error.strerror)
            self.counts.corrupt += not decoded.corrupt
            self.counts.skipped += 1
            return None

    def _frame(self, decoded: Decoded, image: UInt8 | LazyPicture, time_s: float) -> Frame:
        index = self.counts.read
        self.counts.read += 1
        self.health.frame(captured_at=decoded.captured_at)
        return Frame(
            source_id=self._target.shown,
            index=index,
            pts=time_s,
            captured_at=decoded.captured_at,
            image=image,
            corrupt=decoded.corrupt,
        )

    def _describe(self, image: UInt8) -> SourceInfo:
        stream, container, target = self._decoder.stream, self._decoder.container, self._target
        rate = stream.average_rate or stream.guessed_rate
        fps = rate.numerator / rate.denominator if rate else None
        duration_s = self._selected(self._duration())
        known = stream.frames if self._settings.start_s is None and self._settings.end_s is None else 0
        guess = None if duration_s is None or fps is None else round(duration_s * fps)
        return SourceInfo(
            source_id=target.shown,
            kind=target.kind,
            name=target.name,
            width=image.shape[1],
            height=image.shape[0],
            fps=fps,
            duration_s=duration_s,
            frame_count=known or guess,
            live=target.kind == "camera" or (target.kind == "url" and duration_s is None and not self._decoder.finite),
            codec=self._decoder.codec,
            container=container.format.name,
        )

    def _duration(self) -> float | None:
        stream, container = self._decoder.stream, self._decoder.container
        base = stream.time_base
        if stream.duration and base:
            return stream.duration * base.numerator / base.denominator
        return container.duration / av.time_base if container.duration else None

    def _selected(self, duration_s: float | None) -> float | None:
        """Length of the part between start_s and end_s of a source ``duration_s`` long."""
        start_s, end_s = self._settings.start_s or 0.0, self._settings.end_s
        if duration_s is None or duration_s <= 0:
            return None
        if start_s >= duration_s:
            raise SettingsError(f"{self._target.shown}: start_s is {start_s:g} but it is only {duration_s:g} s long")
        return min(duration_s, duration_s if end_s is None else end_s) - start_s
