"""What a run did, as it goes and at its end."""

from __future__ import annotations

from dataclasses import dataclass, field

from stream3d.values import Result


@dataclass(kw_only=True, slots=True)
class Summary:
    """What a run did; grows while it runs.

    ``wall_s`` and ``cpu_s`` are from the first decoded frame to the end, ``ready_s`` what came before; ``people`` are
    all ids given; ``interrupted`` says that the user ended it. ``live_report`` is how a live source did: rates, losses,
    reconnects, latency, and the results that slow outputs have left out.
    """

    source: str
    live: bool = False
    expected_frames: int | None = None
    dropped: int = 0
    outputs: tuple[str, ...] = ()
    frames: int = 0
    frames_with_people: int = 0
    person_ids: set[int] = field(default_factory=set)
    media_s: float = 0.0
    ready_s: float = 0.0
    wall_s: float = 0.0
    cpu_s: float = 0.0
    counts: dict[str, int] = field(default_factory=dict)
    engines: dict[str, dict[str, str]] = field(default_factory=dict)
    camera: str = ""
    smoother: str = "none"
    stages: dict[str, dict[str, float]] = field(default_factory=dict)
    interrupted: bool = False
    live_report: dict[str, object] = field(default_factory=dict)

    def add(self, result: Result) -> None:
        """Count one result."""
        self.frames += 1
        self.frames_with_people += bool(len(result.poses))
        self.person_ids.update(result.poses.person.tolist())
        self.media_s = max(self.media_s, result.frame.pts)

    @property
    def fps(self) -> float:
        """Frames per second of wall time."""
        return self.frames / self.wall_s if self.wall_s else 0.0

    def as_meta(self) -> dict[str, object]:
        """What a track file keeps of it: how the run went; what it was made of stands there already."""
        kept = ("frames", "frames_with_people", "people", "wall_s", "counts", "smoother", "interrupted", "live")
        said = self.as_dict()
        return {name: said[name] for name in kept if name in said}

    def as_dict(self) -> dict[str, object]:
        """JSON-able."""
        return {
            "source": self.source,
            "outputs": list(self.outputs),
            "frames": self.frames,
            "frames_with_people": self.frames_with_people,
            "people": len(self.person_ids),
            "media_s": round(self.media_s, 3),
            "ready_s": round(self.ready_s, 3),
            "wall_s": round(self.wall_s, 3),
            "fps": round(self.fps, 2),
            "cpu_ms_per_frame": round(1e3 * self.cpu_s / self.frames, 3) if self.frames else None,
            "counts": {**self.counts, "dropped": self.dropped},
            "camera": self.camera,
            "smoother": self.smoother,
            "engines": self.engines,
            "stages": self.stages,
            "interrupted": self.interrupted,
            **({"live": self.live_report} if self.live_report else {}),
        }
