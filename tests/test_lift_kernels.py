"""The kernels of the lift room against plain double precision; fast, and compiled once."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream3d.kernels import standing as standing_kernel
from stream3d.kernels import windows as windows_kernel
from stream3d.lift.features import apparent_size, root_rays, window_features
from stream3d.lift.placement import Sight, standing
from tests import reference_lift as reference
from tests.walker import walker

SEEDS = st.integers(0, 2**32 - 1)


def window(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rays [2, 27, 17, 2], confidences and times of two bodies of which more or less is seen."""
    rng = np.random.default_rng(seed)
    rest = rng.normal(0, 0.1, (2, 1, 17, 2)) + rng.normal(0, 0.3, (2, 1, 1, 2))
    rays = (rest + rng.normal(0, 0.02, (2, 27, 17, 2))).astype(np.float32)
    confidence = (rng.random((2, 27, 17)) * (rng.random((2, 27, 17)) > rng.random())).astype(np.float32)
    confidence[:, : rng.integers(0, 26)] = 0
    rays[rng.random(rays.shape) < 0.02] = np.nan
    return rays, confidence, np.cumsum(rng.random((2, 27)) * 0.1, -1)


@settings(deadline=None)
@given(SEEDS, st.sampled_from([0, 1, 4]))
def test_features_are_those_of_the_definition(seed: int, lookahead: int) -> None:
    rays, confidence, at = window(seed)
    got, turn = window_features(rays, confidence, at, lookahead)
    for row in range(2):
        expected, expected_turn = reference.features_of(rays[row], confidence[row], at[row], lookahead)
        np.testing.assert_allclose(got[row], expected, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(turn[row], expected_turn, atol=1e-6)


@settings(deadline=None)
@given(SEEDS)
def test_roots_and_sizes_are_those_of_the_definition(seed: int) -> None:
    rays, confidence, _ = window(seed)
    seen = (confidence > 0) & np.isfinite(rays).all(-1)
    sizes, roots = apparent_size(rays, seen), root_rays(rays, seen)
    for row in range(2):
        assert sizes[row] == pytest.approx(reference.size_of(rays[row].astype(np.float64), seen[row]), rel=1e-5)
        for t in range(27):
            expected = reference.root_of(rays[row, t].astype(np.float64), seen[row, t])
            np.testing.assert_allclose(roots[row, t], expected, atol=1e-6)


@settings(deadline=None)
@given(SEEDS)
def test_people_stand_where_the_definition_says(seed: int) -> None:
    rng = np.random.default_rng(seed)
    body = walker(60)[rng.integers(0, 60, 3), :17][..., [0, 2, 1]] * [1, -1, 1] + rng.normal(0, 0.05, (3, 17, 3))
    joints = (body - body[:, :1]).astype(np.float32)
    placed = joints + np.stack([rng.normal(0, 1, 3), rng.normal(0, 0.5, 3), rng.uniform(2, 8, 3)], -1)[:, None]
    rays = (placed[..., :2] / placed[..., 2:] + rng.normal(0, 0.01, (3, 17, 2))).astype(np.float32)
    rays[rng.random((3, 17)) < 0.05] += 0.4
    confidence = (rng.random((3, 17)) * (rng.random((3, 17)) > 0.3)).astype(np.float32)
    confidence[0, 3:] *= rng.random() < 0.8
    sigma, size = rng.uniform(0.01, 0.1, (3, 17)).astype(np.float32), np.full(3, 0.2, np.float32)
    got = standing(joints, sigma, Sight(rays=rays, confidence=confidence, trusted=confidence > 0), size, 0.03)
    for row in range(3):
        given_row = joints[row], sigma[row], rays[row], confidence[row]
        expected = reference.standing(*given_row, float(size[row]), 0.03)
        np.testing.assert_allclose(got[0][row], expected[0], atol=1e-5, rtol=1e-6)
        np.testing.assert_allclose(got[1][row], expected[1], atol=1e-5)


def test_a_kernel_is_compiled_for_one_kind_of_array_alone() -> None:
    """Read-only, strided and wider arrays are made plain first: a second compilation would stall a stream."""
    rays, confidence, at = window(0)
    frozen = rays[:, :, :, ::-1].copy()[:, :, :, ::-1]
    frozen.flags.writeable = False
    for given_rays in (rays, frozen, rays.astype(np.float64), np.asfortranarray(rays)):
        out = window_features(given_rays, confidence.astype(np.float64), at.astype(np.float32))
        np.testing.assert_allclose(out[0], window_features(rays, confidence, at)[0], atol=1e-4)
    people = np.zeros((1, 17, 3))
    sight = Sight(rays=np.zeros((1, 17, 2)), confidence=np.ones((1, 17)), trusted=np.ones((1, 17), bool))
    standing(people, np.broadcast_to(np.float32(0.1), (1, 17)), sight, np.ones(1), 0.1)
    assert len(windows_kernel.features.signatures) == len(standing_kernel.stand.signatures) == 1


def test_one_person_costs_microseconds() -> None:
    """Either kernel, with all that leads to it; an interpreter's loop over 27 frames would take milliseconds."""
    rays, confidence, at = (array[:1] for array in window(0))
    sight = Sight(rays=rays[:, -1], confidence=confidence[:, -1], trusted=confidence[:, -1] > 0)
    joints, sigma, size = np.ones((1, 17, 3), np.float32), np.ones((1, 17), np.float32), np.ones(1, np.float32)

    def fastest(call: object) -> float:
        took = []
        for _ in range(200):
            began = time.perf_counter()
            call()  # type: ignore[operator]
            took.append(time.perf_counter() - began)
        return min(took)

    assert fastest(lambda: window_features(rays, confidence, at)) < 200e-6
    assert fastest(lambda: standing(joints, sigma, sight, size, 0.03)) < 200e-6
