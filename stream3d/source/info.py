"""What is known of a source, and what every source looks like to its user."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol, Self

from stream3d.source.health import HealthRecord
from stream3d.values import Frame

Kind = Literal["file", "image", "images", "camera", "url", "sample"]


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceInfo:
    """What is known of a source once its first picture has been decoded.

    ``width`` and ``height`` are of that picture, upright; later ones may differ. ``fps`` is the average rate, None
    where the container does not say; times of frames never come from it. ``duration_s`` and ``frame_count`` (a guess)
    are of the part between start_s and end_s, None where unknown. ``live`` means that pictures which are not taken are
    lost. ``name`` is a file-name stem for outputs. ``source_id`` is what the user named, without passwords.
    """

    source_id: str
    kind: Kind
    name: str
    width: int
    height: int
    fps: float | None
    duration_s: float | None
    frame_count: int | None
    live: bool
    codec: str
    container: str


@dataclass(kw_only=True, slots=True)
class SourceCounts:
    """What has happened so far; the numbers grow while the source is read.

    ``read`` frames handed out; ``corrupt`` pictures that were damaged, whether handed out or not; ``skipped`` those of
    them that could not be decoded at all; ``repaired`` time stamps that were missing or did not increase.
    """

    read: int = 0
    corrupt: int = 0
    skipped: int = 0
    repaired: int = 0


class Source(Protocol):
    """An open video, camera, stream or set of images: a context manager, and an iterable of frames, once.

    Leaving the loop, an error, or the end close it. Nothing is read ahead, and no thread is started by this package.
    """

    @property
    def info(self) -> SourceInfo:
        """What is known of it."""
        ...

    @property
    def counts(self) -> SourceCounts:
        """What has happened so far."""
        ...

    @property
    def health(self) -> HealthRecord:
        """How it is doing; may be asked from any thread."""
        ...

    def __iter__(self) -> Iterator[Frame]:
        """Frames in the order of their times.

        Raises:
            SourceError: the stream broke off, or the source is closed.
        """
        ...

    def close(self) -> None:
        """Let go of the file or device; may be called twice. Only from the thread that reads."""
        ...

    def stop(self) -> None:
        """From any thread: let whoever reads come to the end soon, also if they wait for a picture."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...
