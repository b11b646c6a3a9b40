"""The 2D room: a frame and the regions where people are expected, in; everybody's keypoints, out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from stream3d.pose2d import crops
from stream3d.pose2d.ahead import Ahead
from stream3d.pose2d.appearance import appearance
from stream3d.pose2d.newcomers import looked_twice
from stream3d.pose2d.overlap import apart, same_pose
from stream3d.pose2d.protocol import Found, KeypointNet, Landmarks, PersonDetector, nobody_found, nobody_seen
from stream3d.pose2d.regions import no_regions, same_person
from stream3d.pose2d.settings import PoseSettings
from stream3d.pose2d.shown import shown
from stream3d.pose2d.stirring import Still, still_of, stirs
from stream3d.pose2d.together import look_together, read_together
from stream3d.pose2d.told import told
from stream3d.skeleton import H36M17, Layout, conversion
from stream3d.values import Detections2D, Frame

Float32 = npt.NDArray[np.float32]
Int64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]
UInt8 = npt.NDArray[np.uint8]

_PATIENCE = 3  # times as long as usual until the detector looks again although nothing stirs but who is followed
_OFF = 0.15  # sides between a region and the pose in it beyond which the pose is read again in its own region


class PoseEstimator:
    """Finds people with any detector, and their keypoints with any net of keypoints, in one frame after another.

    Passive: it starts no thread. All that it remembers is when the detector last looked, and what the picture was like
    then, per source.

    Raises:
        LayoutError: the keypoints are of a layout that nothing can be lifted from.
    """

    def __init__(self, detector: PersonDetector, keypoints: KeypointNet, settings: PoseSettings | None = None) -> None:
        conversion(keypoints.layout, H36M17)
        self._detector = detector
        self._keypoints = keypoints
        self._settings = settings or PoseSettings()
        self._looked_at: dict[str, float] = {}
        self._stills: dict[str, Still] = {}

    @property
    def layout(self) -> Layout:
        """Of the keypoints."""
        return self._keypoints.layout

    def __call__(
        self, frame: Frame, regions: Float32, *, searching: bool = False, ahead: Ahead | None = None
    ) -> Detections2D:
        """The people in ``frame``.

        ``regions`` float32 [R, 4] are where tracking expects people (oldest first; empty for a first frame or a still);
        ``searching`` says that somebody was lost, so that the detector looks at once. What is known ``ahead`` is not
        asked of the nets again where it serves.
        """
        regions = regions[: self._settings.max_people]
        patient = ahead is not None and ahead.patient
        known = ahead.found if ahead is not None else None
        looked = known is not None if patient else self.will_look(frame, regions, searching=searching)
        if looked:
            self._note_look(frame, regions)
        found = nobody_found() if not looked else self.look(frame) if known is None else known
        confirmed, fresh = self._divide(found, regions)
        seen, beliefs = self._read(frame, regions, fresh, ahead)
        if not looked and not patient and self._lost(seen, frame, searching=searching):
            looked, followed = True, seen
            confirmed, fresh = self._divide(self.look(frame) if known is None else known, self._places(followed))
            news, beliefs = self._read(frame, no_regions(), fresh)
            seen = followed.and_those(news)
        keep = self._keep(seen, beliefs)
        origin = np.where(keep < len(regions), keep, -1)
        return told(frame, seen.rows(keep), self.layout, origin, confirmed[keep], looked=looked)

    def look(self, frame: Frame) -> Found:
        """Whom the detector finds in ``frame``; changes nothing that is remembered."""
        return self._detector(shown(self._detector, frame))

    def read(self, frame: Frame, regions: Float32) -> Landmarks | None:
        """The poses in guessed ``regions`` [R, 4] of ``frame``, None for none; changes nothing that is remembered."""
        return self._keypoints(shown(self._keypoints, frame), regions) if len(regions) else None

    def look_together(self, frames: Sequence[Frame]) -> list[Found]:
        """As ``look`` at each of ``frames``, of whatever sources and sizes; those that can be are looked at at once."""
        return look_together(self._detector, [shown(self._detector, frame) for frame in frames])

    def read_together(self, frames: Sequence[Frame], regions: Sequence[Float32]) -> list[Landmarks | None]:
        """As ``read`` of each of ``frames`` in its ``regions``, in one call of a net that can take them so."""
        asked = [row for row, some in enumerate(regions) if len(some)]
        images = [shown(self._keypoints, frames[row]) for row in asked]
        seen = read_together(self._keypoints, images, [regions[row] for row in asked]) if asked else []
        by_row = dict(zip(asked, seen, strict=True))
        return [by_row.get(row) for row in range(len(frames))]

    def will_look(self, frame: Frame, regions: Float32, *, searching: bool) -> bool:
        """Whether the detector's turn comes with ``frame``, with people in ``regions``; changes nothing."""
        last, quiet = self._looked_at.get(frame.source_id), self._stills.get(frame.source_id)
        if last is None or quiet is None or frame.pts < last:
            return True
        alone = searching or not len(regions)
        every = self._settings.search_every_s if alone else self._settings.detect_every_s
        if frame.pts < last + every:
            return False
        # several may hide each other, and are looked after at every turn
        waits = len(regions) == 1 and not searching and frame.pts < last + _PATIENCE * every
        return not waits or stirs(frame, regions, quiet)

    def forget(self, source_id: str) -> None:
        """Drop what is remembered of a source."""
        self._looked_at.pop(source_id, None)
        self._stills.pop(source_id, None)

    def describe(self) -> dict[str, dict[str, str]]:
        """The engines it runs on, by net."""
        return {"detector": self._detector.describe(), "keypoints": self._keypoints.describe()}

    def warm(self, width: int, height: int) -> None:
        """Build and run every net and kernel once, so that the first picture of that size does not wait for them."""
        black = np.zeros((height, width, 3), np.uint8)
        self._detector(black)
        seen = self._keypoints(black, np.array([[32, 32, 64, 0]], np.float32))
        appearance(black, seen.keypoints, self.layout)
        crops.warm()

    def _note_look(self, frame: Frame, regions: Float32) -> None:
        self._looked_at[frame.source_id] = frame.pts
        self._stills[frame.source_id] = still_of(frame, regions)

    def _lost(self, seen: Landmarks, frame: Frame, *, searching: bool) -> bool:
        """Whether somebody just was not where they should be, so that the detector is worth its time on this frame."""
        if not (seen.presence < self._keypoints.min_presence).any():
            return False
        since = abs(frame.pts - self._looked_at.get(frame.source_id, frame.pts))
        if searching and since < self._settings.search_every_s / 2:
            return False
        self._note_look(frame, seen.regions)
        return True

    def _places(self, seen: Landmarks) -> Float32:
        """Where those who were found say that they are; NaN for the others."""
        there = seen.presence >= self._keypoints.min_presence
        return np.where(there[:, None], seen.regions, np.float32(np.nan))

    def _read(
        self, frame: Frame, regions: Float32, fresh: Found, ahead: Ahead | None = None
    ) -> tuple[Landmarks, Float32]:
        """Poses of those who are followed in ``regions`` [R, 4], then of newcomers, and the belief in each of these.

        All are read together. Whoever turns out to lie far off the middle of their region is read again in their own.
        """
        asked = np.concatenate([regions, fresh.regions])
        if not len(asked):
            return nobody_seen(self.layout), np.zeros(0, np.float32)
        image = shown(self._keypoints, frame)
        seen = self._asked(image, asked, ahead)
        if not self._keypoints.agreement:
            return self._centred(image, seen, asked), np.ones(len(fresh.scores), np.float32)
        if not len(fresh.scores):
            return apart(self._keypoints, image, regions, self._centred(image, seen, regions)), np.zeros(0, np.float32)
        rows = np.arange(len(asked))
        news, beliefs = looked_twice(self._keypoints, image, fresh, seen.rows(rows[len(regions) :]))
        followed = self._centred(image, seen.rows(rows[: len(regions)]), regions)
        return apart(self._keypoints, image, regions, followed).and_those(news), beliefs

    def _asked(self, image: UInt8, regions: Float32, ahead: Ahead | None) -> Landmarks:
        """The poses in ``regions``, as far as they are not known ahead from nearly the same crops."""
        rows = ahead.rows(regions) if ahead is not None else None
        if ahead is None or rows is None or ahead.seen is None or (rows < 0).all():
            return self._keypoints(image, regions)
        missing = np.flatnonzero(rows < 0)
        if not len(missing):
            return ahead.seen.rows(rows)
        rows[missing] = len(ahead.regions) + np.arange(len(missing))
        return ahead.seen.and_those(self._keypoints(image, regions[missing])).rows(rows)

    def _centred(self, image: UInt8, seen: Landmarks, asked: Float32) -> Landmarks:
        """Poses read again where they turned out to lie far off the middle of what was asked for: fast people."""
        off = np.hypot(*(seen.regions[:, :2] - asked[:, :2]).T)
        rows = np.flatnonzero((seen.presence >= self._keypoints.min_presence) & (off > _OFF * asked[:, 2]))
        if not len(rows):
            return seen
        again = self._keypoints(image, seen.regions[rows])
        better = again.presence >= seen.presence[rows]
        order = np.arange(len(asked))
        order[rows[better]] = len(asked) + np.flatnonzero(better)
        return seen.and_those(again).rows(order)

    def _keep(self, seen: Landmarks, beliefs: Float32) -> Int64:
        """Rows that are people and no repetition of an earlier row.

        The last rows are newcomers with their ``beliefs``; whoever is followed was believed in long ago.
        """
        keep: list[int] = []
        agreed = np.ones(len(seen.presence), np.bool_)
        agreed[len(agreed) - len(beliefs) :] = beliefs >= self._keypoints.agreement
        agreed &= (seen.presence >= self._keypoints.min_presence) & np.isfinite(seen.regions).all(1)
        for row in np.flatnonzero(agreed).tolist():
            if not any(same_pose(seen, row, other, self.layout) for other in keep):
                keep.append(row)
        return np.array(keep, np.int64)

    def _divide(self, found: Found, regions: Float32) -> tuple[Bool, Found]:
        """Which regions [R] (and then all fresh ones) the detector confirms, and the fresh ones.

        To confirm somebody who is followed takes less belief than to begin to follow.
        """
        confirmed, fresh = np.zeros(len(regions), np.bool_), []
        for row, (region, score) in enumerate(zip(found.regions, found.scores, strict=True)):
            same = same_person(region, regions)
            confirmed |= same
            if not same.any() and score >= self._detector.min_score:
                fresh.append(row)
        rows = np.array(fresh[: max(0, self._settings.max_people - len(regions))], np.int64)
        news = Found(regions=found.regions[rows].reshape(-1, 4), scores=found.scores[rows])
        return np.concatenate([confirmed, np.ones(len(rows), np.bool_)]), news
