"""Windows whose answered frame is not the last: features, and what training makes of them."""

from __future__ import annotations

import numpy as np
import pytest

from stream3d.geometry import rotate_rays
from stream3d.lift.features import size_of, window_features
from tests.walker import walker
from train.augment import Augmentation
from train.mocap.takes import Take
from train.windows import MotionPool, draw, training_batch

PLAIN = Augmentation(
    bone_sd=0.0,
    noise_sd=0.0,
    bias_sd=0.0,
    outliers=0.0,
    slips=0.0,
    missing=0.0,
    cut_off=0.0,
    beginnings=0.0,
    endings=0.0,
    clean=1.0,
    focal_sd=0.0,
    net_types=(1.0, 0.0, 0.0, 0.0, 0.0),
)


@pytest.fixture(scope="module")
def pool() -> MotionPool:
    return MotionPool.of([Take(points=walker(300, phase=i), fps=60.0, subject=str(i), trial="1") for i in range(3)])


def rays_of(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    rest = rng.normal(0, 0.06, (17, 2)) + np.linspace(-0.1, 0.1, 17)[:, None] * [0, 1]
    drift = np.linspace(0.2, 0.3, 27)[:, None, None] * [1, 0]
    rays = (rest + drift + rng.normal(0, 0.003, (27, 17, 2)))[None].astype(np.float32)
    return rays, np.ones((1, 27, 17), np.float32), np.cumsum(rng.uniform(0.02, 0.05, (1, 27)), -1)


@pytest.mark.parametrize("lookahead", [1, 4, 8])
def test_only_the_path_is_told_from_the_answered_frame(lookahead: int) -> None:
    rays, seen, time = rays_of()
    causal, _ = window_features(rays, seen, time)
    ahead, turn = window_features(rays, seen, time, lookahead)
    np.testing.assert_array_equal(ahead[..., :53], causal[..., :53])
    np.testing.assert_allclose(ahead[0, 26 - lookahead, 53:], 0, atol=1e-5)
    np.testing.assert_allclose(causal[0, 26, 53:], 0, atol=1e-5)
    assert ahead[0, 26, 53] > 0.005  # the walker has gone on to the right by then
    np.testing.assert_array_equal(size_of(ahead, lookahead), size_of(causal))
    points = ahead[0, 26 - lookahead, :51].reshape(17, 3)[:, :2] * size_of(ahead, lookahead)[0]
    back = rotate_rays(points[None], np.swapaxes(turn, 1, 2))[0]
    np.testing.assert_allclose(back, rays[0, 26 - lookahead], atol=1e-5)


def test_who_has_left_leaves_no_trace() -> None:
    rays, seen, time = rays_of()
    seen[:, -3:] = 0
    gone, turn = window_features(rays, seen, time, 4)
    rays[:, -3:], time[:, -3:] = 7.0, 0.0
    np.testing.assert_array_equal(gone, window_features(rays, seen, time, 4)[0])
    assert (gone[0, -3:] == 0).all()
    assert (gone[0, -4, :51] != 0).any()
    assert np.isfinite(turn).all()


def test_targets_are_of_the_answered_frames(pool: MotionPool) -> None:
    """Seen without any error, the answered frame's rays are those of the target's joints, and no other frame's are."""
    batch = training_batch(pool, np.random.default_rng(3), 8, PLAIN, windows=2, lookahead=4)
    assert batch.features.shape == (16, 27, 55)
    size = size_of(batch.features, 4)[:, None, None]

    def off(frame: int) -> np.ndarray:
        rays = batch.features[:, frame, :51].reshape(16, 17, 3)[..., :2] * size
        # The pelvis lies on the axis at a distance that is one for all joints: flat = rays * distance.
        flat = batch.target[..., :2] - rays * batch.target[..., 2:]
        distance = (flat * rays).sum((1, 2)) / (rays**2).sum((1, 2))
        return np.abs(flat - rays * distance[:, None, None]).max((1, 2))

    assert np.median(off(22)) < 2e-3
    assert np.median(off(21)) > 0.01
    assert np.median(off(26)) > 0.01


def test_some_leave_but_never_before_they_are_answered(pool: MotionPool) -> None:
    how = Augmentation(endings=0.5)
    present = draw(pool, np.random.default_rng(0), 400, 29, how, lookahead=4).present
    assert present[:, 22:25].all()
    gone = np.argmax(present[:, ::-1], 1)
    assert set(gone) == {0, 1, 2, 3, 4}
    assert 0.4 < (gone > 0).mean() < 0.6
    assert np.argmax(draw(pool, np.random.default_rng(0), 400, 29, how).present[:, ::-1], 1).max() == 0


def test_the_step_is_that_of_the_answered_frames(pool: MotionPool) -> None:
    rng = [np.random.default_rng(5) for _ in range(2)]
    time = draw(pool, rng[0], 50, 29, PLAIN, lookahead=2).time
    batch = training_batch(pool, rng[1], 50, PLAIN, lookahead=2)
    np.testing.assert_allclose(batch.step, time[:, 26] - time[:, 25], rtol=1e-5)
