"""Training and measuring the lifter, on a synthetic walker."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import train.lifter as recipe_module
from stream3d.errors import SettingsError
from stream3d.lift.features import window_features
from stream3d.nets.lifter_torch import Lifter, LifterShape, load_lifter, save_lifter
from stream3d.skeleton import COCO17, H36M17, convert
from tests.walker import walker
from train import calibrate, losses, views
from train.critics import LEFT_BONES, RIGHT_BONES, MotionCritic, PoseCritic, ViewCritic, bones
from train.harness import Trainer, run
from train.lifter import Conditional, Recipe
from train.mocap.takes import Take
from train.views import PhotoPoses
from train.windows import Batch, MotionPool

SMALL = LifterShape(channels=16, width=32, blocks=1)
RECIPE = Recipe(steps=6, sequences=6, lone=5, photos=4, adversarial_every=2, shape=SMALL)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def pool() -> MotionPool:
    takes = [Take(points=walker(300, phase=i), fps=60.0, subject=str(i), trial="1") for i in range(3)]
    return MotionPool.of(takes)


def photos() -> PhotoPoses:
    rng = np.random.default_rng(4)
    rays = (walker(8)[:, None, :17, [0, 2]] * [0.2, -0.2] + rng.normal(0, 0.01, (8, 1, 17, 2))).astype(np.float32)
    seen = np.ones((8, 1, 17), np.float32)
    seen[..., [H36M17.names.index(name) for name in ("spine", "head_top")]] = 0
    return PhotoPoses(frames=window_features(rays, seen, np.zeros((8, 1)))[0])


class KilledError(Exception):
    """Stands for the signal that ends a run."""


class Mortal(Trainer):
    """Dies before its third step."""

    def train_on(self, batch: Batch) -> dict[str, float]:
        if self.step == 3:
            raise KilledError
        return super().train_on(batch)


def test_a_killed_run_goes_on_with_the_same_losses(pool: MotionPool, tmp_path: Path) -> None:
    whole = run(Trainer(Conditional(RECIPE, pool, photos())), tmp_path / "whole")
    with pytest.raises(KilledError):
        run(Mortal(Conditional(RECIPE, pool, photos())), tmp_path / "killed", save_every=3)
    rest = run(Trainer(Conditional(RECIPE, pool, photos())), tmp_path / "killed")
    assert len(whole) == 6
    assert rest == whole[3:]
    assert {"mpjpe", "nll", "velocity", "pose", "motion", "view", "cycle", "reprojection", "match"} <= set(whole[0])
    assert "pose" not in whole[1]


def test_a_few_seconds_of_training_teach_something(pool: MotionPool, tmp_path: Path) -> None:
    recipe = Recipe(steps=150, sequences=16, lone=0, adversarial_every=0, learning_rate=3e-3, shape=SMALL)
    log = run(Trainer(Conditional(recipe, pool, None)), tmp_path)
    first, last = (np.mean([step["mpjpe"] for step in part]) for part in (log[:10], log[-10:]))
    assert last < 0.4 * first
    assert np.mean([step["nll"] for step in log[-10:]]) < np.mean([step["nll"] for step in log[:10]])


OPTIONAL = ("nll", "velocity", "acceleration", "symmetry", "pose", "motion", "view", "match", "cycle", "reprojection")


@pytest.mark.parametrize("loss", OPTIONAL)
def test_each_loss_is_switched_off_by_its_weight(pool: MotionPool, loss: str) -> None:
    game = Conditional(replace(RECIPE, **{f"w_{loss}": 0.0}), pool, photos())
    told = Trainer(game).train_on(game.batch(0))
    assert set(told) == {"mpjpe", *OPTIONAL} - {loss}


def test_without_any_critic_the_rest_still_trains(pool: MotionPool) -> None:
    game = Conditional(replace(RECIPE, w_pose=0.0, w_motion=0.0, w_view=0.0), pool, photos())
    told = Trainer(game).train_on(game.batch(0))
    assert "match" not in told
    assert "cycle" in told


def test_the_command_writes_weights_that_say_how_they_were_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = Take(points=walker(200), fps=60.0, subject="9", trial="1")
    for module in (recipe_module, calibrate):
        monkeypatch.setattr(module, "load_takes", lambda *_: {"cmu_asfamc_misc": [take]})
    out = tmp_path / "lifter.safetensors"
    command = (
        f"--data {tmp_path} --work {tmp_path / 'work'} --out {out} --steps 1 --set sequences=2 adversarial_every=0"
    )
    recipe_module.main(command.split())
    from safetensors import safe_open

    with safe_open(out, framework="pt") as file:
        notes = file.metadata()
    assert json.loads(notes["recipe"])["sequences"] == 2
    assert notes["steps"] == "1"
    assert load_lifter(out).shape == LifterShape()


def test_a_run_may_start_from_the_weights_of_another_lookahead(pool: MotionPool, tmp_path: Path) -> None:
    weights = tmp_path / "causal.safetensors"
    save_lifter(Lifter(SMALL), weights, {})
    ahead = replace(RECIPE, start=str(weights), shape=replace(SMALL, lookahead=4))
    started = Trainer(Conditional(ahead, pool, None)).nets["lifter"]
    assert started.lookahead == 4
    torch.testing.assert_close(started.state_dict(), load_lifter(weights).state_dict())
    with pytest.raises(SettingsError, match="holds a lifter of"):
        Trainer(Conditional(replace(ahead, shape=replace(SMALL, width=64)), pool, None))


def test_sigma_is_best_when_it_is_the_error() -> None:
    target = torch.zeros(4000, 17, 3)
    pose = torch.randn(4000, 17, 3, generator=torch.Generator().manual_seed(0)) * 0.05
    distance = 0.05 * 3**0.5
    tried = [factor * distance for factor in (0.5, 0.9, 1.0, 1.1, 2.0)]
    values = {s: losses.nll(torch.full((4000, 17), s).log(), pose, target) for s in tried}
    assert min(values, key=values.get) == distance
    assert not losses.nll(torch.zeros(1, 17), pose[:1].requires_grad_(), target[:1]).requires_grad


def test_temporal_losses_ignore_what_does_not_move() -> None:
    targets = torch.randn(3, 5, 17, 3)
    assert losses.mpjve(targets + 1, targets) == pytest.approx(0, abs=1e-6)
    drift = torch.arange(3.0)[:, None, None, None]
    assert losses.mpjve(targets + drift, targets) == pytest.approx(3**0.5, rel=1e-5)
    assert losses.acceleration(targets + drift, targets) == pytest.approx(0, abs=1e-5)


def test_symmetry_compares_twins() -> None:
    pose = torch.from_numpy(walker(1)[:, :17])
    assert losses.symmetry(pose, LEFT_BONES, RIGHT_BONES) < 0.2
    rest = torch.randn(2, 17, 3)
    flipped = rest[:, list(H36M17.mirror)] * torch.tensor([-1, 1, 1])
    both = losses.symmetry(rest, LEFT_BONES, RIGHT_BONES), losses.symmetry(flipped, LEFT_BONES, RIGHT_BONES)
    torch.testing.assert_close(*both)


def test_critics_do_not_see_size() -> None:
    poses = torch.randn(3, 4, 17, 3)
    step = torch.full((4,), 0.1)
    torch.testing.assert_close(bones(poses * 3), bones(poses), atol=1e-4, rtol=1e-3)
    for critic, args, scaled in (
        (PoseCritic(), (poses[0],), (poses[0] * 2,)),
        (MotionCritic(), (poses, step), (poses * 2, step)),
        (ViewCritic(), (poses[0, :, :, :2],), (poses[0, :, :, :2] * 2,)),
    ):
        torch.testing.assert_close(critic(*args)[0], critic(*scaled)[0], atol=1e-3, rtol=1e-3)


def test_a_new_view_enters_the_net_as_run_time_would_have_it() -> None:
    pose = torch.from_numpy(walker(3)[:, :17][..., [0, 2, 1]] * np.array([1, -1, 1], np.float32))
    pose = pose - pose[:, :1]
    made = views.frames_of(pose, torch.full((3,), 4.0))
    placed = pose.numpy() + np.array([0, 0, 4], np.float32)
    rays = placed[..., :2] / placed[..., 2:]
    given = np.full((3, COCO17.size, 3), np.nan, np.float32)
    for joint, name in enumerate(COCO17.names):
        if name in H36M17.names and name != "nose":
            given[:, joint] = np.concatenate([rays[:, H36M17.names.index(name)], np.ones((3, 1))], -1)
    body = convert(given, COCO17, H36M17)[:, None]
    expected, _ = window_features(body[..., :2], body[..., 2], np.zeros((3, 1)))
    np.testing.assert_allclose(made.numpy(), expected, atol=0.02)


def test_turning_keeps_lengths_and_turning_back_undoes_it() -> None:
    pose, angle = torch.randn(2, 17, 3), torch.tensor([0.7, -2.0])
    zero = torch.zeros(2)
    around = views.turned(pose, angle, zero)
    torch.testing.assert_close(torch.linalg.vector_norm(around, dim=-1), torch.linalg.vector_norm(pose, dim=-1))
    torch.testing.assert_close(views.turned(around, -angle, zero), pose)


def test_reprojection_is_zero_for_the_pose_that_was_seen() -> None:
    frames = torch.from_numpy(photos().frames)
    flat = torch.cat([views.input_rays(frames) * 1.7, torch.randn(8, 17, 1)], -1)
    assert views.reprojection(flat, frames) == pytest.approx(0, abs=1e-5)
    assert views.reprojection(torch.randn(8, 17, 3), frames) > 0.1


@pytest.mark.data
def test_photographs_become_inputs(data: Path) -> None:
    frames = views.load_photo_poses(data).frames
    assert len(frames) > 20000
    assert np.isfinite(frames).all()
    confidence = frames[:, 0, :51].reshape(-1, 17, 3)[..., 2]
    assert (confidence[:, H36M17.names.index("pelvis")] == 1).all()
    assert (confidence[:, H36M17.names.index("spine")] == 0).all()
