"""Reading heat maps: the place of a bell, how wide it is, and what is left alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream3d.errors import ShapeError
from stream3d.kernels.heatmap import refine

CELLS = 64


def heat_of(x: float, y: float, covariance: np.ndarray, peak: float = 0.9) -> np.ndarray:
    """Logits [1, 64, 64, 1] of a bell round x, y in cells."""
    rows, cols = np.mgrid[:CELLS, :CELLS]
    away = np.stack([cols - x, rows - y], -1)
    square = np.einsum("...i,ij,...j", away, np.linalg.inv(covariance), away)
    value = np.clip(peak * np.exp(-square / 2), 1e-9, 1 - 1e-9)
    return np.log(value / (1 - value)).astype(np.float32)[None, ..., None]


def at(x: float, y: float) -> np.ndarray:
    return np.array([[[x, y]]], np.float32) / CELLS


@settings(deadline=None)  # the first call compiles
@given(x=st.floats(20, 40), y=st.floats(20, 40), dx=st.floats(-1, 1), dy=st.floats(-1, 1))
def test_a_bell_is_found_to_a_small_part_of_a_cell(x: float, y: float, dx: float, dy: float) -> None:
    said = refine(at(x + dx, y + dy), heat_of(x, y, np.eye(2)))
    np.testing.assert_allclose(said.points[0, 0] * CELLS, [x, y], atol=0.05)
    np.testing.assert_allclose(said.spread[0, 0] * CELLS**2, 0, atol=0.05)
    assert 0.6 < said.peak[0, 0] <= 0.9001


@settings(deadline=None)
@given(wide=st.floats(1.0, 1.6), narrow=st.floats(1.0, 1.3), turn=st.floats(0, np.pi))
def test_spread_is_the_covariance_beyond_the_bells_own(wide: float, narrow: float, turn: float) -> None:
    axes = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    covariance = axes @ np.diag([wide**2, narrow**2]) @ axes.T
    xx, xy, yy = refine(at(30, 33), heat_of(30.0, 33.0, covariance)).spread[0, 0] * CELLS**2
    np.testing.assert_allclose([[xx + 1, xy], [xy, yy + 1]], covariance, atol=0.12 * wide**2)


def test_faint_heat_moves_nothing_but_is_told() -> None:
    points = at(31.4, 30.2)
    said = refine(points, heat_of(30, 30, np.eye(2), peak=0.4))
    np.testing.assert_equal(said.points, points)
    assert said.peak[0, 0] == pytest.approx(0.4, abs=0.01)


def test_outside_the_crop_there_is_no_heat() -> None:
    points = at(-3, 70)
    said = refine(points, heat_of(30, 30, np.eye(2)))
    np.testing.assert_equal(said.points, points)
    assert said.peak[0, 0] == 0
    assert np.isnan(said.spread).all()


def test_arrays_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ShapeError, match="do not fit"):
        refine(np.zeros((1, 2, 2), np.float32), np.zeros((1, 64, 64, 3), np.float32))
