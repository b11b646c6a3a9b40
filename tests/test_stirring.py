"""The detector waits while nothing changes but the people who are followed."""

from __future__ import annotations

import numpy as np

from stream3d.nets.fake import fake_detector_spec, fake_landmark_spec
from stream3d.pose2d import PoseSettings, make_estimator
from stream3d.pose2d.stirring import still_of, stirs
from stream3d.values import Frame
from tests.fakes import TORCH, white_people

REGION = np.float32([[220, 180, 200, 0]])
NOBODY = np.zeros((0, 4), np.float32)


def frame(image: np.ndarray, index: int = 0) -> Frame:
    return Frame(source_id="a", index=index, pts=index / 25, captured_at=0.0, image=image)


def room(rng: np.random.Generator, *, noise: int = 0) -> np.ndarray:
    flat = np.full((400, 640, 3), 90, np.int16) + rng.integers(-noise, noise + 1, (400, 640, 1))
    return np.clip(flat, 0, 255).astype(np.uint8)


def test_the_same_picture_does_not_stir_nor_does_its_noise() -> None:
    rng = np.random.default_rng(0)
    before = still_of(frame(room(rng, noise=5)), REGION)
    assert not stirs(frame(room(rng, noise=5)), REGION, before)


def test_who_is_followed_does_not_count_wherever_they_go_but_others_do() -> None:
    image = room(np.random.default_rng(0))
    before = still_of(frame(image), REGION)
    moved = image.copy()
    moved[150:210, 190:260] = 255
    assert not stirs(frame(moved), REGION + np.float32([40, 0, 0, 0]), before)
    assert stirs(frame(moved), np.float32([[600, 60, 100, 0]]), still_of(frame(image), NOBODY))
    moved[300:340, 500:520] = 30
    assert stirs(frame(moved), REGION, before)


def test_another_shape_stirs() -> None:
    before = still_of(frame(np.zeros((400, 640, 3), np.uint8)), REGION)
    assert stirs(frame(np.zeros((640, 400, 3), np.uint8)), REGION, before)


def looks(pictures: list[np.ndarray]) -> list[int]:
    """At which frames the detector looked."""
    estimator = make_estimator(
        PoseSettings(sizes=(224,)), TORCH, detector=fake_detector_spec, landmarks=fake_landmark_spec
    )
    found, regions = [], NOBODY
    for index, image in enumerate(pictures):
        seen = estimator(frame(image, index), regions)
        regions = seen.regions
        found += [index] if seen.looked else []
    return found


def test_looks_are_seldom_until_somebody_comes() -> None:
    """Usually every ninth frame (0.35 s); three times as seldom in a still picture with one; at once when one comes."""
    one, two = white_people(400, 400, 100), white_people(400, 400, 100, 300)
    assert looks([one] * 60) == [0, 27, 54]
    assert looks([one] * 12 + [two] * 20) == [0, 12, 21, 30], "two may hide each other"
    assert looks([one] * 4 + [two] * 10)[:2] == [0, 9]
