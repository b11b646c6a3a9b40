"""Cameras, rays and roots, by their properties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream3d import geometry
from stream3d.errors import SettingsError
from stream3d.geometry import Camera

CAMERA = Camera(fx=900.0, fy=950.0, cx=640.0, cy=360.0, width=1280, height=720, origin="test")
seeds = st.integers(0, 2**32 - 1)
rays = st.floats(-1.5, 1.5)


def points(seed: int, *lead: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.uniform(-2, 2, (*lead, 2)), rng.uniform(1, 9, (*lead, 1))], -1)


@given(seeds)
def test_rays_undo_projection(seed: int) -> None:
    p = points(seed, 5, 17)
    np.testing.assert_allclose(geometry.pixels_to_rays(geometry.project(p, CAMERA), CAMERA), p[..., :2] / p[..., 2:])


def test_missing_pixels_stay_missing() -> None:
    assert np.isnan(geometry.pixels_to_rays(np.array([[np.nan, 3.0]]), CAMERA)[0, 0])


def test_distortion_is_undone() -> None:
    import cv2

    bent = Camera(
        fx=900, fy=900, cx=640, cy=360, width=1280, height=720, origin="test", distortion=(-0.2, 0.05, 0, 0, 0)
    )
    p = points(3, 50) * np.array([0.3, 0.2, 1.0])
    matrix = np.array([[900.0, 0, 640], [0, 900, 360], [0, 0, 1]])
    pixels, _ = cv2.projectPoints(p, np.zeros(3), np.zeros(3), matrix, np.array(bent.distortion))
    found = geometry.pixels_to_rays(pixels[:, 0], bent)
    np.testing.assert_allclose(found, p[:, :2] / p[:, 2:], atol=2e-4)


def test_a_frame_without_people_has_no_rays_before_any_lens() -> None:
    bent = Camera(fx=9, fy=9, cx=6, cy=3, width=12, height=7, origin="test", distortion=(-0.2, 0.05, 0, 0, 0))
    assert geometry.pixels_to_rays(np.zeros((0, 17, 2), np.float32), bent).shape == (0, 17, 2)


@given(rays, rays)
def test_centring_is_a_rotation_that_brings_the_root_to_the_axis(x: float, y: float) -> None:
    turn = geometry.centring_rotation(np.array([x, y]))
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-9)
    assert np.linalg.det(turn) == pytest.approx(1.0)
    np.testing.assert_allclose(geometry.rotate_rays(np.array([[x, y]]), turn), 0, atol=1e-9)
    assert turn[0, 1] == pytest.approx(0.0)


@given(seeds)
def test_rotated_rays_are_those_of_rotated_points(seed: int) -> None:
    p = points(seed, 3, 17)
    turn = geometry.centring_rotation(p[:, 0, :2] / p[:, 0, 2:])
    turned = p @ np.swapaxes(turn, 1, 2)
    expected = turned[..., :2] / turned[..., 2:]
    np.testing.assert_allclose(geometry.rotate_rays(p[..., :2] / p[..., 2:], turn), expected, atol=1e-7)


@pytest.mark.parametrize("focal", [0.0, -1.0, float("nan"), float("inf")])
def test_a_camera_refuses_an_impossible_focal_length(focal: float) -> None:
    with pytest.raises(SettingsError, match="fx"):
        Camera(fx=focal, fy=1, cx=0, cy=0, width=2, height=2, origin="")


@pytest.mark.parametrize("angle", [0.0, 180.0, float("nan")])
def test_a_camera_refuses_an_impossible_field_of_view(angle: float) -> None:
    with pytest.raises(SettingsError, match="field of view"):
        Camera.from_fov(640, 480, angle)


def test_the_field_of_view_spans_the_longer_side() -> None:
    camera = Camera.from_fov(480, 640, 90.0)
    assert camera.fx == pytest.approx(320.0)
    assert "90 degrees" in camera.origin
