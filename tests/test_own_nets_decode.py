"""Decoders of nets' answers against planted ones: they come back where they were put."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream3d.pose2d.crops import crop, framed, from_crop
from stream3d.pose2d.own.decode import (
    belief,
    boxes_of_cells,
    grid,
    peaks_of_bins,
    peaks_of_maps,
    pixels_of_cells,
    suppressed,
)
from stream3d.pose2d.regions import regions_from_boxes, regions_from_keypoints
from tests.onnx_nets import gaussian

COLUMNS, ROWS = 48, 64
INSIDE = st.floats(8, 39), st.floats(8, 55)


@given(*INSIDE, st.floats(1.5, 3.0))
@settings(max_examples=40, deadline=None)
def test_dark_finds_a_gaussian_between_the_cells(x: float, y: float, spread: float) -> None:
    maps = gaussian(COLUMNS, ROWS, x, y, spread)[None, None]
    np.testing.assert_allclose(peaks_of_maps(maps, refine="dark", blur=0)[0, 0, :2], [x, y], atol=2e-3)


@given(*INSIDE)
@settings(max_examples=20, deadline=None)
def test_dark_on_a_blurred_map_stays_near(x: float, y: float) -> None:
    maps = gaussian(COLUMNS, ROWS, x, y, 2.0)[None, None]
    np.testing.assert_allclose(peaks_of_maps(maps, refine="dark", blur=11)[0, 0, :2], [x, y], atol=0.02)


@given(*INSIDE)
@settings(max_examples=20, deadline=None)
def test_a_quarter_is_nearer_than_the_cell_or_a_quarter_off(x: float, y: float) -> None:
    maps = gaussian(COLUMNS, ROWS, x, y, 2.0)[None, None]
    np.testing.assert_allclose(peaks_of_maps(maps, refine="quarter", blur=0)[0, 0, :2], [x, y], atol=0.2501)
    np.testing.assert_array_equal(peaks_of_maps(maps, refine="none", blur=0)[0, 0, :2], [round(x), round(y)])


@pytest.mark.parametrize(("x", "y"), [(0, 0), (47, 63), (0, 30), (20, 63)])
@pytest.mark.parametrize("refine", ["none", "quarter", "dark"])
def test_a_peak_on_the_edge_is_taken_as_it_is(x: int, y: int, refine: str) -> None:
    maps = np.zeros((1, 1, ROWS, COLUMNS), np.float32)
    maps[0, 0, y, x] = 0.7
    np.testing.assert_allclose(peaks_of_maps(maps, refine=refine, blur=11)[0, 0], [x, y, 0.7])  # type: ignore[arg-type]


def test_a_flat_map_is_no_reason_to_wander() -> None:
    flat = np.full((1, 1, ROWS, COLUMNS), 0.2, np.float32)
    assert np.isfinite(peaks_of_maps(flat, refine="dark", blur=11)).all()


def test_maps_of_people_and_joints_are_not_mixed_up() -> None:
    maps = np.stack(
        [[gaussian(COLUMNS, ROWS, 10 + 5 * p + j, 20 + 7 * p + 2 * j, 2) for j in range(3)] for p in (0, 1)]
    )
    peaks = peaks_of_maps(maps, refine="none", blur=0)
    np.testing.assert_array_equal(peaks[1, 2, :2], [17, 31])


@pytest.mark.parametrize(
    ("convention", "first", "last"),
    [("origins", [0.5, 0.5], [188.5, 252.5]), ("corners", [0.5, 0.5], [191.5, 255.5]), ("centres", [2, 2], [190, 254])],
)
def test_cells_lie_where_their_convention_says(convention: str, first: list[float], last: list[float]) -> None:
    ends = np.float32([[0, 0], [COLUMNS - 1, ROWS - 1]])
    found = pixels_of_cells(ends, size=(192, 256), grid_size=(COLUMNS, ROWS), convention=convention)
    np.testing.assert_allclose(found, [first, last], rtol=1e-6)


def test_bins_are_halves_of_pixels() -> None:
    x, y = np.zeros((1, 2, 384), np.float32), np.zeros((1, 2, 512), np.float32)
    x[0, :, [100, 7]], y[0, :, [201, 511]] = [[0.9, 0.9], [0.4, 0.4]], [[0.6, 0.6], [0.5, 0.5]]
    x[0, 0, 7] = x[0, 1, 100] = y[0, 0, 511] = y[0, 1, 201] = 0
    found = peaks_of_bins(x, y, split_ratio=2.0, parabola=False)
    np.testing.assert_allclose(found[0], [[50.5, 101.0, 0.6], [4.0, 256.0, 0.4]])


@given(st.floats(2, 380), st.floats(3, 30))
@settings(max_examples=30, deadline=None)
def test_a_parabola_of_bins_peaks_between_them(at: float, width: float) -> None:
    bins = (1 - ((np.arange(384) - at) / (30 * width)) ** 2).astype(np.float32)[None, None]
    found = peaks_of_bins(bins, bins, split_ratio=2.0, parabola=True)
    assert abs(found[0, 0, 0] - (at / 2 + 0.5)) < 0.05


def test_the_cells_of_yolox_stand_in_rows_of_each_stride() -> None:
    corners, strides = grid(64, 32, (8, 16))
    assert len(corners) == 8 * 4 + 4 * 2
    np.testing.assert_array_equal(corners[9], [1, 1])
    assert (strides[31], strides[32]) == (8, 16)
    raw = np.float32([[0.25, 0.5, np.log(2.0), np.log(3.0)]])
    np.testing.assert_allclose(boxes_of_cells(raw, corners[9:10], strides[9:10]), [[2, 0, 18, 24]], atol=1e-5)


def test_the_best_of_overlapping_boxes_stays() -> None:
    boxes = np.float32([[0, 0, 10, 10], [1, 0, 11, 10], [30, 0, 40, 10], [0, 0, 10, 5]])
    assert suppressed(boxes, np.float32([0.5, 0.9, 0.7, 0.1]), 0.6).tolist() == [1, 2, 3]
    assert suppressed(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), 0.5).tolist() == []


@given(st.lists(st.floats(0.0, 1.25, width=32), min_size=2, max_size=9), st.floats(0.05, 0.9))
def test_belief_grows_with_the_score_and_is_even_where_told(scores: list[float], even: float) -> None:
    ordered = np.float32(sorted(scores))
    found = belief(ordered, even)
    assert (np.diff(found) >= -1e-6).all()
    assert found.min() >= 0
    assert found.max() <= 1
    assert belief(np.float32([even]), even)[0] == pytest.approx(0.5, abs=1e-6)


@given(st.floats(200, 400), st.floats(200, 400), st.floats(60, 300), st.floats(-3, 3))
@settings(max_examples=25, deadline=None)
def test_what_lies_in_a_crop_lies_there_in_the_image(x: float, y: float, side: float, turn: float) -> None:
    region = np.float32([[x, y, side, turn]])
    image = np.zeros((600, 600, 3), np.uint8)
    point = from_crop(np.float32([[[70.5, 200.5]]]), region, width=192, height=256)[0, 0]
    spread = max(2.0, side / 40)
    image[:] = (255 * gaussian(600, 600, point[0] - 0.5, point[1] - 0.5, spread))[..., None]
    shown = crop(image, region, width=192, height=256, border=0)[0, ..., 0].astype(np.float64)
    rows, columns = np.mgrid[:256, :192]
    # the Gaussian must lie in the crop as a whole for its mean to be its middle
    if min(70.5, 192 - 70.5, 256 - 200.5) > 4 * spread * 256 / side:
        centre = [(shown * columns).sum() / shown.sum() + 0.5, (shown * rows).sum() / shown.sum() + 0.5]
        np.testing.assert_allclose(centre, [70.5, 200.5], atol=0.1)


def test_a_square_crop_is_the_region_and_a_narrow_one_its_middle() -> None:
    image = np.zeros((100, 100, 3), np.uint8)
    image[:, 20:30] = 200
    region = np.float32([[50, 50, 100, 0]])
    square, narrow = crop(image, region, width=100, height=100), crop(image, region, width=60, height=100)
    np.testing.assert_array_equal(narrow[0], square[0, :, 20:80])


def test_outside_the_image_is_the_border() -> None:
    white = np.full((10, 10, 3), 255, np.uint8)
    beside = np.float32([[-50, -50, 20, 0]])
    assert (crop(white, beside, width=8, height=8, border=114) == 114).all()
    assert (crop(white, beside, width=8, height=8) == 255).all()


def test_a_framed_picture_keeps_its_shape_and_knows_the_way_back() -> None:
    picture, scale, offset = framed(np.full((100, 200, 3), 9, np.uint8), 64, 64, border=114, corner=True)
    np.testing.assert_allclose([*scale, *offset], [0.32, 0.32, 0, 0], rtol=1e-6)
    assert (picture[:32] == 9).all()
    assert (picture[32:] == 114).all()
    middle, _, offset = framed(np.full((100, 200, 3), 9, np.uint8), 64, 64)
    assert offset.tolist() == [0, 16]
    assert (middle[:16] == 0).all()


def test_regions_hold_boxes_with_room() -> None:
    upright, wide = regions_from_boxes(np.float32([[10, 10, 50, 110], [0, 0, 90, 30]]))
    np.testing.assert_allclose(upright, [30, 60, 125, 0])
    np.testing.assert_allclose(wide, [45, 15, 150, 0])


@given(st.floats(-3, 3), st.floats(50, 150), st.floats(200, 400))
@settings(max_examples=25)
def test_the_next_region_goes_with_the_joints_and_keeps_the_turn(turn: float, x: float, y: float) -> None:
    asked = np.float32([[x, y, 100, turn]])
    up = np.array([np.sin(turn), -np.cos(turn)])
    joints = np.full((1, 5, 3), np.nan, np.float32)
    joints[0, :3, :2] = np.float32([x, y]) + np.outer([-60, 0, 60], up)
    joints[0, :3, 2] = 0.9
    joints[0, 4] = 900, 900, 0.1  # not seen
    np.testing.assert_allclose(regions_from_keypoints(joints, asked)[0], [x, y, 180, turn], rtol=1e-4, atol=1e-2)


def test_the_next_region_closes_in_slowly_and_is_nowhere_without_joints() -> None:
    asked = np.float32([[0, 0, 100, 0], [0, 0, 100, 0]])
    joints = np.zeros((2, 3, 3), np.float32)
    joints[0, :2] = [[0, 0, 1], [0, 10, 1]]
    near, nowhere = regions_from_keypoints(joints, asked)
    np.testing.assert_allclose(near, [0, 5, 90, 0])
    assert np.isnan(nowhere).all()
