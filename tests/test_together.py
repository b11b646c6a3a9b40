"""Frames of several sources asked at once: the same answers in fewer calls of the nets."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from stream3d.engine import Engine, EngineSettings, make_engine
from stream3d.nets.blazepose import LANDMARK_WEIGHTS, landmark_spec
from stream3d.nets.fake import fake_detector_spec, fake_landmark_spec
from stream3d.pose2d import Ahead, Found, Landmarks, PoseEstimator, PoseSettings
from stream3d.pose2d.both import BothDetectors
from stream3d.pose2d.detect import BlazePoseDetector
from stream3d.pose2d.landmarks import BlazePoseLandmarks
from stream3d.pose2d.person import person_detector
from stream3d.source import open_source
from stream3d.values import Frame
from tests.fakes import TORCH, white_people

Float32 = npt.NDArray[np.float32]
NOBODY = np.zeros((0, 4), np.float32)
BATCH_PX = 1e-3  # by which eager torch's answers may hang on how many crops it is given at once


class Counting:
    """An engine that notes how many rows each call had."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.calls = engine, list[int]()
        self.buckets = engine.buckets

    def __call__(self, **inputs: npt.NDArray[np.generic]) -> Mapping[str, npt.NDArray[np.generic]]:
        self.calls.append(len(next(iter(inputs.values()))))
        return self.engine(**inputs)

    def describe(self) -> dict[str, str]:
        return self.engine.describe()


def room() -> tuple[PoseEstimator, Counting, dict[tuple[int, int], Counting]]:
    landmarks, detectors = Counting(make_engine(fake_landmark_spec(), TORCH)), dict[tuple[int, int], Counting]()

    def engine_for(height: int, width: int) -> Counting:
        return detectors.setdefault((height, width), Counting(make_engine(fake_detector_spec(height, width), TORCH)))

    detector = BlazePoseDetector(engine_for, sizes=(224,))
    return PoseEstimator(detector, BlazePoseLandmarks(landmarks), PoseSettings()), landmarks, detectors


def frame(source: str, width: int, height: int, *lefts: int) -> Frame:
    image = white_people(width, height, *lefts)
    return Frame(source_id=source, index=0, pts=0.0, captured_at=0.0, image=image)


FRAMES = [
    frame("a", 640, 640, 60, 400),
    frame("b", 400, 400, 250),
    frame("c", 640, 400),
    frame("d", 800, 600, 100),
]


def test_looking_at_several_frames_is_looking_at_each() -> None:
    estimator, _, detectors = room()
    together, each = estimator.look_together(FRAMES), [estimator.look(one) for one in FRAMES]
    assert [len(found.scores) for found in together] == [2, 1, 0, 1]
    for ours, theirs in zip(together, each, strict=True):
        np.testing.assert_allclose(ours.regions, theirs.regions, atol=BATCH_PX)
        np.testing.assert_allclose(ours.scores, theirs.scores, atol=1e-6)
    assert {shape: engine.calls for shape, engine in detectors.items()} == {
        (224, 224): [2, 1, 1],  # the two square pictures, then each alone
        (192, 224): [2, 1, 1],
    }
    assert estimator.look_together([]) == []


def test_reading_several_frames_is_reading_each_in_one_call() -> None:
    estimator, landmarks, _ = room()
    regions = [found.regions for found in estimator.look_together(FRAMES)]
    together = estimator.read_together(FRAMES, regions)
    assert landmarks.calls == [4]
    assert together[2] is None
    for one, asked, seen in zip(FRAMES, regions, together, strict=True):
        alone = estimator.read(one, asked)
        if seen is None or alone is None:
            assert seen is alone
            continue
        np.testing.assert_allclose(seen.keypoints, alone.keypoints, atol=BATCH_PX)
        np.testing.assert_allclose(seen.regions, alone.regions, atol=BATCH_PX)
        np.testing.assert_allclose(seen.presence, alone.presence, atol=1e-6)
    assert estimator.read_together(FRAMES, [NOBODY] * 4) == [None] * 4
    assert landmarks.calls == [4, 2, 1, 1]


def test_what_was_read_together_is_not_asked_again() -> None:
    estimator, landmarks, _ = room()
    found = estimator.look_together(FRAMES)
    before = [
        estimator(one, NOBODY, ahead=Ahead(regions=NOBODY, found=who)) for one, who in zip(FRAMES, found, strict=True)
    ]
    again = [Frame(source_id=f.source_id, index=1, pts=0.04, captured_at=0.04, image=f.image) for f in FRAMES]
    regions = [seen.regions for seen in before]
    landmarks.calls.clear()
    seen = estimator.read_together(again, regions)
    after = [
        estimator(one, asked, ahead=Ahead(regions=asked, seen=known))
        for one, asked, known in zip(again, regions, seen, strict=True)
    ]
    assert landmarks.calls == [4]
    assert [one.origin.tolist() for one in after] == [[0, 1], [0], [], [0]]


class Middle:
    """A detector and a net of keypoints of a user's, which take one picture at a time."""

    min_score = confirm_score = 0.5
    layout, min_presence, agreement = BlazePoseLandmarks.layout, 0.5, 0.0

    def __call__(self, image: npt.NDArray[np.uint8], regions: Float32 | None = None) -> Found | Landmarks:
        high, wide, _ = image.shape
        region = np.array([[wide / 2, high / 2, high, 0]], np.float32)
        if regions is None:
            return Found(regions=region, scores=np.ones(1, np.float32))
        points = np.full((len(regions), self.layout.size, 3), wide, np.float32)
        return Landmarks(keypoints=points, presence=np.ones(len(regions), np.float32), regions=regions)

    def describe(self) -> dict[str, str]:
        return {}


def test_nets_that_take_one_picture_are_asked_one_after_the_other() -> None:
    estimator = PoseEstimator(Middle(), Middle())  # type: ignore[arg-type] # both in one
    found = estimator.look_together(FRAMES)
    assert [float(one.regions[0, 2]) for one in found] == [640, 400, 400, 600]
    seen = estimator.read_together(FRAMES, [one.regions for one in found])
    assert [float(one.keypoints[0, 0, 0]) for one in seen if one] == [640, 400, 640, 800]


@pytest.fixture(scope="module")
def sample() -> list[Frame]:
    """Two frames of the built-in sample in planes, and one of half the size that is an array."""
    with open_source("sample") as source:
        first, *_, last = [one for one in source if one.index < 21]
    small = cv2.resize(first.image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return [first, last, Frame(source_id="small", index=0, pts=0.0, captured_at=0.0, image=np.asarray(small, np.uint8))]


def test_our_nets_answer_several_frames_as_each(sample: list[Frame]) -> None:
    engine = EngineSettings(engine="torch", device="cpu")
    detector = BothDetectors(person_detector(None, engine), person_detector(None, engine, size=224))
    keypoints = BlazePoseLandmarks(make_engine(landmark_spec(weights=LANDMARK_WEIGHTS), engine))
    estimator = PoseEstimator(detector, keypoints)
    found = estimator.look_together(sample)
    for one, ours in zip(sample, found, strict=True):
        theirs = estimator.look(one)
        assert len(ours.scores) >= 1
        np.testing.assert_allclose(ours.regions, theirs.regions, atol=BATCH_PX)
    regions = [one.regions[:1] for one in found]
    for one, asked, ours in zip(sample, regions, estimator.read_together(sample, regions), strict=True):
        alone = estimator.read(one, asked)
        assert ours is not None
        assert alone is not None
        np.testing.assert_allclose(ours.keypoints[..., :2], alone.keypoints[..., :2], atol=BATCH_PX)
