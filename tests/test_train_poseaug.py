"""Poses that nobody struck: sampled ones keep bones and limits, the augmentor keeps stature and symmetry."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from stream3d.nets.lifter_torch import LifterShape
from stream3d.skeleton import H36M17
from tests.walker import walker
from train import limbs, losses
from train.augment import Augmentation, stature
from train.augmentor import NOISE, Augmentor, assembled, rotated
from train.critics import LEFT_BONES, RIGHT_BONES
from train.evaluation.limits import violations
from train.harness import Trainer, finish, run
from train.mocap.takes import Take
from train.netfile import load_nets
from train.poseaug import Augmented, Recipe, few
from train.windows import MotionPool, bodies

J = H36M17.names.index
SMALL = Recipe(
    steps=6, poses=12, begin=2, critic_width=16, shape=LifterShape(kind="mlp", width=32, blocks=1), warm_up=10
)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def pool() -> MotionPool:
    return MotionPool.of([Take(points=walker(300), fps=60.0, subject="9", trial="1")])


def people() -> np.ndarray:
    return np.stack([walker(8, phase=phase) for phase in np.linspace(0, 40, 30)])


def lengths(points: np.ndarray) -> np.ndarray:
    return np.stack([np.linalg.norm(points[..., c, :] - points[..., p, :], axis=-1) for p, c in H36M17.bones], -1)


def test_turned_limbs_keep_their_lengths_and_their_limits() -> None:
    points = people()
    out = limbs.swung(points, np.random.default_rng(0), 20.0)
    np.testing.assert_allclose(lengths(out), lengths(points), atol=1e-5)
    assert (limbs.broken(out) <= limbs.broken(points)).all()
    assert violations(out[:, :, :17]).mean() < 0.01
    moved = np.linalg.norm(out - points, axis=-1)
    assert (moved[:, :, J("left_wrist")] > 0.05).any(1).mean() > 0.5
    assert moved[:, :, J("thorax")].max() == 0


def test_who_sits_down_bends_hips_and_knees_and_keeps_his_bones() -> None:
    points = people()
    out = limbs.seated(points, np.random.default_rng(0), 1.0)
    changed = np.abs(out - points).max((1, 2, 3)) > 1e-3
    assert changed.mean() > 0.3
    np.testing.assert_allclose(lengths(out), lengths(points), atol=1e-5)
    assert (limbs.broken(out) <= limbs.broken(points)).all()
    legs = [J(f"{side}_{joint}") for side in ("left", "right") for joint in ("knee", "ankle")]
    rest = [joint for joint in range(points.shape[2]) if joint not in legs]
    np.testing.assert_array_equal(out[:, :, rest], points[:, :, rest])
    assert (out - points)[changed][:, :, [J("left_knee"), J("right_knee")], 2].mean() > 0.1
    np.testing.assert_array_equal(limbs.seated(points, np.random.default_rng(0), 0.0), points)


def test_who_bows_brings_the_head_forward_and_down_over_the_same_legs() -> None:
    points = people()
    out = limbs.bowed(points, np.random.default_rng(0), 1.0)
    changed = np.abs(out - points).max((1, 2, 3)) > 0.05
    assert changed.mean() > 0.3
    np.testing.assert_allclose(lengths(out), lengths(points), atol=1e-5)
    legs = [J(f"{side}_{joint}") for side in ("left", "right") for joint in ("hip", "knee", "ankle")]
    np.testing.assert_array_equal(out[:, :, legs], points[:, :, legs])
    across = points[:, :, J("right_hip")] - points[:, :, J("left_hip")]
    forward = np.stack([-across[..., 1], across[..., 0], 0 * across[..., 0]], -1)
    moved = (out - points)[:, :, J("head_top")]
    assert ((moved * forward).sum(-1)[changed] > 0).all()
    assert (moved[changed][..., 2] < 0).all()


def test_whoever_lies_down_keeps_the_pose() -> None:
    points = people()
    out = limbs.tilted(points, np.random.default_rng(0), 1.0)
    between = [np.linalg.norm(p[:, :, :, None] - p[:, :, None], axis=-1) for p in (points, out)]
    np.testing.assert_allclose(*between, atol=1e-5)
    np.testing.assert_allclose(out[:, -1, 0], points[:, -1, 0], atol=1e-6)
    up = (out[:, -1, J("thorax")] - out[:, -1, 0])[:, 2]
    assert (up < 0.3).any()
    assert (up > 0.4).any()


def test_a_trunk_on_other_legs_faces_where_they_do() -> None:
    points = people()
    out = limbs.crossed(points, np.random.default_rng(1), 1.0)
    changed = np.abs(out - points).max((1, 2, 3)) > 1e-3
    assert changed.mean() > 0.3
    legs = [J(f"{side}_{joint}") for side in ("left", "right") for joint in ("hip", "knee", "ankle")]
    np.testing.assert_array_equal(out[:, :, legs], points[:, :, legs])
    across = out[:, :, J("right_shoulder")] - out[:, :, J("left_shoulder")]
    hips = out[:, :, J("right_hip")] - out[:, :, J("left_hip")]
    turn = (across * hips).sum(-1) / np.linalg.norm(across, axis=-1) / np.linalg.norm(hips, axis=-1)
    assert turn.min() > 0.9
    np.testing.assert_array_equal(limbs.crossed(points, np.random.default_rng(1), 0.0), points)


def test_people_who_lie_on_their_side_are_left_as_they_are() -> None:
    lying = np.stack([walker(8, phase=phase) for phase in (0.0, 1.0, 2.0, 3.0)])[..., [2, 1, 0]]
    np.testing.assert_array_equal(limbs.crossed(lying, np.random.default_rng(0), 1.0), lying)


def test_rotations_are_rotations() -> None:
    vectors = np.random.default_rng(0).normal(size=(20, 3))
    turns = limbs.rotations(vectors)
    np.testing.assert_allclose(turns @ np.swapaxes(turns, 1, 2), np.broadcast_to(np.eye(3), (20, 3, 3)), atol=1e-12)
    np.testing.assert_allclose(np.trace(turns, axis1=1, axis2=2), 1 + 2 * np.cos(np.linalg.norm(vectors, axis=1)))
    points = torch.randn(20, 3, dtype=torch.float64)
    by_torch = rotated(points, torch.from_numpy(vectors)).numpy()
    np.testing.assert_allclose(by_torch, (turns @ points.numpy()[..., None])[..., 0], atol=1e-9)


def test_sampled_poses_are_off_unless_asked_for() -> None:
    points = people()
    how = Augmentation(bone_sd=0)
    same = bodies(points, np.random.default_rng(0), how)
    np.testing.assert_allclose(same * stature(points)[:, None, None, None] / 1.7, points, atol=1e-5)
    for change in ({"crossed": 1.0}, {"limb_sd_deg": 20.0}, {"seated": 1.0}, {"bowed": 1.0}, {"tilted": 1.0}):
        other = bodies(points, np.random.default_rng(0), replace(how, **change))
        assert np.abs(other - same).max() > 0.05


def test_the_augmentor_keeps_stature_and_symmetry() -> None:
    torch.manual_seed(0)
    poses = torch.from_numpy(people()[:, 0, :17][..., [0, 2, 1]] * np.array([1, -1, 1], np.float32))
    poses = poses - poses[:, :1]
    net = Augmentor()
    torch.nn.init.normal_(net.stretch.weight, std=1.0)
    made, depth = net(poses, torch.randn(30, NOISE), torch.full((30,), 4.0))
    assert (made - poses).abs().max() > 0.1
    assert losses.symmetry(made, LEFT_BONES, RIGHT_BONES) < 1.3 * losses.symmetry(poses, LEFT_BONES, RIGHT_BONES)
    chain = [(p, c) for p, c in H36M17.bones if H36M17.names[c] in ("spine", "thorax", "nose", "head_top")]
    chain += [(J("left_hip"), J("left_knee")), (J("left_knee"), J("left_ankle"))]
    tall = [sum(torch.linalg.vector_norm(p[:, c] - p[:, a], dim=-1) for a, c in chain) for p in (poses, made)]
    torch.testing.assert_close(*tall)
    assert ((depth > 2) & (depth < 7)).all()


def test_bones_assemble_to_the_pose_they_came_from() -> None:
    poses = torch.randn(4, 17, 3)
    poses = poses - poses[:, :1]
    raw = torch.stack([poses[:, c] - poses[:, p] for p, c in H36M17.bones], 1)
    torch.testing.assert_close(assembled(raw), poses)


def test_few_takes_are_the_same_each_time() -> None:
    takes = [Take(points=walker(50), fps=60.0, subject=str(i), trial="1") for i in range(40)]
    chosen = few(takes, 0.1)
    assert len(chosen) == 4
    assert [take.subject for take in chosen] == [take.subject for take in few(takes, 0.1)]
    assert len(few(takes, 1.0)) == 40


@pytest.mark.parametrize("learned", [True, False])
def test_a_run_goes_on_to_the_same_losses_and_leaves_its_nets(pool: MotionPool, tmp_path: Path, learned: bool) -> None:
    recipe = replace(SMALL, learned=learned)
    whole = run(Trainer(Augmented(recipe, pool)), tmp_path / "whole")
    half = Trainer(Augmented(recipe, pool))
    for step in range(3):
        half.train_on(half.game.batch(step))
    half.save(tmp_path / "killed" / "poseaug_checkpoint.safetensors")
    trainer = Trainer(Augmented(recipe, pool))
    assert run(trainer, tmp_path / "killed") == whole[3:]
    assert set(whole[-1]) == {"mpjpe", "nll"} | ({"made", "feedback", "pose", "view"} if learned else set())
    assert ("made" in whole[1]) is False
    finish(trainer, tmp_path, tmp_path / "out.safetensors")
    if learned:
        assert isinstance(load_nets(tmp_path / "poseaug_helpers.safetensors")[0]["augmentor"], Augmentor)
    assert trainer.game.shown(trainer.game.batch(0), trainer).poses.shape == (6, 17, 3)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA here")
def test_it_trains_on_cuda(pool: MotionPool, tmp_path: Path) -> None:
    assert len(run(Trainer(Augmented(SMALL, pool), "cuda"), tmp_path)) == 6


def test_feedback_moves_the_augmentor_and_spares_the_lifter(pool: MotionPool) -> None:
    game = Augmented(replace(SMALL, w_pose=0.0, w_view=0.0, begin=10**6), pool)
    trainer = Trainer(game)
    parts = game.losses(game.batch(0), trainer)
    parts["feedback"].backward()
    assert all(p.grad is None for p in game.lifter.parameters())
    assert any(p.grad is not None and p.grad.abs().max() > 0 for p in game.helpers.parameters())


def test_little_motion_teaches_something(pool: MotionPool, tmp_path: Path) -> None:
    recipe = replace(SMALL, steps=300, poses=24, begin=20, learning_rate=6e-3)
    log = run(Trainer(Augmented(recipe, pool)), tmp_path)
    first, last = (np.mean([step["mpjpe"] for step in part]) for part in (log[:10], log[-10:]))
    assert last < 0.85 * first  # the rays are most of the answer from the first step on
