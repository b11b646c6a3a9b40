"""What every sink is, what it is told at its opening, and its settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Protocol

from stream3d.errors import SettingsError
from stream3d.geometry import Camera
from stream3d.skeleton import Layout
from stream3d.values import Result

Meta = Mapping[str, object]
"""Facts known only at the end, by name: counts of frames read, dropped, corrupt, of people, …; kept as JSON."""


class Sink(Protocol):
    """One output. Not for several threads at once; whoever opened it closes it."""

    def write(self, result: Result) -> None:
        """Take one frame; frames come in order, each once.

        Raises:
            SinkError: the output cannot be written any more; what was written before stays readable.
            ShapeError: the result is not of the layouts that the sink was opened for.
        """
        ...

    def close(self, meta: Meta) -> None:
        """Finish the output; idempotent. Afterwards whatever was written is valid on disk.

        Raises:
            SinkError: the output cannot be finished.
        """
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class RunInfo:
    """What is known of a run when its first frame has come.

    ``width`` and ``height`` are those of the first upright picture in pixels; ``fps`` is a guess, for encoders and
    players, never for times; ``image_names`` says that the frames are images with names, ``live`` that they are of a
    live source; ``engines``, ``lifter`` (name, sha256, kind and lookahead of its weights) and ``versions`` are kept
    with the tracks.
    """

    source: str
    width: int
    height: int
    fps: float
    camera: Camera
    keypoint_layout: Layout
    joint_layout: Layout
    image_names: bool = False
    live: bool = False
    engines: Mapping[str, object] = field(default_factory=dict)
    lifter: Mapping[str, object] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)

    def as_meta(self) -> dict[str, object]:
        """The same as JSON-able values, layouts by name."""
        return {
            "format": "stream3d tracks",
            "format_version": 1,
            "source": self.source,
            "width": self.width,
            "height": self.height,
            "fps": self.fps,
            "camera": asdict(self.camera),
            "keypoint_layout": self.keypoint_layout.name,
            "joint_layout": self.joint_layout.name,
            "engines": dict(self.engines),
            "lifter": dict(self.lifter),
            "versions": dict(self.versions),
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class OverlaySettings:
    """How the overlay video looks and is encoded.

    ``max_side`` limits the longer side in pixels; ``min_score`` is the score below which a keypoint is not drawn;
    ``inset`` shows the 3D view; ``preset`` and ``crf`` are x264's; ``threads`` are the encoder's, 0 = one a core.

    Raises:
        SettingsError: a value is out of its range.
    """

    max_side: int = 1280
    min_score: float = 0.3
    inset: bool = True
    preset: str = "veryfast"
    crf: int = 23
    threads: int = 1

    def __post_init__(self) -> None:
        if not 64 <= self.max_side <= 8192:
            raise SettingsError(f"overlay max_side must be 64 to 8192 pixels, not {self.max_side}")
        if not 0.0 <= self.min_score <= 1.0:
            raise SettingsError(f"overlay min_score must be 0 to 1, not {self.min_score}")
        if not 0 <= self.crf <= 51:
            raise SettingsError(f"overlay crf must be 0 to 51, not {self.crf}")
        if self.preset not in _PRESETS:
            raise SettingsError(f"overlay preset must be one of {', '.join(_PRESETS)}, not {self.preset!r}")
        if not 0 <= self.threads <= 64:
            raise SettingsError(f"overlay threads must be 0 to 64, not {self.threads}")


@dataclass(frozen=True, kw_only=True, slots=True)
class SinkSettings:
    """Settings of all sinks; those that have none are not named."""

    overlay: OverlaySettings = field(default_factory=OverlaySettings)


_PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow")
