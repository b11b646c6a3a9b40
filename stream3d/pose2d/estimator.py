"""The 2D room: a frame and the regions where people are expected, in; everybody's keypoints, out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from stream3d.engine import Engine, EngineSettings, make_engine
from stream3d.nets.blazepose import detector_spec, landmark_spec
from stream3d.nets.spec import NetSpec
from stream3d.pose2d.detect import Detector, Found, nobody_found
from stream3d.pose2d.landmarks import LandmarkNet, Landmarks, nobody_seen
from stream3d.pose2d.regions import same_person
from stream3d.pose2d.settings import PoseSettings
from stream3d.skeleton import BLAZEPOSE33
from stream3d.values import Detections2D, Frame

Float32 = npt.NDArray[np.float32]
Int64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]

_MAIN = [BLAZEPOSE33.names.index(f"{s}_{j}") for s in ("left", "right") for j in ("shoulder", "hip", "elbow", "knee")]
_SAME_POSE = 0.08  # mean distance of the main joints, in sides of the region, below which two poses are one person
_CROPS = (1,)  # people in one call of the landmark net: on a CPU a batch costs as much as its parts
_OUTSIDE = 0.02  # share of the longer side by which a keypoint may lie outside the picture and still count as seen


class PoseEstimator:
    """Finds people and their 33 keypoints in one frame after another.

    Passive: it starts no thread. The only thing it remembers is when the detector last looked, per source.
    """

    layout = BLAZEPOSE33

    def __init__(self, detector: Detector, landmarks: LandmarkNet, settings: PoseSettings | None = None) -> None:
        self._detector = detector
        self._landmarks = landmarks
        self._settings = settings or PoseSettings()
        self._looked_at: dict[str, float] = {}

    def __call__(self, frame: Frame, regions: Float32, *, searching: bool = False) -> Detections2D:
        """The people in ``frame``.

        ``regions`` float32 [R, 4] are where tracking expects people (oldest first; empty for a first frame or a still);
        ``searching`` says that somebody was lost, so that the detector looks at once.
        """
        regions = regions[: self._settings.max_people]
        looked = self._due(frame, nobody=not len(regions), searching=searching)
        found = self._detector(frame.image) if looked else nobody_found()
        confirmed, fresh = self._divide(found, regions)
        asked = np.concatenate([regions, fresh])
        seen = self._landmarks(frame.image, asked) if len(asked) else nobody_seen()
        keep = self._keep(seen)
        return Detections2D(
            source_id=frame.source_id,
            index=frame.index,
            pts=frame.pts,
            captured_at=frame.captured_at,
            keypoints=_unseen_outside(seen.keypoints[keep], frame),
            layout=BLAZEPOSE33,
            presence=seen.presence[keep],
            regions=seen.regions[keep],
            origin=np.where(keep < len(regions), keep, -1),
            looked=looked,
            confirmed=confirmed[keep],
        )

    def forget(self, source_id: str) -> None:
        """Drop what is remembered of a source."""
        self._looked_at.pop(source_id, None)

    def describe(self) -> dict[str, dict[str, str]]:
        """The engines it runs on, by net."""
        return {"detector": self._detector.describe(), "keypoints": self._landmarks.describe()}

    def warm(self, width: int, height: int) -> None:
        """Build and run every net and kernel once, so that the first picture of that size does not wait for them."""
        black = np.zeros((height, width, 3), np.uint8)
        self._detector(black)
        self._landmarks(black, np.array([[32, 32, 64, 0]], np.float32))

    def _due(self, frame: Frame, *, nobody: bool, searching: bool) -> bool:
        last = self._looked_at.get(frame.source_id)
        every = self._settings.search_every_s if nobody or searching else self._settings.detect_every_s
        due = last is None or not last <= frame.pts < last + every
        if due:
            self._looked_at[frame.source_id] = frame.pts
        return due

    def _keep(self, seen: Landmarks) -> Int64:
        """Rows that are people and no repetition of an earlier row."""
        keep: list[int] = []
        for row in map(int, np.flatnonzero(seen.presence >= self._settings.min_presence)):
            if np.isfinite(seen.regions[row]).all() and not any(_same_pose(seen, row, other) for other in keep):
                keep.append(row)
        return np.array(keep, np.int64)

    def _divide(self, found: Found, regions: Float32) -> tuple[Bool, Float32]:
        """Which regions [R] (and then all fresh ones) the detector confirms, and the fresh regions [N, 4].

        To confirm somebody who is followed takes less belief than to begin to follow: furniture scores just above 0.5.
        """
        confirmed = np.zeros(len(regions), np.bool_)
        fresh = []
        for region, score in zip(found.regions, found.scores, strict=True):
            same = same_person(region, regions)
            confirmed |= same
            if not same.any() and score >= self._settings.min_score:
                fresh.append(region)
        fresh = fresh[: max(0, self._settings.max_people - len(regions))]
        news = np.array(fresh, np.float32).reshape(-1, 4)
        return np.concatenate([confirmed, np.ones(len(news), np.bool_)]), news


def make_estimator(
    settings: PoseSettings | None = None,
    engine: EngineSettings | None = None,
    *,
    detector: Callable[[int, int], NetSpec] = detector_spec,
    landmarks: Callable[[], NetSpec] = landmark_spec,
) -> PoseEstimator:
    """The default 2D room: BlazePose's detector and full landmark net, fetched on first use.

    ``detector`` (by height and width) and ``landmarks`` may name other nets with the same inputs and outputs.

    Raises:
        ModelError: the weights cannot be had or are not the pinned ones.
        EngineError: the nets cannot be compiled here.
    """
    settings = settings or PoseSettings()

    def detector_engine(height: int, width: int) -> Engine:
        return make_engine(replace(detector(height, width), buckets=(1,)), engine)

    lowest = min(settings.min_score, settings.confirm_score)
    finder = Detector(detector_engine, sizes=settings.sizes, min_score=lowest)
    crops = make_engine(replace(landmarks(), buckets=_CROPS), engine)
    return PoseEstimator(finder, LandmarkNet(crops), settings)


def _same_pose(seen: Landmarks, one: int, other: int) -> bool:
    apart = np.linalg.norm(seen.keypoints[one, _MAIN, :2] - seen.keypoints[other, _MAIN, :2], axis=-1).mean()
    return bool(apart < _SAME_POSE * max(seen.regions[one, 2], seen.regions[other, 2]))


def _unseen_outside(keypoints: Float32, frame: Frame) -> Float32:
    """Keypoints that the net put outside the picture are guesses: NaN, score 0."""
    width, height = frame.size
    slack = _OUTSIDE * max(width, height)
    x, y = keypoints[..., 0], keypoints[..., 1]
    outside = (x < -slack) | (x > width + slack) | (y < -slack) | (y > height + slack)
    out = keypoints.copy()
    out[outside, :2] = np.nan
    out[outside, 2] = 0.0
    return out
