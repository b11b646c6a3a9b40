"""What FFmpeg is told to open."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from stream3d.errors import SourceFormatError, SourceNotFoundError, SourceRefusedError
from stream3d.source.allow import CODECS, CONTAINERS, is_playlist
from stream3d.source.info import Kind
from stream3d.source.network.redaction import safe_name


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """One container for FFmpeg to open.

    ``shown`` stands in messages and results and holds no password; ``address`` is for FFmpeg alone. ``containers``,
    ``codecs`` and ``protocols`` are all that it may use. ``listens``: others connect to us, so there is nothing to
    see until somebody does. ``token`` is what they have to show first (``stream3d.source.network.gate``). ``address``,
    ``options`` and ``token`` may hold secrets and are left out of ``repr``.
    """

    shown: str
    address: str = field(repr=False)
    kind: Kind
    name: str
    containers: tuple[str, ...]
    codecs: tuple[str, ...]
    protocols: tuple[str, ...]
    format: str | None = None
    options: dict[str, str] = field(default_factory=dict, repr=False)
    listens: bool = False
    token: str | None = field(default=None, repr=False)

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
