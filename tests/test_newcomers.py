"""Newcomers are looked at twice, and believed if the joints stay where they were."""

from __future__ import annotations

import numpy as np
import pytest

from stream3d.pose2d.newcomers import looked_twice
from stream3d.pose2d.protocol import Found, Landmarks
from stream3d.skeleton import BLAZEPOSE33, Layout

IMAGE = np.zeros((400, 800, 3), np.uint8)
REGIONS = np.array([[150, 200, 100, 0], [600, 200, 200, 0]], np.float32)


class Wanderer:
    """Reads a pose that lies ``off`` pixels beside the middle of each region, which it says to be the next region."""

    layout: Layout = BLAZEPOSE33
    min_presence, agreement = 0.4, 0.5

    def __init__(self, off: tuple[float, ...], presence: tuple[float, ...]) -> None:
        self.off, self.presence, self.asked = np.array(off, np.float32), np.array(presence, np.float32), [REGIONS]

    def __call__(self, _image: np.ndarray, regions: np.ndarray) -> Landmarks:
        self.asked.append(regions)
        who = (regions[:, 0] > 400).astype(int)
        moved = regions.copy()
        moved[:, 0] += self.off[who]
        keypoints = np.ones((len(regions), 33, 3), np.float32)
        keypoints[..., :2] = moved[:, None, :2] + np.linspace(-40, 40, 33, dtype=np.float32)[:, None]
        keypoints[:, 5] = np.nan, np.nan, 0
        return Landmarks(keypoints=keypoints, presence=self.presence[who], regions=moved)

    def describe(self) -> dict[str, str]:
        return {}


def read(off: tuple[float, ...], presence: tuple[float, ...], score: float = 1.0) -> tuple[Landmarks, list, Wanderer]:
    net = Wanderer(off, presence)
    found = Found(regions=REGIONS, scores=np.full(2, score, np.float32))
    seen, beliefs = looked_twice(net, IMAGE, found, net(IMAGE, REGIONS))
    return seen, beliefs.tolist(), net


def test_joints_that_wander_are_not_believed() -> None:
    seen, beliefs, net = read((0.0, 10.0), (0.8, 0.8), 0.81)
    assert beliefs == pytest.approx([0.72, 0.72 * np.exp(-0.5)], rel=1e-5)  # 10 of 200 pixels; e-fold at a tenth
    np.testing.assert_allclose(net.asked[-1], np.add(REGIONS, [[0, 0, 0, 0], [10, 0, 0, 0]]))
    np.testing.assert_allclose(seen.regions[:, 0], [150, 620])  # what the second look says


def test_only_what_may_be_somebody_is_looked_at_again() -> None:
    seen, beliefs, net = read((3.0, 3.0), (0.24, 0.26))
    assert len(net.asked) == 3
    assert len(net.asked[-1]) == 1
    assert beliefs == pytest.approx([0.24, 0.26 * np.exp(-0.15)], rel=1e-5)
    np.testing.assert_allclose(seen.regions[:, 0], [153, 606])
    assert len(read((3.0, 3.0), (0.1, 0.1))[2].asked) == 2


def test_nothing_that_can_be_compared_is_no_person() -> None:
    class Blind(Wanderer):
        def __call__(self, image: np.ndarray, regions: np.ndarray) -> Landmarks:
            seen = super().__call__(image, regions)
            seen.keypoints[..., 2] = 0.1
            return seen

    net = Blind((0.0, 0.0), (0.9, 0.9))
    found = Found(regions=REGIONS, scores=np.ones(2, np.float32))
    assert looked_twice(net, IMAGE, found, net(IMAGE, REGIONS))[1].tolist() == [0, 0]
