"""What people look like: colours of clothes, wherever they go."""

from __future__ import annotations

import numpy as np

from stream3d.pose2d.appearance import SIZE, appearance
from stream3d.skeleton import BLAZEPOSE33

RED, BLUE, GREY = (200, 40, 40), (40, 60, 190), (120, 120, 120)


def person(x: float, width: float = 40) -> np.ndarray:
    """Keypoints [33, 3] of somebody upright at ``x``, shoulders at 100, hips at 200, knees at 280 px."""
    out = np.full((33, 3), 50, np.float32)
    for side, sign in (("left", 1), ("right", -1)):
        for joint, y in (("shoulder", 100), ("hip", 200), ("knee", 280)):
            out[BLAZEPOSE33.names.index(f"{side}_{joint}")] = x + sign * width / 2, y, 1
    return out


def picture(*people: tuple[int, tuple[int, int, int], tuple[int, int, int]]) -> np.ndarray:
    """A green picture with a shirt and trousers at each x."""
    image = np.full((400, 600, 3), (30, 120, 30), np.uint8)
    for x, shirt, trousers in people:
        image[95:200, x - 25 : x + 25], image[200:285, x - 25 : x + 25] = shirt, trousers
    return image


def alike(one: np.ndarray, other: np.ndarray) -> float:
    return float(one @ other)


def test_the_same_clothes_are_alike_and_others_are_not() -> None:
    image = picture((100, RED, BLUE), (300, RED, BLUE), (500, BLUE, GREY))
    looks = appearance(image, np.stack([person(100), person(300), person(500)]), BLAZEPOSE33)
    assert looks.shape == (3, SIZE)
    assert looks.dtype == np.float32
    assert alike(looks[0], looks[0]) > 0.999
    assert alike(looks[0], looks[1]) > 0.99
    assert alike(looks[0], looks[2]) < 0.6


def test_light_changes_less_than_clothes() -> None:
    image = picture((100, RED, BLUE))
    dimmed = (image * 0.8).astype(np.uint8)
    there, here = (
        appearance(image, person(100)[None], BLAZEPOSE33)[0],
        appearance(dimmed, person(100)[None], BLAZEPOSE33)[0],
    )
    assert alike(there, here) > 0.85


def test_somebody_seen_from_the_side_has_clothes_too() -> None:
    image = picture((100, RED, BLUE))
    broad, narrow = appearance(image, np.stack([person(100), person(100, width=0)]), BLAZEPOSE33)
    assert alike(broad, narrow) > 0.95


def test_who_is_out_of_the_picture_or_unseen_looks_like_nothing() -> None:
    unseen = person(100)
    unseen[:, :2] = np.nan
    looks = appearance(picture(), np.stack([person(-500), unseen]), BLAZEPOSE33)
    assert not looks.any()


def test_nobody_is_nothing() -> None:
    assert appearance(picture(), np.zeros((0, 33, 3), np.float32), BLAZEPOSE33).shape == (0, SIZE)
