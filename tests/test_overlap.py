"""Two poses on one person: repetitions, and joints that were read off whoever stands before."""

from __future__ import annotations

import numpy as np
import pytest

from stream3d.pose2d.overlap import apart, painted_over, same_pose
from stream3d.pose2d.protocol import Landmarks
from stream3d.skeleton import COCO17

N = {name: row for row, name in enumerate(COCO17.names)}
HEIGHT = 200.0


def standing(x: float, lean: float = 0.0) -> np.ndarray:
    """Float32 [17, 3], 200 px high, feet at (x, 300), leaning ``lean`` pixels to the right at the top."""
    rows = {"nose": (0, 1.0), "shoulder": (20, 0.82), "elbow": (26, 0.62), "wrist": (28, 0.45), "hip": (14, 0.5)}
    rows |= {"knee": (15, 0.26), "ankle": (15, 0.02), "eye": (3, 1.02), "ear": (6, 1.0)}
    out = np.ones((17, 3), np.float32)
    for name, row in N.items():
        side, _, part = name.rpartition("_")
        away, up = rows[part]
        out[row, :2] = x + lean * up + away * {"left": 1, "right": -1, "": 0}[side], 300 - HEIGHT * up
    return out


def region(keypoints: np.ndarray) -> list[float]:
    return [*keypoints[[N["left_hip"], N["right_hip"]], :2].mean(0), 1.25 * HEIGHT, 0.0]


class Painted:
    """Sees who is marked by a red dot at their feet, the one further right first, unless that one is painted over."""

    layout, min_presence, agreement = COCO17, 0.4, 0.3

    def __init__(self, people: list[np.ndarray], presence: float = 0.9) -> None:
        self.people, self.presence, self.asked = people, presence, 0
        self.image = np.zeros((400, 500, 3), np.uint8)
        for pose in people:
            x, y = pose[[N["left_hip"], N["right_hip"]], :2].mean(0).astype(int)
            self.image[y, x] = 255, 0, 0

    def __call__(self, image: np.ndarray, regions: np.ndarray) -> Landmarks:
        self.asked += len(regions)
        spots = [tuple(pose[[N["left_hip"], N["right_hip"]], :2].mean(0).astype(int)) for pose in self.people]
        there = [pose for pose, (x, y) in zip(self.people, spots, strict=True) if image[y, x, 0] == 255]
        seen = there[-1] if there else np.full((17, 3), 0.01, np.float32)
        presence = np.full(len(regions), self.presence if there else 0.05, np.float32)
        return Landmarks(
            keypoints=np.tile(seen, (len(regions), 1, 1)),
            presence=presence,
            regions=np.array([region(seen)] * len(regions)),
        )

    def describe(self) -> dict[str, str]:
        return {}


def two(first: np.ndarray, second: np.ndarray) -> tuple[Landmarks, np.ndarray]:
    asked = np.array([region(first), region(second)], np.float32)
    return Landmarks(keypoints=np.stack([first, second]), presence=np.full(2, 0.8, np.float32), regions=asked), asked


def mixed() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Whoever leans in from the left, who stands on the right, and the first as read: with the legs of the second."""
    left, right = standing(200, lean=50), standing(300)
    stolen = left.copy()
    for name in ("left_knee", "right_knee", "left_ankle", "right_ankle"):
        stolen[N[name]] = right[N[name]]
    return left, right, stolen


def test_legs_read_off_the_other_are_read_again_without_the_other() -> None:
    left, right, stolen = mixed()
    seen, asked = two(stolen, right)
    asked[0] = region(left)
    net = Painted([left, right])
    out = apart(net, net.image, asked, seen)
    np.testing.assert_allclose(out.keypoints, [left, right])
    assert out.presence.tolist() == pytest.approx([0.9, 0.8])


def test_what_is_hardly_seen_or_elsewhere_is_not_taken() -> None:
    left, right, stolen = mixed()
    seen, asked = two(stolen, right)
    faint = Painted([left, right], presence=0.4)
    np.testing.assert_array_equal(apart(faint, faint.image, asked, seen).keypoints, seen.keypoints)
    far = Painted([standing(30), right])
    np.testing.assert_array_equal(apart(far, far.image, asked, seen).keypoints, seen.keypoints)


def test_people_who_only_stand_close_are_left_alone() -> None:
    left, right = standing(200), standing(300)
    seen, asked = two(left, right)
    net = Painted([left, right])
    assert apart(net, net.image, asked, seen) is seen
    assert net.asked == 0


def test_a_repetition_is_no_embrace() -> None:
    pose = standing(200)
    seen, asked = two(pose, pose + np.float32(1))
    net = Painted([pose])
    assert same_pose(seen, 0, 1, COCO17)
    assert apart(net, net.image, asked, seen) is seen
    assert net.asked == 0
    assert not same_pose(two(pose, standing(240))[0], 0, 1, COCO17)


def test_painting_covers_the_body_and_nothing_far_from_it() -> None:
    image = np.full((400, 500, 3), 7, np.uint8)
    pose = standing(200)
    out = painted_over(image, pose, COCO17)
    assert (image == 7).all()
    for x, y, _ in pose:
        assert (out[int(y), int(x)] == 128).all()
    assert (out[:, 300:] == 7).all()
    headless = pose.copy()
    headless[N["left_hip"]] = np.nan
    assert (painted_over(image, headless, COCO17) == 7).all(), "without a trunk nothing says how thick it is"
