"""The benchmark of people on photographs: what it counts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.people_measures import Tally, boxes_of, near_share, similarity
from benchmarks.people_nets import Seen
from benchmarks.people_sets import Photograph, photographs


def pose(x: float, y: float, size: float = 100.0) -> np.ndarray:
    """COCO's joints of somebody standing, hips at x, y."""
    across = [0, 2, -2, 4, -4, 10, -10, 12, -12, 13, -13, 6, -6, 6, -6, 6, -6]
    down = [-40, -42, -42, -41, -41, -30, -30, -15, -15, 0, 0, 0, 0, 24, 24, 46, 46]
    points = np.stack([across, down, np.full(17, 2)], 1) * (size / 100, size / 100, 1) + (x, y, 0)
    return points.astype(np.float32)


def photo(*people: np.ndarray, empty: bool = False) -> Photograph:
    keypoints = np.stack(people) if people else np.zeros((0, 17, 3), np.float32)
    boxes = boxes_of(keypoints, 400, 300)
    return Photograph(
        image=np.zeros((300, 400, 3), np.uint8),
        boxes=boxes,
        keypoints=keypoints,
        areas=np.full(len(people), 2000, np.float32),
        ignore=np.zeros((0, 4), np.float32),
        complete=True,
        empty=empty,
    )


def seen(*poses: np.ndarray, scores: tuple[float, ...] = ()) -> Seen:
    keypoints = np.stack(poses) if poses else np.zeros((0, 17, 3), np.float32)
    keypoints = keypoints * np.array([1, 1, 0.5], np.float32)
    given = np.array(scores or [0.9 - 0.1 * k for k in range(len(poses))], np.float32)
    return Seen(keypoints=keypoints, scores=given, detected=int((given >= 0.5).sum()))


def test_similarity_is_one_for_the_same_and_falls_with_distance() -> None:
    here = pose(100, 150)[None]
    areas = np.array([2000], np.float32)
    values = [similarity(pose(100 + shift, 150)[None], here, areas)[0, 0] for shift in (0, 2, 8, 200)]
    assert values[0] == 1
    assert values == sorted(values, reverse=True)
    assert values[-1] < 1e-3
    unseen = here.copy()
    unseen[0, 5:, :2] = np.nan
    assert similarity(unseen, here, areas)[0, 0] == pytest.approx(5 / 17)
    assert similarity(here, np.zeros_like(here), areas)[0, 0] == 0


def test_everybody_found_is_counted_once() -> None:
    tally = Tally()
    there = pose(100, 150, 140), pose(300, 150, 60)
    tally.add(photo(*there), seen(*there, pose(200, 100), there[0]), 0.5)
    said = tally.figures(0.5)
    assert (said["boxes"]["recall"], said["boxes"]["precision"]) == (1.0, 0.5)
    assert (said["joints"]["recall"], said["joints"]["precision"]) == (1.0, 0.5)
    assert said["mean_oks_of_found"] == 1.0
    assert said["recall_by_size"] == {"0-0.1": None, "0.1-0.3": 1.0, "0.3-1": 1.0}
    assert "ghosts_per_empty" not in said


def test_below_the_threshold_nobody_is_found() -> None:
    tally = Tally()
    tally.add(photo(pose(100, 150)), seen(pose(100, 150), scores=(0.3,)), 0.5)
    said = tally.figures(0.5)
    assert said["joints"]["recall"] == 0
    assert said["boxes"]["ap50"] == said["joints"]["ap50"] == 1.0  # the curve reaches further down
    assert said["recall_by_size"]["0.1-0.3"] == 0


def test_ghosts_are_counted_in_empty_pictures_only() -> None:
    tally = Tally()
    tally.add(photo(empty=True), seen(pose(100, 150), pose(300, 150), scores=(0.9, 0.2)), 0.5)
    tally.add(photo(empty=True), seen(), 0.5)
    assert tally.figures(0.5)["ghosts_per_empty"] == 0.5


def test_share_of_near_joints() -> None:
    person = pose(100, 150)
    person[0, 2] = 0
    off = person.copy()
    off[15:, 0] += 30
    assert near_share(person[None], person, np.ones(1)) == 1.0
    assert near_share(off[None], person, np.ones(1)) == pytest.approx(14 / 16)
    assert near_share(np.zeros((0, 17, 3), np.float32), person, np.ones(0)) == 0.0


@pytest.mark.data
@pytest.mark.parametrize(("name", "count"), [("photographs", 22), ("coco", 3), ("athletes", 10)])
def test_the_sets_are_read(data: Path, name: str, count: int) -> None:
    read = list(photographs(data, name, every=30))
    assert len(read) == count
    for one in read:
        high, wide = one.image.shape[:2]
        assert len(one.boxes) == len(one.keypoints) == len(one.areas)
        assert (one.boxes <= (wide + 1, high + 1, wide + 1, high + 1)).all()
        assert not (one.empty and len(one.boxes))
