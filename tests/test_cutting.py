"""Squares cut out of planes, against the definition written down in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream3d.kernels.colours import to_rgb
from stream3d.kernels.cutting import cut
from stream3d.planes import Planes, coefficients
from stream3d.pose2d.regions import image_from_crop

SIDE = 32
GAINS = coefficients(0.2126, 0.0722, full=False)
REGIONS = st.tuples(st.floats(-200, 400), st.floats(-200, 400), st.floats(1, 900), st.floats(-7, 7))


def picture(high: int, wide: int, seed: int, room: int = 0) -> Planes:
    """Noise in brightness, flat colours; ``room`` bytes lie between rows."""
    rng = np.random.default_rng(seed)
    half = ((high + 1) // 2, (wide + 1) // 2)
    y = rng.integers(16, 236, (high, wide + room)).astype(np.uint8)[:, :wide]
    u, v = (np.full((half[0], half[1] + room), level, np.uint8)[:, : half[1]] for level in rng.integers(100, 156, 2))
    return Planes(y=y, u=u, v=v, coefficients=GAINS)


def of(planes: Planes, places: np.ndarray) -> np.ndarray:
    out = np.full((SIDE, SIDE, 3), 77, np.uint8)
    cut(planes.y, planes.u, planes.v, planes.coefficients, places, out)
    return out


def light(planes: Planes, places: np.ndarray) -> np.ndarray:
    """Brightness at the places of a square, bilinear in float64, not rounded."""
    column, row = np.meshgrid(np.arange(SIDE), np.arange(SIDE))
    x, y = np.tensordot(places, np.stack([column, row, np.ones_like(row)]), 1)
    bottom, right = planes.y.shape[0] - 1, planes.y.shape[1] - 1
    x, y = np.clip(x, 0, right), np.clip(y, 0, bottom)
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    beside, below = np.minimum(left + 1, right), np.minimum(top + 1, bottom)
    across, down = x - left, y - top
    level = planes.y.astype(float)
    upper = level[top, left] * (1 - across) + level[top, beside] * across
    lower = level[below, left] * (1 - across) + level[below, beside] * across
    return upper * (1 - down) + lower * down


@given(REGIONS, st.integers(1, 120), st.integers(1, 160), st.integers(0, 99))
def test_brightness_is_bilinear_and_the_edge_goes_on(
    region: tuple[float, float, float, float], high: int, wide: int, seed: int
) -> None:
    planes, places = picture(high, wide, seed), image_from_crop(np.float32(region), SIDE)
    wanted = light(planes, places)
    rgb = np.empty((SIDE * SIDE, 3), np.uint8)
    flat = (np.full(SIDE * SIDE, plane[0, 0], np.uint8) for plane in (planes.u, planes.v))
    to_rgb(np.round(wanted).astype(np.uint8).reshape(-1), *flat, GAINS, rgb.reshape(-1))
    # a place in float32 may be 1e-4 of a pixel off, which at a half decides how a level is rounded
    assert np.abs(of(planes, places).reshape(-1, 3).astype(int) - rgb).max() <= 2


@given(REGIONS, st.integers(0, 99))
def test_rows_may_lie_apart_and_columns_may_be_turned(region: tuple[float, float, float, float], seed: int) -> None:
    places = image_from_crop(np.float32(region), SIDE)
    apart = picture(60, 80, seed, room=48)
    together = Planes(y=apart.y.copy(), u=apart.u.copy(), v=apart.v.copy(), coefficients=GAINS)
    turned = Planes(y=apart.y.T.copy().T, u=apart.u.T.copy().T, v=apart.v.T.copy().T, coefficients=GAINS)
    np.testing.assert_array_equal(of(apart, places), of(together, places))
    np.testing.assert_array_equal(of(turned, places), of(together, places))


def test_colour_is_the_sample_whose_pixels_a_place_lies_in() -> None:
    half = np.arange(SIDE * SIDE).reshape(SIDE, SIDE)
    u, v = (half % 200 + 20).astype(np.uint8), (half // 5 % 200 + 20).astype(np.uint8)
    planes = Planes(y=np.full((2 * SIDE, 2 * SIDE), 120, np.uint8), u=u, v=v, coefficients=GAINS)
    wanted = np.empty((SIDE, SIDE, 3), np.uint8)
    to_rgb(np.full(SIDE * SIDE, 120, np.uint8), u.reshape(-1), v.reshape(-1), GAINS, wanted.reshape(-1))
    for within in (0.0, 0.4, 1.0, 1.4):  # of the two pixels that share a sample, whose centres lie at 0 and 1
        places = np.array([[2.0, 0.0, within], [0.0, 2.0, within]])
        np.testing.assert_array_equal(of(planes, places), wanted)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_map_that_is_not_finite_gives_black(bad: float) -> None:
    places = np.array([[1.0, 0.0, bad], [0.0, 1.0, 0.0]])
    assert (of(picture(40, 40, 1), places) == 0).all()


@pytest.mark.parametrize("far", [1e6, 1e30, 1e300])
def test_whatever_is_far_outside_is_the_corner(far: float) -> None:
    planes = picture(40, 40, 1)
    places = np.array([[1.0, 0.0, far], [0.0, 1.0, far]])
    assert (of(planes, places) == of(planes, np.array([[0.0, 0.0, 39.0], [0.0, 0.0, 39.0]]))).all()
