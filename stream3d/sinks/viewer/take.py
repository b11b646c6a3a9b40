"""A track file as the viewer plays it: frames in order of time, and what is shown between them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from stream3d.errors import TrackFileError
from stream3d.sinks.viewer.ground import ANKLE_HEIGHT_M
from stream3d.sinks.viewer.scene import DISPLAY_FROM_CAMERA
from stream3d.sinks.viewer.shapes import Floats
from stream3d.sinks.viewer.wire import Shot
from stream3d.trackfile import FrameRows, TrackFile, load_tracks

_log = logging.getLogger("stream3d")

_LONGEST_HOLD_S = 0.25


class Take:
    """The frames of a recording that have somebody in them; ``times`` float64 [F] seconds, ascending.

    Raises:
        TrackFileError: nobody is in it, or its joints are of no known layout.
    """

    def __init__(self, tracks: TrackFile, *, name: str = "the track file"):
        self._layout = tracks.joint_layout
        self._half_view = _half_view(tracks.meta)
        self._frames = _ascending(list(tracks.by_frame()), name)
        if not self._frames:
            raise TrackFileError(f"there is nobody in {name}: it has no rows to show")
        self.times = np.array([rows.time for rows in self._frames])
        steps = np.diff(self.times)
        self._hold_s = max(3.0 * float(np.median(steps)), _LONGEST_HOLD_S) if len(steps) else np.inf
        self.floor_y = _floor_of(tracks)

    def shot(self, index: int, now_s: float) -> Shot:
        """The people of frame ``index``; nobody where ``now_s`` is long after it, for then everybody had left."""
        rows = self._frames[index]
        people = slice(0, 0) if now_s - rows.time > self._hold_s else slice(None)
        return Shot(
            joints=rows.joints3d[people],
            sigma=rows.sigma[people],
            person=rows.person[people],
            layout=self._layout,
            pts=rows.time,
            half_view=self._half_view,
        )

    def best_time_s(self) -> float:
        """A time for a picture: in the middle of the frames that show the most people."""
        counts = np.array([len(rows.person) for rows in self._frames])
        most = np.flatnonzero(counts == counts.max())
        return float(self.times[most[len(most) // 2]])

    def path(self) -> Floats:
        """Where people are over the whole recording, float64 [N, 3], display space: a sample of all joints."""
        step = max(len(self._frames) // 200, 1)
        joints = np.concatenate([rows.joints3d.reshape(-1, 3) for rows in self._frames[::step]])
        return np.asarray(joints[np.isfinite(joints).all(-1)].astype(np.float64) * DISPLAY_FROM_CAMERA)


def load_take(path: Path | str) -> Take:
    """The recording in a track file.

    Raises:
        TrackFileError: the file cannot be read, or nobody is in it.
    """
    return Take(load_tracks(path), name=str(path))


def _ascending(frames: list[FrameRows], name: str) -> list[FrameRows]:
    """The frames without those whose time is not after the frame before (a source that was joined again, say)."""
    kept: list[FrameRows] = []
    for rows in frames:
        if not kept or rows.time > kept[-1].time:
            kept.append(rows)
    if len(kept) < len(frames):
        _log.warning("%s: %d frames whose time goes back are not shown", name, len(frames) - len(kept))
    return kept


def _floor_of(tracks: TrackFile) -> float | None:
    ankles = [i for i, name in enumerate(tracks.joint_names) if name.endswith("_ankle")]
    low = -tracks.joints3d[:, ankles, 1].max(-1, initial=-np.inf) if ankles else np.zeros(0)
    low = low[np.isfinite(low)]
    return float(np.percentile(low, 5.0)) - ANKLE_HEIGHT_M if len(low) else None


def _half_view(meta: Mapping[str, object]) -> tuple[float, float]:
    """Tangents of half the field of view from the run's camera; (0, 0) where the file does not tell."""
    camera = meta.get("camera")
    if not isinstance(camera, Mapping):
        return 0.0, 0.0
    numbers = [camera.get(name) for name in ("width", "fx", "height", "fy")]
    if not all(isinstance(n, int | float) and 0 < n < 1e9 for n in numbers):
        return 0.0, 0.0
    width, fx, height, fy = (float(n) for n in numbers)  # type: ignore[arg-type]
    return width / 2 / fx, height / 2 / fy
