"""From what the user named to an open source."""

from __future__ import annotations

import glob
import re
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

from stream3d.errors import SourceNotFoundError
from stream3d.source.allow import IMAGE_SUFFIXES, image_codec
from stream3d.source.cameras.target import camera_target
from stream3d.source.images import ImagesSource
from stream3d.source.info import Source
from stream3d.source.network.address import url_target
from stream3d.source.settings import SourceSettings
from stream3d.source.steady import SteadySource
from stream3d.source.target import Target, file_target, read_start
from stream3d.source.video import VideoSource

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_DIGITS = re.compile(r"(\d+)")


def open_source(what: str | int | Path, settings: SourceSettings | None = None) -> Source:
    """Open a video file, an image, a folder or glob of images, a camera number, a URL, or the built-in ``sample``.

    Raises:
        SourceNotFoundError: nothing is there.
        SourceRefusedError: it may not be opened: rights, or outside the allow-lists of ``stream3d.source.allow``.
        SourceFormatError: it is there but holds no picture that can be decoded.
        SourceError: it does not answer in time.
        SettingsError: it ends before ``settings.start_s``.
    """
    settings = settings or SourceSettings()
    if isinstance(what, int):
        return _open_live(camera_target(what, settings), settings)
    text = str(what)
    if text == "sample" and not Path(text).exists():
        from stream3d.sample import sample_video

        target = replace(file_target(sample_video(), kind="sample"), shown="sample")
        return VideoSource(target, settings)
    if _URL.match(text) and not text.lower().startswith("file://"):
        return _open_live(url_target(text, settings), settings)
    return _open_local(text, settings)


def _open_live(target: Target, settings: SourceSettings) -> Source:
    return SteadySource(target, settings) if settings.isolate else VideoSource(target, settings)


def _open_local(text: str, settings: SourceSettings) -> Source:
    path = _local_path(text)
    if _is(path, "dir"):
        return ImagesSource(_images_in(path), settings, shown=text, kind="images")
    if not _is(path, "file"):
        if text.isdecimal():
            return _open_live(camera_target(int(text), settings), settings)
        if glob.has_magic(text):
            return ImagesSource(_images_matching(str(path)), settings, shown=text, kind="images")
    if image_codec(read_start(path).ljust(12, b"\0")):
        return ImagesSource([path], settings, shown=text, kind="image")
    return VideoSource(file_target(path), settings)


def _local_path(text: str) -> Path:
    if text.lower().startswith("file://"):
        return Path(unquote(urlsplit(text).path))
    try:
        return Path(text).expanduser()
    except RuntimeError:  # ~somebody who does not exist
        return Path(text)


def _is(path: Path, kind: str) -> bool:
    try:
        return path.is_dir() if kind == "dir" else path.exists()
    except (OSError, ValueError):  # a name the system cannot even look up
        return False


def _images_in(folder: Path) -> list[Path]:
    try:
        paths = [path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES]
    except PermissionError:
        raise SourceNotFoundError(f"{folder}: the folder may not be listed; check its rights") from None
    if not paths:
        raise SourceNotFoundError(f"{folder}: no image in this folder; looked for *{', *'.join(IMAGE_SUFFIXES)}")
    return sorted(paths, key=natural_order)


def _images_matching(pattern: str) -> list[Path]:
    paths = [Path(match) for match in glob.iglob(pattern, recursive=True)]  # noqa: PTH207 (absolute patterns)
    images = [path for path in paths if path.suffix.lower() in IMAGE_SUFFIXES]
    if not images:
        found = f"{len(paths)} files but no image" if paths else "nothing"
        raise SourceNotFoundError(f"{pattern}: matches {found}; looked for *{', *'.join(IMAGE_SUFFIXES)}")
    return sorted(images, key=natural_order)


def natural_order(path: Path) -> list[tuple[int, int, str]]:
    """Sort key under which image2.png comes before image10.png.

    >>> [p.name for p in sorted(map(Path, ("a10.png", "a9.png", "B1.png")), key=natural_order)]
    ['a9.png', 'a10.png', 'B1.png']
    """
    parts = _DIGITS.split(str(path).lower())
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part]
