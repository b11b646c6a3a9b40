"""The lifter net: its input, its shapes, its weights file, its export."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stream3d.engine import EngineSettings, make_engine
from stream3d.errors import ModelError, ModelMissingError
from stream3d.geometry import centring_rotation, rotate_rays
from stream3d.lift.features import apparent_size, root_rays, size_of, window_features
from stream3d.nets import lifter as net_module
from stream3d.nets.lifter import lifter_spec
from stream3d.nets.lifter_torch import Lifter, LifterShape, load_lifter, save_lifter
from stream3d.skeleton import H36M17

SMALL = LifterShape(channels=16, width=32, blocks=1)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    torch.manual_seed(3)
    save_lifter(Lifter(SMALL), tmp_path / "small.safetensors", {"note": "test"})
    return tmp_path / "small.safetensors"


def body(seed: int = 0, frames: int = 27) -> np.ndarray:
    """Rays [1, T, 17, 2] of somebody upright who drifts and wobbles."""
    rng = np.random.default_rng(seed)
    rest = rng.normal(0, 0.06, (17, 2)) + np.linspace(-0.1, 0.1, 17)[:, None] * [0, 1]
    drift = np.linspace(0, 0.05, frames)[:, None, None] * [1, 0]
    return (rest + drift + rng.normal(0, 0.003, (frames, 17, 2)))[None].astype(np.float32)


TIME = np.arange(27)[None] / 30


def test_the_answer_is_relative_to_the_pelvis_and_sigma_is_bounded() -> None:
    joints, log_sigma = Lifter(SMALL)(torch.randn(5, 27, 55) * 5)
    assert joints.shape == (5, 17, 3)
    assert log_sigma.shape == (5, 17)
    assert (joints[:, 0] == 0).all()
    assert ((log_sigma >= -6) & (log_sigma <= 1)).all()


def test_rows_of_a_batch_do_not_touch_each_other() -> None:
    net, x = Lifter(SMALL).eval(), torch.randn(4, 27, 55)
    together = net(x)[0]
    alone = torch.cat([net(x[i : i + 1])[0] for i in range(4)])
    torch.testing.assert_close(together, alone)


def test_every_frame_of_the_window_counts() -> None:
    x = torch.randn(1, 27, 55, requires_grad=True)
    Lifter(SMALL)(x)[0].square().sum().backward()
    assert (x.grad.abs().sum(-1) > 0).all()


def test_weights_survive_the_file_but_for_half_precision(weights: Path) -> None:
    torch.manual_seed(3)
    original, loaded = Lifter(SMALL).eval(), load_lifter(weights)
    assert loaded.shape == SMALL
    x = torch.randn(2, 27, 55)
    torch.testing.assert_close(loaded(x)[0], original(x)[0], atol=5e-3, rtol=5e-3)


def test_the_spec_is_keyed_by_the_weights(weights: Path, tmp_path: Path) -> None:
    spec = lifter_spec(weights)
    assert spec.inputs[0].shape == (27, 55)
    assert spec.weights_hash == lifter_spec(weights).weights_hash
    other = tmp_path / "other.safetensors"
    save_lifter(Lifter(SMALL), other, {})
    assert lifter_spec(other).weights_hash != spec.weights_hash


def test_missing_and_foreign_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelMissingError, match="nowhere"):
        lifter_spec(tmp_path / "nowhere.safetensors")
    (tmp_path / "text.safetensors").write_text("hello")
    with pytest.raises(ModelError, match="holds no lifter"):
        load_lifter(tmp_path / "text.safetensors")


def test_openvino_answers_as_torch_does(weights: Path) -> None:
    x = np.random.default_rng(1).normal(size=(3, 27, 55)).astype(np.float32)
    # In the size that ships: OpenVINO 2026.4 crashes on some narrower ones.
    save_lifter(Lifter(), weights, {})
    out = [make_engine(lifter_spec(weights), EngineSettings(engine=name))(features=x) for name in ("torch", "openvino")]
    for name in ("joints", "log_sigma"):
        np.testing.assert_allclose(out[0][name], out[1][name], atol=2e-4)


def test_the_shipped_lifter_is_small_and_says_how_it_was_made() -> None:
    from safetensors import safe_open

    assert net_module.WEIGHTS.stat().st_size < 8 << 20
    with safe_open(net_module.WEIGHTS, framework="pt") as file:
        assert {"shape", "recipe", "steps"} <= set(file.metadata())
    joints, log_sigma = load_lifter()(torch.zeros(1, 27, 55))
    assert torch.isfinite(joints).all()
    assert torch.isfinite(log_sigma).all()


def test_where_a_person_stands_in_the_picture_changes_nothing() -> None:
    rays = body()
    seen = np.ones((1, 27, 17), np.float32)
    turn = centring_rotation(np.array([[-0.5, 0.3]], np.float32))[:, None]
    elsewhere = rotate_rays(rays, np.broadcast_to(turn, (1, 27, 3, 3))).astype(np.float32)
    here, there = (window_features(r, seen, TIME)[0] for r in (rays, elsewhere))
    # The two virtual cameras differ by a roll about the viewing axis, which keeps distances from the root.
    points_here, points_there = (f[0, -1, :51].reshape(17, 3)[:, :2] for f in (here, there))
    np.testing.assert_allclose(np.linalg.norm(points_here, axis=-1), np.linalg.norm(points_there, axis=-1), atol=5e-3)


def test_apparent_size_halves_with_distance_and_bears_missing_legs() -> None:
    rays, seen = body(), np.ones((1, 27, 17), bool)
    near, far = apparent_size(rays, seen), apparent_size(rays / 2, seen)
    np.testing.assert_allclose(far, near / 2, rtol=1e-5)
    assert apparent_size(rays, np.zeros_like(seen))[0] > 0
    features_near, _ = window_features(rays, seen.astype(np.float32), TIME)
    np.testing.assert_allclose(size_of(features_near), near, rtol=0.05)


def test_frames_before_a_person_came_are_all_zero() -> None:
    seen = np.ones((1, 27, 17), np.float32)
    seen[:, :20] = 0
    out, _ = window_features(body(), seen, TIME)
    assert (out[0, :20] == 0).all()
    step = out[0, 20:, 51]
    assert step[0] == 0
    np.testing.assert_allclose(step[1:], 10 / 30, rtol=1e-5)


def test_nan_rays_count_as_unseen() -> None:
    rays, seen = body(), np.ones((1, 27, 17), np.float32)
    broken, without = rays.copy(), seen.copy()
    broken[0, :, 4] = np.nan
    without[0, :, 4] = 0
    np.testing.assert_array_equal(window_features(broken, seen, TIME)[0], window_features(rays, without, TIME)[0])


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_features_are_finite_and_bounded_whatever_is_seen(seed: int, hidden: float) -> None:
    rng = np.random.default_rng(seed)
    rays = rng.normal(0, 3, (2, 27, 17, 2)).astype(np.float32)
    seen = (rng.random((2, 27, 17)) > hidden).astype(np.float32)
    out, turn = window_features(rays, seen, np.cumsum(rng.random((2, 27)), -1))
    assert np.isfinite(out).all()
    assert np.abs(out).max() <= 5
    np.testing.assert_allclose(turn @ np.swapaxes(turn, 1, 2), np.tile(np.eye(3), (2, 1, 1)), atol=1e-5)


def joint(name: str) -> int:
    return H36M17.names.index(name)


def test_the_root_is_found_with_less_and_less_of_the_body() -> None:
    rays = np.random.default_rng(2).normal(0, 0.1, (17, 2)).astype(np.float32)
    seen = np.ones(17, bool)
    hips = (rays[joint("left_hip")] + rays[joint("right_hip")]) / 2
    np.testing.assert_allclose(root_rays(rays, seen), hips, atol=1e-6)
    seen[joint("left_hip")] = False
    np.testing.assert_allclose(root_rays(rays, seen), rays[joint("pelvis")])
    seen[joint("pelvis")] = False
    np.testing.assert_allclose(root_rays(rays, seen), rays[joint("right_hip")])
    seen[joint("right_hip")] = False
    shoulders = rays[[joint("thorax"), joint("left_shoulder"), joint("right_shoulder")]].mean(0)
    guess = root_rays(rays, seen)
    assert guess[0] == pytest.approx(shoulders[0], abs=1e-6)
    assert guess[1] > shoulders[1]
    only = np.zeros(17, bool)
    only[joint("left_wrist")] = True
    np.testing.assert_allclose(root_rays(rays, only), rays[joint("left_wrist")])
    np.testing.assert_array_equal(root_rays(rays, np.zeros(17, bool)), [0, 0])
