"""Moving joints towards the rays on which they were seen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream3d.lift.lifter import same_places
from stream3d.lift.placement import steadied, towards_rays
from stream3d.skeleton import BLAZEPOSE33, H36M17

ALL = np.ones((1, 17), np.bool_)


def scene(seed: int, off_m: float) -> tuple[np.ndarray, np.ndarray]:
    """Joints [1, 17, 3] about 4 m away, and the rays [1, 17, 2] of places ``off_m`` beside them in x."""
    joints = np.random.default_rng(seed).uniform((-1, -1, 3.5), (1, 1, 4.5), (1, 17, 3)).astype(np.float32)
    beside = joints + np.float32([off_m, 0, 0])
    return joints, beside[..., :2] / beside[..., 2:]


@given(st.integers(0, 99), st.floats(0.001, 0.1), st.floats(0.01, 0.3), st.floats(0.005, 0.1))
def test_a_joint_moves_towards_its_ray_and_never_past_it(seed: int, off_m: float, sigma: float, noise_m: float) -> None:
    joints, rays = scene(seed, off_m)
    move = towards_rays(joints, rays, np.full((1, 17), sigma, np.float32), ALL, noise_m)
    assert (move[..., 0] > 0).all()
    assert (move[..., 0] <= off_m * 1.001).all()
    np.testing.assert_allclose(move[..., 1], 0, atol=1e-5)


def test_a_sure_net_stays_and_a_doubtful_one_goes() -> None:
    joints, rays = scene(0, 0.05)
    sure = towards_rays(joints, rays, np.full((1, 17), 0.005, np.float32), ALL, 0.03)
    doubtful = towards_rays(joints, rays, np.full((1, 17), 0.5, np.float32), ALL, 0.03)
    assert sure[..., 0].max() < 0.001
    assert doubtful[..., 0].min() > 0.04


def test_a_keypoint_gone_wrong_moves_little() -> None:
    joints, rays = scene(0, 1.5)
    move = towards_rays(joints, rays, np.full((1, 17), 0.08, np.float32), ALL, 0.03)
    assert move[..., 0].max() < 0.05


def test_only_trusted_joints_move() -> None:
    joints, rays = scene(0, 0.05)
    trusted = same_places(BLAZEPOSE33)[None]
    moved = np.abs(towards_rays(joints, rays, np.full((1, 17), 0.1, np.float32), trusted, 0.03)).sum(-1) > 0
    names = {name for name, yes in zip(H36M17.names, moved[0], strict=True) if not yes}
    assert names == {"spine", "thorax", "nose", "head_top"}


@given(st.floats(0.005, 0.2), st.integers(2, 30))
def test_steadying_depends_on_time_alone(step_s: float, parts: int) -> None:
    """One long step towards a constant is as many short ones; no time is no step."""
    before, now = np.float32([0.1, -0.2]), np.float32([0.5, 0.3])
    long, short = steadied(before, now, step_s), before
    for _ in range(parts):
        short = steadied(short, now, step_s / parts)
    np.testing.assert_allclose(long, short, atol=1e-5)
    np.testing.assert_array_equal(steadied(before, now, 0.0), before)


def test_noise_is_cut_and_a_lasting_gap_is_closed() -> None:
    rng = np.random.default_rng(0)
    seen = 0.1 + 0.05 * rng.standard_normal((300, 1)).astype(np.float32)
    out = [seen[0]]
    for value in seen[1:]:
        out.append(steadied(out[-1], value, 1 / 30))
    late = np.array(out[100:])
    assert late.mean() == pytest.approx(0.1, abs=0.01)
    assert late.std() < 0.4 * seen.std()
