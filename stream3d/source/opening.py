"""Opening a container with FFmpeg inside the allow-lists, and its failures as one clear line each."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

import av
import av.error

from stream3d.errors import SourceError, SourceFormatError, SourceNotFoundError, SourceRefusedError
from stream3d.source.allow import LIMITS
from stream3d.source.hardware import Hardware
from stream3d.source.network.listen import WAIT_S
from stream3d.source.network.web import Opener, WebFile, web_opener
from stream3d.source.settings import SourceSettings
from stream3d.source.target import Target

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

# av.logging must stay as it is: with a level set, decoder threads that log wait for the interpreter lock while closing
# the decoder holds it and waits for them.

_OPTIONS = {"metadata_errors": "surrogateescape"} if int(av.__version__.split(".")[0]) < 19 else {}


class Opened(NamedTuple):
    """A container, and how many bytes it is long if it came over HTTP and the server said so."""

    container: InputContainer
    length: int | None


def open_container(target: Target, settings: SourceSettings, hardware: Hardware) -> Opened:
    """Open ``target``, to be decoded on ``hardware`` as far as that serves; the caller closes it.

    Raises:
        SourceNotFoundError, SourceRefusedError, SourceFormatError, SourceError: as the cause demands.
    """
    limits = {
        "format_whitelist": ",".join(target.containers),
        "codec_whitelist": ",".join(target.codecs),
        "protocol_whitelist": ",".join(target.protocols),
        **LIMITS,
    }
    extra: dict[str, Any] = dict(_OPTIONS)
    if target.remote:
        # Whoever pushes to us may come late, but has to be done with greetings as soon as anybody.
        extra["timeout"] = (settings.timeout_s + WAIT_S * target.listens, settings.read_timeout_s)
    lengths: list[int | None] = []
    if (io_open := web_opener(target, settings)) is not None:
        extra["io_open"] = _noting(io_open, lengths)
    began = time.monotonic()
    try:
        container: InputContainer = av.open(
            target.address,
            "r",
            format=target.format,
            container_options=limits | target.options,
            hwaccel=hardware.accel(),
            options={"max_pixels": str(settings.max_pixels)},
            **extra,
        )
        return Opened(container, lengths[0] if lengths else None)
    except av.error.FFmpegError as error:
        if target.listens and isinstance(error, av.error.TimeoutError | av.error.ExitError):
            raise SourceError(f"{target.shown}: nobody has pushed a stream to it for {WAIT_S:g} s") from None
        late = target.remote and time.monotonic() - began >= settings.timeout_s
        if late or isinstance(error, av.error.ExitError):  # RTSP reports the interruption as bad data
            raise SourceError(f"{target.shown}: no answer within {settings.timeout_s:g} s") from None
        raise explain(target, error) from None


def _noting(io_open: Opener, lengths: list[int | None]) -> Opener:
    def opened(url: str, flags: int, options: dict[str, str]) -> WebFile:
        file = io_open(url, flags, options)
        lengths.append(file.length)
        return file

    return opened


def video_stream(container: InputContainer, target: Target, settings: SourceSettings) -> VideoStream:
    """The best video stream, ready to decode with limits; nothing else of the container is ever decoded.

    Raises:
        SourceFormatError: there is no video in it.
        SourceRefusedError: its codec or size is not allowed.
    """
    stream = _best(container)
    if stream is None:
        kinds = sorted({s.type for s in container.streams if s.type})
        raise SourceFormatError(f"{target.shown}: holds no video, only {', '.join(kinds) or 'nothing'}")
    codec = stream.codec_context
    if codec is None or codec.name not in target.codecs:
        name = "an unknown codec" if codec is None else repr(codec.name)
        raise SourceRefusedError(
            f"{target.shown}: its video is coded as {name}; allowed are {', '.join(target.codecs)};"
            " convert it, for example with: ffmpeg -i IN -c:v libx264 OUT.mp4"
        )
    check_size(target.shown, codec.width, codec.height, settings)
    codec.options = {"max_pixels": str(settings.max_pixels), "codec_whitelist": ",".join(target.codecs)}
    # Frame threads delay every picture by one per thread: good for files, bad for what is live. FFmpeg's HEVC decoder
    # waits for ever over some damaged pictures if it has them (seen in 8.1.2), and then not even Ctrl-C is heard.
    codec.thread_type = "SLICE" if target.remote or codec.name == "hevc" else "AUTO"
    codec.thread_count = settings.threads or 0
    return stream


def check_size(shown: str, width: int, height: int, settings: SourceSettings) -> None:
    """Refuse pictures that are too large, before one is decoded.

    Raises:
        SourceRefusedError: more than ``settings.max_pixels``.
    """
    if width * height > settings.max_pixels:
        raise SourceRefusedError(
            f"{shown}: pictures of {width}x{height} are larger than the limit of {settings.max_pixels} pixels"
        )


def explain(target: Target, error: av.error.FFmpegError) -> SourceError:
    """FFmpeg's failure to open ``target`` as the error to raise; nothing of ``error`` that may hold a password."""
    shown, why = target.shown, error.strerror or type(error).__name__
    match error:
        case av.error.FileNotFoundError() | av.error.HTTPNotFoundError():
            return SourceNotFoundError(f"{shown}: nothing is there ({why})")
        case av.error.PermissionError() | av.error.HTTPUnauthorizedError() | av.error.HTTPForbiddenError():
            return SourceRefusedError(f"{shown}: access refused ({why}); check its rights or the user and password")
        case av.error.InvalidDataError() | av.error.EOFError():
            return SourceFormatError(f"{shown}: not a video, or damaged beyond reading ({why})")
        case av.error.ArgumentError() | av.error.ProtocolNotFoundError() | av.error.DemuxerNotFoundError():
            allowed = ", ".join(target.containers)
            return SourceRefusedError(f"{shown}: not a container that is opened ({why}); allowed are {allowed}")
        case _:
            return SourceError(f"{shown}: cannot be opened ({why})")


def _best(container: InputContainer) -> VideoStream | None:
    """FFmpeg's choice of stream, which leaves cover pictures aside."""
    best = container.streams.best("video")
    return next((stream for stream in container.streams.video if best is not None and stream.index == best.index), None)
