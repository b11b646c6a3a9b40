"""The kernels of belief, against what they compute written out with whole arrays."""

from __future__ import annotations

import numpy as np

from stream3d.kernels.believed import better_half, hide
from stream3d.pose2d.belief import Belief, covariances, features

RNG = np.random.default_rng(5)
PEOPLE, JOINTS = 3, 7


def some_heat() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    visibility, peak = RNG.uniform(0, 1, (2, PEOPLE, JOINTS)).astype(np.float32)
    visibility[0, 0], peak[0, 1] = 0.0, 1.0
    spread = RNG.uniform(0, 0.01, (PEOPLE, JOINTS, 3)).astype(np.float32)
    spread[1, 2], spread[2, 3] = np.nan, 0.0
    return visibility, peak, spread


def test_scores_are_the_logistic_of_weighed_features() -> None:
    visibility, peak, spread = some_heat()
    weights = RNG.normal(0, 1, (JOINTS, 4)).astype(np.float32)
    wanted = 1 / (1 + np.exp(-(features(visibility, peak, spread) * weights).sum(-1)))
    np.testing.assert_allclose(Belief(weights=weights, doubt=1.0).scores(visibility, peak, spread), wanted, atol=1e-6)


def test_covariances_are_turned_and_scaled() -> None:
    _, _, spread = some_heat()
    regions = RNG.uniform(-3, 3, (PEOPLE, 4)).astype(np.float32)
    cos, sin = np.cos(regions[:, 3]), np.sin(regions[:, 3])
    turn = np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], -2)[:, None]
    full = spread[..., [0, 1, 1, 2]].reshape(PEOPLE, JOINTS, 2, 2)
    wanted = 2.5 * regions[:, 2, None, None, None] ** 2 * (turn @ full @ turn.swapaxes(-1, -2))
    got = covariances(spread, regions, 2.5)
    np.testing.assert_allclose(got, wanted.reshape(PEOPLE, JOINTS, 4)[..., [0, 1, 3]], rtol=1e-4, atol=1e-6)
    assert np.isnan(got[1, 2]).all()


def test_the_better_half_of_the_telling_joints_counts() -> None:
    keypoints = RNG.uniform(0, 1, (PEOPLE, JOINTS, 3)).astype(np.float32)
    telling, presence = np.array([0, 2, 3, 5, 6]), np.full(PEOPLE, 0.5, np.float32)
    wanted = 0.5 * np.sort(keypoints[:, telling, 2], axis=1)[:, 2:].mean(1)
    better_half(keypoints, telling, presence)
    np.testing.assert_allclose(presence, wanted, rtol=1e-6)


def test_what_is_hardly_believed_is_hidden() -> None:
    keypoints = np.array([[[1, 2, 0.05], [3, 4, 0.2]]], np.float32)
    hide(keypoints, 0.1)
    assert np.isnan(keypoints[0, 0, :2]).all()
    assert keypoints[0, 0, 2] == 0
    np.testing.assert_allclose(keypoints[0, 1], [3, 4, 0.2])
