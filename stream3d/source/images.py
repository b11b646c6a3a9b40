"""Still images, one or many, as a source of frames."""

from __future__ import annotations

import logging
import time
from collections.abc import Generator, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Self, cast

import av
import av.error

from stream3d.errors import SettingsError, SourceError, SourceFormatError
from stream3d.source.allow import image_codec
from stream3d.source.exif import jpeg_matrix
from stream3d.source.health import HealthRecord
from stream3d.source.info import Kind, SourceCounts, SourceInfo
from stream3d.source.network.redaction import safe_name
from stream3d.source.picture import PictureConverter, display_matrix, turn_upright
from stream3d.source.settings import SourceSettings
from stream3d.source.target import read_start
from stream3d.values import Frame, UInt8

log = logging.getLogger(__name__)

_LARGEST_FILE = 512 * 1024 * 1024


def read_image(path: Path, settings: SourceSettings) -> UInt8:
    """One image file as uint8 [H, W, 3] RGB, turned upright as its EXIF data says.

    Raises:
        SourceError: (or a child) it cannot be read, is no image, or is larger than ``settings.max_pixels``.
    """
    codec = image_codec(read_start(path).ljust(12, b"\0"))
    if codec is None:
        raise SourceFormatError(f"{path}: not a JPEG, PNG, WebP, BMP or TIFF image")
    if path.stat().st_size > _LARGEST_FILE:
        raise SourceFormatError(f"{path}: an image file of more than {_LARGEST_FILE >> 20} MiB is not read")
    context = cast("av.VideoCodecContext", av.CodecContext.create(codec, "r"))
    # The decoder sees the size in the header and refuses before it allocates the picture.
    context.options = {"max_pixels": str(settings.max_pixels)}
    try:
        data = path.read_bytes()
        frames = context.decode(av.Packet(data)) or context.decode(None)
        if frames:
            image = PictureConverter().rgb(frames[0])
            return turn_upright(image, jpeg_matrix(data) if codec == "mjpeg" else display_matrix(frames[0]))
    except av.error.FFmpegError as error:
        raise SourceFormatError(_why(path, context, settings, error.strerror)) from None
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror})") from None
    raise SourceFormatError(_why(path, context, settings, "no picture in it"))


def _why(path: Path, context: av.VideoCodecContext, settings: SourceSettings, why: str | None) -> str:
    limit = f"; pictures of more than {settings.max_pixels} pixels are refused"
    size = f" {context.width}x{context.height}" if context.width else ""
    return f"{path}: the{size} {context.name} image cannot be decoded ({why}){limit}"


class ImagesSource:
    """Images in the order given, each with its own size; see ``Source``.

    ``pts`` is an image's position in the list divided by ``image_fps`` (1 where not set), ``Frame.name`` its file name.
    Unreadable ones are logged, counted and passed over.

    Raises:
        SourceError: (or a child) not one of them can be read.
        SettingsError: no image lies between start_s and end_s.
    """

    def __init__(self, paths: Sequence[Path], settings: SourceSettings, *, shown: str, kind: Kind) -> None:
        self._shown = shown
        self._settings = settings
        self._stopped = False
        self._fps = settings.image_fps or 1.0
        self._files = self._selected(paths)
        self.counts = SourceCounts()
        self.health = HealthRecord()
        self._frames = self._read()
        self._first: Frame | None = next(self._frames)
        self.info = self._describe(self._first, kind)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Drop the picture that was read ahead; files are never kept open."""
        self._first = None
        self._frames.close()
        self.health.becomes("ended")

    def stop(self) -> None:
        """From any thread: end with the next picture."""
        self._stopped = True

    def __iter__(self) -> Iterator[Frame]:
        """Frames in the order of the files, once.

        Raises:
            SourceError: the source is closed or was read before.
        """
        first, self._first = self._first, None
        if first is None:
            raise SourceError(f"{self._shown}: was closed or read before; open it again")
        return self._hand_out(first)

    def _hand_out(self, first: Frame) -> Iterator[Frame]:
        try:
            for frame in chain((first,), self._frames):
                if self._stopped:
                    return
                self.counts.read += 1
                self.health.frame(captured_at=frame.captured_at)
                yield frame
        finally:
            self.close()

    def _read(self) -> Generator[Frame]:
        index, problem = 0, None
        for pts, path in self._files:
            try:
                image = read_image(path, self._settings)
            except SourceError as error:
                problem = problem or error
                self.counts.corrupt += 1
                self.counts.skipped += 1
                if len(self._files) > 1:
                    log.warning("%s", error)
                continue
            yield Frame(
                source_id=self._shown,
                index=index,
                pts=pts,
                captured_at=time.monotonic(),
                image=image,
                name=path.name,
            )
            index += 1
        if problem is not None and index == 0:
            if len(self._files) == 1:
                raise problem
            raise SourceFormatError(
                f"{self._shown}: none of its {len(self._files)} images can be read; first: {problem}"
            )

    def _selected(self, paths: Sequence[Path]) -> list[tuple[float, Path]]:
        start_s, end_s = self._settings.start_s or 0.0, self._settings.end_s
        timed = [(i / self._fps, path) for i, path in enumerate(paths)]
        files = [(t, path) for t, path in timed if t >= start_s and (end_s is None or t < end_s)]
        if not files:
            last_s = (len(paths) - 1) / self._fps
            raise SettingsError(
                f"{self._shown}: no image lies after start_s = {start_s:g}; the last is at {last_s:g} s"
            )
        return files

    def _describe(self, first: Frame, kind: Kind) -> SourceInfo:
        codec = image_codec(read_start(self._files[0][1])) or "mixed"
        return SourceInfo(
            source_id=self._shown,
            kind=kind,
            name=safe_name(Path(self._shown).stem if kind == "image" else Path(self._shown).name),
            width=first.size[0],
            height=first.size[1],
            fps=self._fps,
            duration_s=len(self._files) / self._fps,
            frame_count=len(self._files),
            live=False,
            codec=codec,
            container="image" if kind == "image" else "images",
        )
