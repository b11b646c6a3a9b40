"""Where people stand, and how their joints move towards the rays on which they were seen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream3d.lift.observe import same_places
from stream3d.lift.placement import Sight, standing
from stream3d.skeleton import BLAZEPOSE33, H36M17

ALL = np.ones((1, 17), np.bool_)
SIZE = np.full(1, 0.25, np.float32)
WRIST = H36M17.names.index("left_wrist")


def scene(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Joints [1, 17, 3] relative to the pelvis, and their rays [1, 17, 2] from about 4 m away."""
    joints = np.random.default_rng(seed).uniform(-1, 1, (1, 17, 3)).astype(np.float32)
    placed = joints + np.float32([0.3, -0.2, 4.0])
    return joints, placed[..., :2] / placed[..., 2:]


def moved(seed: int, off_m: float, sigma: float, *, trusted: np.ndarray = ALL, noise_m: float = 0.03) -> np.ndarray:
    """Moves [1, 17, 2] of a scene in which the left wrist is seen ``off_m`` to the right of where it is."""
    joints, rays = scene(seed)
    rays[0, WRIST, 0] += off_m / (joints[0, WRIST, 2] + 4)
    confidence = np.ones((1, 17), np.float32)
    confidence[0, WRIST] = 1e-6  # so that it does not pull the whole body along
    sight = Sight(rays=rays, confidence=confidence, trusted=trusted)
    return standing(joints, np.full((1, 17), sigma, np.float32), sight, SIZE, noise_m)[1]


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_root_is_found_exactly_whatever_the_weights(seed: int) -> None:
    rng = np.random.default_rng(seed)
    joints, rays = scene(seed)
    sight = Sight(rays=rays, confidence=rng.uniform(0.1, 1, (1, 17)).astype(np.float32), trusted=ALL)
    placed, moves = standing(joints, rng.uniform(0.01, 0.2, (1, 17)).astype(np.float32), sight, SIZE, 0.03)
    np.testing.assert_allclose(placed - joints, np.tile(np.float32([0.3, -0.2, 4.0]), (1, 17, 1)), atol=1e-4)
    np.testing.assert_allclose(moves, 0, atol=1e-4)


def test_unseen_joints_do_not_move_the_root() -> None:
    joints, rays = scene(1)
    confidence = np.ones((1, 17), np.float32)
    confidence[0, 5] = 0
    rays[0, 5] = 99.0
    sight = Sight(rays=rays, confidence=confidence, trusted=confidence > 0)
    placed, moves = standing(joints, np.full((1, 17), 0.05, np.float32), sight, SIZE, 0.03)
    np.testing.assert_allclose((placed - joints)[0, 0], [0.3, -0.2, 4.0], atol=1e-4)
    np.testing.assert_array_equal(moves[0, 5], 0)


def test_one_joint_stands_at_the_distance_of_its_size() -> None:
    joints, rays = scene(1)
    confidence = np.zeros((1, 17), np.float32)
    confidence[0, 0] = 1
    sight = Sight(rays=rays, confidence=confidence, trusted=confidence > 0)
    placed, _ = standing(joints, np.full((1, 17), 0.05, np.float32), sight, SIZE, 0.03)
    assert placed[0, 0, 2] - joints[0, 0, 2] == pytest.approx(1 / 0.25)


@settings(deadline=None)
@given(st.integers(0, 99), st.floats(0.001, 0.1), st.floats(0.01, 0.3), st.floats(0.005, 0.1))
def test_a_joint_moves_towards_its_ray_and_never_past_it(seed: int, off_m: float, sigma: float, noise_m: float) -> None:
    move = moved(seed, off_m, sigma, noise_m=noise_m)[0]
    assert 0 < move[WRIST, 0] <= off_m * 1.001
    np.testing.assert_allclose(np.delete(move[:, 0], WRIST), 0, atol=1e-4)
    np.testing.assert_allclose(move[:, 1], 0, atol=1e-4)


def test_a_sure_net_stays_and_a_doubtful_one_goes() -> None:
    assert moved(0, 0.05, 0.005)[0, WRIST, 0] < 0.001
    assert moved(0, 0.05, 0.5)[0, WRIST, 0] > 0.04


def test_a_keypoint_gone_wrong_moves_little() -> None:
    assert moved(0, 1.5, 0.08)[0, WRIST, 0] < 0.05


def test_only_trusted_joints_move() -> None:
    trusted = same_places(BLAZEPOSE33)
    assert {name for name, yes in zip(H36M17.names, trusted, strict=True) if not yes} == {
        "spine",
        "thorax",
        "nose",
        "head_top",
    }
    assert moved(0, 0.05, 0.1, trusted=trusted[None])[0, WRIST, 0] > 0
    without = ALL.copy()
    without[0, WRIST] = False
    assert (moved(0, 0.05, 0.1, trusted=without)[0, WRIST] == 0).all()
