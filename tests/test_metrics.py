"""Errors of 3D poses, by their properties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from train import metrics


def pose(seed: int, *lead: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(*lead, 17, 3))


def rotation(seed: int) -> np.ndarray:
    q, r = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    q = q * np.sign(np.diag(r))
    return q if np.linalg.det(q) > 0 else -q


@given(st.integers(0, 2**32 - 1), st.floats(0.1, 10))
def test_procrustes_undoes_any_similarity(seed: int, scale: float) -> None:
    truth = pose(seed, 4)
    moved = scale * truth @ rotation(seed).T + np.array([1.0, -2.0, 3.0])
    np.testing.assert_allclose(metrics.pa_mpjpe(moved, truth), 0, atol=1e-9)


@given(st.integers(0, 2**32 - 1))
def test_procrustes_is_the_best_similarity(seed: int) -> None:
    truth, other = pose(seed, 1), pose(seed + 1, 1)
    aligned = metrics.procrustes(other, truth)
    best = np.square(aligned - truth).sum()
    for wiggle in range(5):
        turned = (aligned - aligned.mean(-2)) @ rotation(wiggle).T * 0.97 + aligned.mean(-2)
        assert np.square(turned - truth).sum() >= best - 1e-9


def test_procrustes_never_mirrors() -> None:
    truth = pose(0, 1)
    assert metrics.pa_mpjpe(truth * np.array([-1, 1, 1]), truth)[0] > 0.1


@given(st.integers(0, 2**32 - 1), st.floats(0.1, 10))
def test_n_mpjpe_undoes_scale_but_not_rotation(seed: int, scale: float) -> None:
    truth = pose(seed, 3)
    np.testing.assert_allclose(metrics.n_mpjpe(scale * truth, truth), 0, atol=1e-9)
    assert (metrics.n_mpjpe(truth[..., [1, 2, 0]], truth) > 0.01).all()


def test_mpjpe_is_the_mean_distance() -> None:
    truth = np.zeros((2, 17, 3))
    off = truth.copy()
    off[1, :, 0] = 3.0
    off[1, :, 1] = 4.0
    np.testing.assert_allclose(metrics.mpjpe(off, truth), [0.0, 5.0])


def test_acceleration_error_ignores_offset_and_speed() -> None:
    truth = pose(1, 10)
    steady = truth + np.arange(10)[:, None, None] * 0.3 + 2.0
    np.testing.assert_allclose(metrics.acceleration_error(steady, truth), 0, atol=1e-12)
    bumped = truth.copy()
    bumped[5] += np.array([0.0, 0.0, 1.0])
    np.testing.assert_allclose(metrics.acceleration_error(bumped, truth)[3:6], [1.0, 2.0, 1.0])


def test_asymmetry_is_relative() -> None:
    poses = np.zeros((1, 4, 3))
    poses[0, 1, 0], poses[0, 3, 0] = 1.1, 0.9
    assert metrics.asymmetry(poses, [(0, 1)], [(2, 3)])[0] == pytest.approx(0.2)


def test_pck_counts_what_is_below_each_threshold() -> None:
    np.testing.assert_allclose(
        metrics.pck(np.array([[10.0, 150.0], [149.0, 400.0]]), np.array([0, 150, 151])), [0, 0.5, 0.75]
    )


def test_bones_vary_only_when_their_lengths_do() -> None:
    poses = pose(0, 1).repeat(20, 0)
    poses = poses @ np.stack([rotation(seed) for seed in range(20)])
    np.testing.assert_allclose(metrics.bone_variation(poses, [(0, 1), (3, 4)]), 0, atol=1e-9)
    poses[::2, 1] = poses[::2, 0] + 3 * (poses[::2, 1] - poses[::2, 0])
    np.testing.assert_allclose(metrics.bone_variation(poses, [(0, 1), (3, 4)]), [0.5, 0], atol=1e-9)


@given(st.floats(-3.0, 3.0), st.integers(0, 100))
def test_a_lag_is_found_between_frames_too(lag: float, seed: int) -> None:
    phase = np.random.default_rng(seed).uniform(0, 6, (17, 3))
    time = np.arange(200)[:, None, None]
    truth, late = (np.sin(0.2 * (time - shift) + phase) for shift in (0.0, lag))
    found = metrics.best_lag(metrics.velocity_gaps(late, truth, 6).sum(-1))
    assert found == pytest.approx(lag, abs=0.02)


def test_lag_is_not_moved_by_noise_or_damping() -> None:
    rng = np.random.default_rng(0)
    time = np.arange(2000)[:, None, None]
    phase = rng.uniform(0, 6, (17, 3))
    truth, late = (np.sin(0.2 * (time - shift) + phase) for shift in (0.0, 1.5))
    noisy = 0.7 * late + rng.normal(0, 0.05, late.shape)
    assert metrics.best_lag(metrics.velocity_gaps(noisy, truth, 6).sum(-1)) == pytest.approx(1.5, abs=0.1)


def test_where_nothing_moves_there_is_no_lag() -> None:
    still = np.zeros((50, 17, 3))
    assert metrics.best_lag(metrics.velocity_gaps(still, still, 6).sum(-1)) is None
    assert metrics.best_lag(metrics.velocity_gaps(pose(0, 8), pose(1, 8), 6).sum(-1)) is None


def test_within_measures_against_each_sigma() -> None:
    errors, sigma = np.array([1.0, -1.0, 3.0]), np.array([2.0, 0.9, 2.0])
    np.testing.assert_allclose(metrics.within(errors, sigma, np.array([1.0, 1.96])), [1 / 3, 1])
