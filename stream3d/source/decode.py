"""Packets in, decoded frames out; damage is counted and passed over."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import av.error

from stream3d.errors import SourceError, SourceFormatError
from stream3d.source.allow import MAX_PACKET_BYTES
from stream3d.source.hardware import Hardware
from stream3d.source.info import SourceCounts
from stream3d.source.network.gate import opened_through_gate
from stream3d.source.opening import open_container, video_stream
from stream3d.source.settings import SourceSettings
from stream3d.source.target import Target

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

log = logging.getLogger(__name__)

_GROWING = ("hls", "mpjpeg")


class Decoded(NamedTuple):
    """A frame as it left the decoder, its raw time stamp in seconds, and the monotonic clock at that moment."""

    frame: VideoFrame
    raw_s: float | None
    corrupt: bool
    captured_at: float


class Decoder:
    """The video stream of one container; ``counts`` is kept up to date with damage.

    Raises:
        SourceError: (or a child) the container cannot be opened.
    """

    def __init__(self, target: Target, settings: SourceSettings, counts: SourceCounts) -> None:
        self._target = target
        self._settings = settings
        self._counts = counts
        self._closed = False
        self._hardware = Hardware(settings.hwaccel, target.shown)
        with contextlib.ExitStack() as gate:
            inner = gate.enter_context(opened_through_gate(target))
            self.container, self._length = open_container(inner, settings, self._hardware)
            self._gate = gate.pop_all()
        try:
            self.stream = video_stream(self.container, target, settings)
        except BaseException:
            self.close()
            raise
        base = self.stream.time_base
        self._second = base.denominator / base.numerator if base else 1.0

    @property
    def finite(self) -> bool:
        """Whether the server said how long it is: a file, whatever else is known. Lists and series of images grow."""
        return bool(self._length) and self.container.format.name not in _GROWING

    @property
    def codec(self) -> str:
        """The codec's name, and where it is decoded if that was asked."""
        return self._hardware.described(self.stream.codec_context.name)

    def close(self) -> None:
        """Close the container; only from the thread that reads it, since FFmpeg would read freed memory."""
        self._closed = True
        self.container.close()
        self._gate.close()

    def seek(self, raw_s: float) -> bool:
        """Go to the key frame at or before ``raw_s``; False where the container cannot."""
        try:
            self.container.seek(int(raw_s * self._second), stream=self.stream)
        except av.error.FFmpegError:
            return False
        return True

    def first(self, frames: Iterator[Decoded]) -> Decoded:
        """The first frame that can be decoded.

        Raises:
            SourceFormatError: there is none.
        """
        for decoded in frames:
            self._hardware.check(self.stream.codec_context)
            return decoded
        damage = f"; {self._counts.skipped} damaged packets" if self._counts.skipped else ""
        raise SourceFormatError(f"{self._target.shown}: not one picture of its video can be decoded{damage}")

    def frames(self, *, deadline: float | None = None) -> Iterator[Decoded]:
        """Decoded frames from where the container stands; the first must come before ``deadline`` (monotonic clock).

        Raises:
            SourceError: the stream broke off or fell silent.
        """
        for packet in self._packets():
            decoded = self._decode(packet)
            captured_at = time.monotonic()
            if deadline is not None and not decoded and captured_at > deadline:
                raise SourceError(f"{self._target.shown}: no picture within {self._settings.timeout_s:g} s")
            for frame in decoded:
                deadline = None
                stamp = frame.pts if frame.pts is not None else frame.dts
                raw_s = None if stamp is None else stamp / self._second
                yield Decoded(frame, raw_s, frame.is_corrupt or packet.is_corrupt, captured_at)

    def _decode(self, packet: Packet[VideoStream]) -> list[VideoFrame]:
        if packet.size > MAX_PACKET_BYTES:
            self._counts.corrupt += 1
            self._counts.skipped += 1
            log.warning("%s: a packet of %d bytes is left out", self._target.shown, packet.size)
            return []
        try:
            return packet.decode()
        except av.error.FFmpegError as error:
            if not isinstance(error, av.error.EOFError):
                self._counts.corrupt += 1
                self._counts.skipped += 1
                log.debug("%s: a packet cannot be decoded (%s)", self._target.shown, error.strerror)
            return []

    def _packets(self) -> Iterator[Packet[VideoStream]]:
        shown, limit = self._target.shown, self._settings.read_timeout_s
        try:
            for packet in self.container.demux(self.stream):
                yield packet
                if self._closed:  # reading on would touch freed memory
                    return
        except IndexError:  # PyAV trips at the end over streams that turned up after opening
            log.warning("%s: damaged; streams turned up in its middle", shown)
        except av.error.InvalidDataError as error:
            log.warning("%s: damaged; it ends here (%s)", shown, error.strerror)
        except av.error.ExitError:
            raise SourceError(f"{shown}: nothing came for {limit:g} s") from None
        except av.error.FFmpegError as error:
            raise SourceError(f"{shown}: broke off ({error.strerror})") from None
