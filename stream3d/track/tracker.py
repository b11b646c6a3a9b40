"""Identity over time, and the regions to look at in the next frame."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from stream3d.track.settings import TrackSettings
from stream3d.values import Detections2D, Stamp, Tracks2D

Float32 = npt.NDArray[np.float32]

_VELOCITY_TIME_S = 0.1  # time constant of a region's velocity
_STILL = 0.02  # steps below this share of the side are noise, not motion
_REACH, _REACH_PER_S = 0.2, 0.4  # how far from the expected place, in sides, somebody may come back
_ALIKE = 1.4  # and how much larger or smaller


@dataclass(kw_only=True, slots=True, eq=False)
class _Track:
    """One person being followed; ``person`` is 0 until the newcomer is believed."""

    region: Float32
    pts: float
    born_at: float
    person: int = 0
    velocity: Float32 = field(default_factory=lambda: np.zeros(2, np.float32))
    confirmed_at: float = 0.0
    looks_in_doubt: int = 0
    visibility: float = 0.0

    def predicted(self, pts: float) -> Float32:
        """The region [4] at another time: moved on if it moves, widened by what it may have moved besides."""
        out = self.region.copy()
        step = self.velocity * (pts - self.pts)
        if math.hypot(*step) > _STILL * self.region[2]:
            out[:2] += step
        return out

    def may_be_at(self, region: Float32, pts: float) -> bool:
        """Whether ``region`` can be this person, last seen a while before ``pts``."""
        expected = self.predicted(pts)
        large, small = max(expected[2], region[2]), min(expected[2], region[2])
        reach = (_REACH + _REACH_PER_S * (pts - self.pts)) * small
        return bool(math.hypot(*(expected[:2] - region[:2])) < reach and large < _ALIKE * small)

    def follow(self, region: Float32, pts: float) -> None:
        """Take the region that the pose itself gave at ``pts``."""
        step = pts - self.pts
        if step > 0:
            seen = (region[:2] - self.region[:2]) / step
            self.velocity = self.velocity + (seen - self.velocity) * (1 - math.exp(-step / _VELOCITY_TIME_S))
        self.region, self.pts = region, pts


@dataclass(kw_only=True, slots=True)
class _Scene:
    """The people of one source: those followed now (oldest first), and those lost a moment ago."""

    tracks: list[_Track] = field(default_factory=list)
    lost: list[_Track] = field(default_factory=list)
    given: int = 0


class Tracker:
    """Gives people ids that are stable within a source and never reused; passive, one scene per source."""

    def __init__(self, settings: TrackSettings | None = None) -> None:
        self._settings = settings or TrackSettings()
        self._scenes: dict[str, _Scene] = {}

    def regions(self, stamp: Stamp) -> Float32:
        """float32 [R, 4]: where the followed people are expected at the time of ``stamp``, oldest first."""
        scene = self._scenes.get(stamp.source_id, _Scene())
        return np.array([track.predicted(stamp.pts) for track in scene.tracks], np.float32).reshape(-1, 4)

    def searching(self, source_id: str) -> bool:
        """True while somebody was lost a moment ago, so that it is worth looking for them."""
        return bool(self._scenes.get(source_id, _Scene()).lost)

    def forget(self, source_id: str) -> None:
        """End all tracks of a source; ids go on counting."""
        scene = self._scenes.get(source_id)
        if scene is not None:
            self._scenes[source_id] = _Scene(given=scene.given)

    def __call__(self, seen: Detections2D) -> Tracks2D:
        """Put ids to what was seen; ``seen.origin`` must index the regions last asked for."""
        scene = self._scenes.setdefault(seen.source_id, _Scene())
        before, scene.tracks = scene.tracks, []
        rows: list[tuple[int, _Track]] = []
        for row in range(len(seen)):
            origin = int(seen.origin[row])
            track = before[origin] if origin >= 0 else self._newcomer(scene, seen, row)
            track.follow(seen.regions[row], seen.pts)
            self._weigh(track, seen, row)
            if not self._ghost(track, seen.pts):
                rows.append((row, track))
        self._part(scene, before, {id(track) for _, track in rows}, seen.pts)
        scene.tracks = [track for _, track in sorted(rows, key=lambda pair: pair[1].born_at)]
        told = [(row, track) for row, track in rows if self._believed(scene, track, seen.pts)]
        return Tracks2D(
            source_id=seen.source_id,
            index=seen.index,
            pts=seen.pts,
            captured_at=seen.captured_at,
            keypoints=seen.keypoints[[row for row, _ in told]],
            layout=seen.layout,
            person=np.array([track.person for _, track in told], np.int64),
        )

    def _newcomer(self, scene: _Scene, seen: Detections2D, row: int) -> _Track:
        """Somebody who comes back, or a new track."""
        region = seen.regions[row]
        for track in scene.lost:
            if track.may_be_at(region, seen.pts):
                scene.lost.remove(track)
                track.pts, track.velocity = seen.pts, np.zeros(2, np.float32)
                return track
        return _Track(region=region, pts=seen.pts, born_at=seen.pts, confirmed_at=seen.pts)

    def _weigh(self, track: _Track, seen: Detections2D, row: int) -> None:
        """Note what speaks for this being a person."""
        score = seen.keypoints[row, :, 2]
        track.visibility = float(score.mean())
        if seen.confirmed[row]:
            track.confirmed_at, track.looks_in_doubt = seen.pts, 0
        elif seen.looked:
            track.looks_in_doubt += 1

    def _ghost(self, track: _Track, pts: float) -> bool:
        limits = self._settings
        doubted = track.looks_in_doubt >= limits.doubt_looks and pts - track.confirmed_at > limits.doubt_s
        return doubted and track.visibility < limits.sure_visibility

    def _believed(self, scene: _Scene, track: _Track, pts: float) -> bool:
        """Give a newcomer an id once seen for long enough."""
        if not track.person and (pts - track.born_at >= self._settings.birth_s):
            scene.given += 1
            track.person = scene.given
        return bool(track.person)

    def _part(self, scene: _Scene, before: list[_Track], kept: set[int], pts: float) -> None:
        """Move who was not seen to the lost, and forget the long lost and the never believed."""
        scene.lost += [track for track in before if id(track) not in kept and track.person]
        scene.lost = [track for track in scene.lost if abs(pts - track.pts) <= self._settings.memory_s]
