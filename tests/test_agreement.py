"""Two detectors as one, and newcomers on whom detector and joints must agree."""

from __future__ import annotations

import numpy as np

from stream3d.pose2d import PoseEstimator, PoseSettings
from stream3d.pose2d.both import BothDetectors
from stream3d.pose2d.protocol import Found, Landmarks
from stream3d.skeleton import BLAZEPOSE33
from stream3d.values import Frame

IMAGE = np.zeros((400, 800, 3), np.uint8)
HERE, ABOUT_HERE, THERE = [150.0, 200.0, 100.0, 0.0], [155.0, 203.0, 110.0, 0.0], [600.0, 200.0, 100.0, 0.0]


class Finder:
    """Finds what it was told to."""

    def __init__(self, *found: tuple[list[float], float], min_score: float = 0.2) -> None:
        self.min_score, self.confirm_score = min_score, min_score / 2
        self.found = found

    def __call__(self, _image: np.ndarray) -> Found:
        regions = np.array([region for region, _ in self.found], np.float32).reshape(-1, 4)
        return Found(regions=regions, scores=np.array([score for _, score in self.found], np.float32))

    def describe(self) -> dict[str, str]:
        return {"engine": "told", "inputs": str(len(self.found))}


class Reader:
    """Sees somebody in every region, as surely as it was told to."""

    layout, min_presence, agreement = BLAZEPOSE33, 0.4, 0.5

    def __init__(self, presence: float) -> None:
        self.presence = presence

    def __call__(self, _image: np.ndarray, regions: np.ndarray) -> Landmarks:
        keypoints = np.ones((len(regions), 33, 3), np.float32)
        keypoints[..., :2] = regions[:, None, :2] + np.linspace(-40, 40, 33, dtype=np.float32)[:, None]
        presence = np.full(len(regions), self.presence, np.float32)
        return Landmarks(keypoints=keypoints, presence=presence, regions=regions)

    def describe(self) -> dict[str, str]:
        return {}


def test_of_two_regions_of_one_person_the_better_stays() -> None:
    both = BothDetectors(Finder((HERE, 0.5)), Finder((ABOUT_HERE, 0.7), (THERE, 0.6), min_score=0.6))
    found = both(IMAGE)
    np.testing.assert_allclose(found.regions, [ABOUT_HERE, THERE])
    np.testing.assert_allclose(found.scores, [0.7, 0.6])
    assert (both.min_score, both.confirm_score) == (0.2, 0.1)
    assert both.describe() == {"engine": "told", "inputs": "1; 2"}
    assert not len(BothDetectors(Finder(), Finder())(IMAGE).scores)


def seen(score: float, presence: float, followed: list[list[float]] | None = None) -> int:
    room = PoseEstimator(Finder((HERE, score)), Reader(presence), PoseSettings())
    regions = np.array(followed or [], np.float32).reshape(-1, 4)
    frame = Frame(source_id="a", index=0, pts=0.0, captured_at=0.0, image=IMAGE)
    return len(room(frame, regions))


def test_detector_and_joints_must_agree_on_newcomers_but_not_on_who_is_followed() -> None:
    assert seen(0.81, 0.6) == 1  # 0.9 * 0.6 = 0.54
    assert seen(0.49, 0.6) == 0  # 0.7 * 0.6 = 0.42
    assert seen(1.0, 0.45) == 0
    assert seen(0.49, 0.6, [HERE]) == 1
    assert seen(0.49, 0.6, [THERE]) == 1
    assert seen(0.81, 0.3, [THERE]) == 0, "below the presence that everybody needs"
