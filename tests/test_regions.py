from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream3d.pose2d.crops import CROP, crop
from stream3d.pose2d.detect import iou, letterbox, weighted_nms
from stream3d.pose2d.regions import image_from_crop, regions_from_points, same_person, to_image

TURNS = st.floats(-3.1, 3.1)


@given(st.floats(50, 500), st.floats(50, 500), st.floats(20, 800), TURNS)
def test_points_and_pixels_of_a_crop_agree(x: float, y: float, side: float, turn: float) -> None:
    """The affine map of the crop and ``to_image`` are one map, in indices and in points at +0.5."""
    region = np.array([x, y, side, turn], np.float32)
    index = np.array([10.0, 200.0])
    by_map = image_from_crop(region, CROP) @ [*index, 1.0] + 0.5
    by_points = to_image(((index + 0.5) / CROP)[None, None].astype(np.float32), region[None])[0, 0]
    np.testing.assert_allclose(by_map, by_points, atol=0.01)


@given(st.floats(100, 500), st.floats(100, 500), st.floats(10, 300), TURNS)
def test_a_region_remembers_which_way_is_up(x: float, y: float, radius: float, turn: float) -> None:
    """The point on the circle lies above the hips in the crop, whatever the person's rotation."""
    edge = np.array([[x + radius * np.sin(turn), y - radius * np.cos(turn)]], np.float32)
    region = regions_from_points(np.array([[x, y]], np.float32), edge)
    assert region[0, 2] == pytest.approx(2.5 * radius, rel=1e-3)
    top = to_image(np.array([[[0.5, 0.5 - 1 / 2.5]]], np.float32), region)[0, 0]
    np.testing.assert_allclose(top, edge[0], atol=0.05)


@settings(max_examples=25)
@given(st.floats(120, 200), st.floats(120, 200), TURNS)
def test_a_mark_in_the_picture_is_where_the_crop_says(x: float, y: float, turn: float) -> None:
    image = np.zeros((320, 320, 3), np.uint8)
    cv2.circle(image, (round(x), round(y)), 5, (255, 255, 255), -1)
    region = np.array([[170, 170, 260, turn]], np.float32)
    rows, cols = np.nonzero(crop(image, region)[0, :, :, 0] > 128)
    centre = np.array([[[cols.mean() + 0.5, rows.mean() + 0.5]]], np.float32) / CROP
    np.testing.assert_allclose(to_image(centre, region)[0, 0], [round(x) + 0.5, round(y) + 0.5], atol=0.6)


def test_letterbox_centres_and_keeps_the_shape() -> None:
    image = np.full((360, 640, 3), 200, np.uint8)
    picture, scale, left, top = letterbox(image, 224, 224)
    assert (scale, left, top) == (0.35, 0, 49)
    assert picture[:49].max() == 0
    assert picture[49:175].min() == 200


def test_weighted_nms_merges_by_score() -> None:
    near = np.array([[0, 0, 10, 10, 0.6], [1, 0, 11, 10, 0.9], [100, 0, 110, 10, 0.7]], np.float32)
    merged = weighted_nms(near, 0.3)
    np.testing.assert_allclose(merged[:, -1], [0.9, 0.7])
    assert merged[0, 0] == pytest.approx(0.9 / 1.5)
    assert len(weighted_nms(np.zeros((0, 5), np.float32), 0.3)) == 0


def test_iou_of_known_boxes() -> None:
    box = np.array([0, 0, 2, 2], np.float32)
    others = np.array([[0, 0, 2, 2], [1, 0, 3, 2], [5, 5, 6, 6], [0, 0, 0, 0]], np.float32)
    np.testing.assert_allclose(iou(box, others), [1, 1 / 3, 0, 0])


def test_the_same_person_is_near_and_alike() -> None:
    one = np.array([100, 100, 200, 0], np.float32)
    many = np.array([[120, 100, 220, 1], [100, 160, 200, 0], [100, 100, 390, 0]], np.float32)
    assert same_person(one, many).tolist() == [True, False, False]
