"""Whoever moves fast is kept: by nets that know the truth, and by the real ones on the built-in sample's person."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from stream3d.pose2d import PoseEstimator, make_estimator
from stream3d.pose2d.protocol import Found, Landmarks
from stream3d.sample import load_truth
from stream3d.skeleton import BLAZEPOSE33
from stream3d.source import open_source
from stream3d.track import Tracker
from stream3d.values import Detections2D, Frame

SCALE, WIDTH, LEFT, RIGHT = 0.8, 1500, 120, 480
STILL, FPS = 10, 25


def pictures(share: float) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Pictures of somebody who stands, moves by ``share`` of their height a frame, and stands; where their hips are."""
    truth = load_truth()
    with open_source("sample") as source:
        frames = [frame.image[:, LEFT:RIGHT] for frame, _ in zip(source, range(60), strict=False)]
    step = share * SCALE * float(truth.box[0, 3] - truth.box[0, 1])
    moves = int((WIDTH - SCALE * (RIGHT - LEFT)) / step)
    shifts = [0.0] * STILL + [step * (k + 1) for k in range(moves)] + [step * moves] * STILL
    out, hips = [], []
    for index, shift in enumerate(map(round, shifts)):
        small = cv2.resize(np.ascontiguousarray(frames[index]), None, fx=SCALE, fy=SCALE, interpolation=cv2.INTER_AREA)
        right = max(0, WIDTH - small.shape[1] - shift)
        out.append(cv2.copyMakeBorder(small, 0, 0, shift, right, cv2.BORDER_REPLICATE))
        hips.append((truth.coco2d[index, [11, 12]].mean(0) - (LEFT, 0)) * SCALE + (shift, 0))
    return out, hips


@pytest.mark.slow
@pytest.mark.usefixtures("weights")
@pytest.mark.parametrize("share", [0.25, 0.5])
def test_sideways_motion_of_half_the_height_a_frame_is_kept(share: float) -> None:
    """From a standing start, and to a stop; MediaPipe loses the person at 0.2 to 0.3."""
    estimator, tracker = make_estimator(), Tracker()
    images, hips = pictures(share)
    for index, (image, there) in enumerate(zip(images, hips, strict=True)):
        frame = Frame(source_id="fast", index=index, pts=index / FPS, captured_at=0.0, image=image)
        tracks = tracker(estimator(frame, tracker.regions(frame.stamp), searching=tracker.searching("fast")))
        if index >= STILL - 2:
            assert tracks.person.tolist() == [1]
            off = np.linalg.norm(tracks.keypoints[0, [23, 24], :2].mean(0) - there)
            assert off < 0.1 * 245 * SCALE


class OneSpot:
    """Detector and keypoint net of a person at one place, who is seen from regions up to 0.45 sides off."""

    def __init__(self, place: tuple[float, float]) -> None:
        self.region = np.array([*place, 200, 0], np.float32)
        self.looks, self.asked = 0, []

    def detect(self, _: np.ndarray) -> Found:
        self.looks += 1
        return Found(regions=self.region[None], scores=np.ones(1, np.float32))

    def read(self, _: np.ndarray, regions: np.ndarray) -> Landmarks:
        self.asked += [region[:2].tolist() for region in regions]
        off = np.hypot(*(regions[:, :2] - self.region[:2]).T) / 200
        keypoints = np.ones((len(regions), 33, 3), np.float32)
        keypoints[..., :2] = self.region[:2]
        keypoints[..., 0] += 20 * np.round(off, 1)[:, None]  # joints are worse the farther off they are seen
        return Landmarks(
            keypoints=keypoints,
            presence=(1 - off).astype(np.float32) * (off < 0.45),
            regions=np.repeat(self.region[None], len(regions), 0),
        )


class Part:
    """One of its two faces."""

    layout, min_presence, min_score, confirm_score = BLAZEPOSE33, 0.5, 0.6, 0.4
    agreement = 0.0

    def __init__(self, answer: object) -> None:
        self.answer = answer

    def __call__(self, *args: object) -> object:
        return self.answer(*args)  # type: ignore[operator]

    def describe(self) -> dict[str, str]:
        return {}


def looked_at(x: float, *, searching: bool = False) -> tuple[OneSpot, Detections2D]:
    """Somebody at 300 px, expected at ``x`` a moment after the detector looked."""
    spot = OneSpot((300, 300))
    room = PoseEstimator(Part(spot.detect), Part(spot.read))  # type: ignore[arg-type]
    image = np.zeros((600, 600, 3), np.uint8)
    room(Frame(source_id="a", index=0, pts=0.0, captured_at=0.0, image=image), np.zeros((0, 4), np.float32))
    spot.looks, spot.asked = 0, []
    frame = Frame(source_id="a", index=1, pts=0.04, captured_at=0.0, image=image)
    return spot, room(frame, np.array([[x, 300, 200, 0]], np.float32), searching=searching)


def test_a_pose_far_off_its_region_is_read_again_in_its_own() -> None:
    spot, seen = looked_at(240)
    assert spot.asked == [[240, 300], [300, 300]]
    assert seen.origin.tolist() == [0]
    assert seen.keypoints[0, 0, 0] == 300
    assert spot.looks == 0


def test_a_pose_where_it_was_expected_is_read_once() -> None:
    spot, seen = looked_at(290)
    assert spot.asked == [[290, 300]]
    assert seen.origin.tolist() == [0]


def test_who_is_lost_is_looked_for_in_the_same_frame() -> None:
    spot, seen = looked_at(150)
    assert spot.looks == 1
    assert seen.looked
    assert seen.origin.tolist() == [-1]
    assert seen.confirmed.tolist() == [True]
    np.testing.assert_array_equal(seen.regions[0, :2], [300, 300])


def test_who_was_lost_before_does_not_keep_the_detector_busy() -> None:
    spot, seen = looked_at(150, searching=True)
    assert spot.looks == 0
    assert len(seen) == 0
