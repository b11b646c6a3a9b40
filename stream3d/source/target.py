"""What the user named, turned into what FFmpeg is told to open."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

from stream3d.errors import SourceFormatError, SourceNotFoundError, SourceRefusedError
from stream3d.source.allow import (
    CODECS,
    CONTAINERS,
    SCHEMES,
    STREAM_CONTAINERS,
    STREAM_PROTOCOLS,
    is_playlist,
)
from stream3d.source.info import Kind

_SECRET = re.compile(r"pass|pwd|secret|token|key|auth|sig|user|login", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """One container for FFmpeg to open.

    ``shown`` stands in messages and results and holds no password; ``address`` is for FFmpeg alone. ``containers``,
    ``codecs`` and ``protocols`` are all that it may use.
    """

    shown: str
    address: str
    kind: Kind
    name: str
    containers: tuple[str, ...]
    codecs: tuple[str, ...]
    protocols: tuple[str, ...]
    format: str | None = None
    options: dict[str, str] = field(default_factory=dict)

    @property
    def remote(self) -> bool:
        """Whether it may keep us waiting: a network address or a device."""
        return self.kind in ("url", "camera")


def file_target(path: Path, *, kind: Kind = "file") -> Target:
    """A video file.

    Raises:
        SourceNotFoundError: it does not exist.
        SourceRefusedError: it may not be read, or only names other files.
        SourceFormatError: it is empty or not a regular file.
    """
    if is_playlist(read_start(path)):
        raise SourceRefusedError(f"{path}: a playlist, which only names other files; open the video itself")
    return Target(
        shown=str(path),
        address=f"file:{path.absolute()}",  # the prefix keeps FFmpeg from seeing a protocol in the name
        kind=kind,
        name=safe_name(path.stem),
        containers=CONTAINERS,
        codecs=CODECS,
        protocols=("file",),
    )


def url_target(url: str) -> Target:
    """A stream or file on the network.

    Raises:
        SourceRefusedError: its scheme is not on the list, or it is not a URL.
    """
    parts = _split(url)
    if parts.scheme.lower() not in SCHEMES:
        raise SourceRefusedError(f"{redact(url)}: {parts.scheme}:// is not opened; allowed are {', '.join(SCHEMES)}")
    return Target(
        shown=redact(url),
        address=url,
        kind="url",
        name=safe_name(f"{parts.hostname or parts.scheme}{parts.path}"),
        containers=STREAM_CONTAINERS,
        codecs=CODECS,
        protocols=STREAM_PROTOCOLS,
        # RTP over UDP loses packets silently where a network is busy; TCP is what cameras handle best.
        options={"rtsp_transport": "tcp"} if parts.scheme.lower().startswith("rtsp") else {},
    )


def read_start(path: Path) -> bytes:
    """The first 64 bytes of a file.

    Raises:
        SourceNotFoundError: it does not exist.
        SourceRefusedError: it may not be read.
        SourceFormatError: it is empty or not a regular file.
    """
    try:
        if not path.exists():
            raise SourceNotFoundError(f"{path}: no such file or folder")
        if not path.is_file():
            raise SourceFormatError(f"{path}: not a regular file")
        with path.open("rb") as file:
            start = file.read(64)
    except SourceNotFoundError:
        raise
    except PermissionError:
        raise SourceRefusedError(f"{path}: permission denied; check who may read it") from None
    except (OSError, ValueError) as error:
        if isinstance(error, SourceFormatError):
            raise
        raise SourceNotFoundError(f"{str(path)[:200]!r}: cannot be opened ({error})") from None
    if not start:
        raise SourceFormatError(f"{path}: the file is empty (0 bytes)")
    return start


def redact(url: str) -> str:
    """``url`` without its user, password, and query values that look like one.

    >>> redact("rtsp://admin:12345@10.0.0.7:554/cam?channel=1&password=12345")
    'rtsp://***@10.0.0.7:554/cam?channel=1&password=***'
    """
    parts = _split(url)
    _, at, host = parts.netloc.rpartition("@")
    pairs = [(key, "***" if _SECRET.search(key) else value) for key, value in parse_qsl(parts.query, True)]
    query = urlencode(pairs, safe="*/:") if any(value == "***" for _, value in pairs) else parts.query
    return parts._replace(netloc=f"***@{host}" if at else host, query=query).geturl()


def safe_name(text: str) -> str:
    """A file-name stem of letters, digits, dots, dashes and underscores.

    >>> safe_name("10.0.0.7/cam 1/")
    '10.0.0.7_cam_1'
    """
    return re.sub(r"[^\w.-]+", "_", text).strip("_.")[:80] or "source"


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError as error:
        scheme = url.partition("://")[0]
        raise SourceRefusedError(f"{scheme}://…: not a URL that can be read ({error})") from None
