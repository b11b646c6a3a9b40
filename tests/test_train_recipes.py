"""The recipes on synthetic walkers: each learns, goes on after a kill, and keeps its geometry straight."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from stream3d.errors import SettingsError
from stream3d.lift.features import size_of
from stream3d.nets.lifter_torch import LifterShape, load_lifter
from stream3d.skeleton import COCO17, H36M17
from tests.walker import walker
from train import adversary, anatomy, cyclegan, losses, mpii2d, photographs, single
from train.augment import Augmentation
from train.cameras import CameraRanges, random_cameras, seen_by
from train.critics import PlaneCritic
from train.data.values import Poses2DSet, with_gaps
from train.harness import Trainer, finish, run
from train.metrics import n_mpjpe
from train.mocap.takes import Take
from train.netfile import load_nets
from train.people import Inputs, People, load_people
from train.recipe import Game
from train.single import Frames
from train.views import turned
from train.windows import MotionPool

SMALL = LifterShape(kind="mlp", width=64, blocks=1)
CLEAN = Augmentation(clean=1.0, outliers=0.0, slips=0.0, missing=0.0, cut_off=0.0)
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def bent(points: np.ndarray) -> np.ndarray:
    """Walkers whose knees and elbows bend as those of bodies do."""
    j = H36M17.names.index
    ahead = np.cross([0, 0, 1], points[:, j("right_hip")] - points[:, j("left_hip")])
    ahead = ahead / np.linalg.norm(ahead, axis=-1, keepdims=True)
    out = points.copy()
    for side in ("left", "right"):
        out[:, j(f"{side}_knee")] += 0.10 * ahead
        out[:, j(f"{side}_elbow")] -= 0.08 * ahead
    return out.astype(np.float32)


def camera_space(frames: int, seed: int = 0) -> np.ndarray:
    """Walkers before level cameras all round, camera space, [N, 17, 3] metres."""
    rng = np.random.default_rng(seed)
    points = bent(np.concatenate([walker(frames, phase=phase) for phase in (0.0, 2.0)]))[:, None]
    ranges = CameraRanges(elevation=(0.0, 0.0), roll=0.0, distance=(4.0, 6.0))
    cameras = random_cameras(rng, len(points), ranges)
    return seen_by(points, cameras, points[:, 0, 0])[:, 0, :17]


def people_of(joints: np.ndarray) -> People:
    pixels = 1000 * joints[..., :2] / joints[..., 2:] + 500
    poses = Poses2DSet(keypoints=with_gaps(pixels, np.ones(pixels.shape[:2])), layout=H36M17)
    # The picture's size at which the assumed field of view is a focal length of 1000 pixels.
    size = round(1000 * 2 * np.tan(np.radians(25)))
    return People.of(poses, np.full((len(pixels), 2), size, np.int32))


@pytest.fixture(scope="module")
def people() -> People:
    return people_of(camera_space(400))


@pytest.fixture(scope="module")
def pool() -> MotionPool:
    return MotionPool.of([Take(points=walker(400), fps=60.0, subject="9", trial="1")])


def game_2d(people: People, _: MotionPool, /, **changes: object) -> mpii2d.FromPhotographs:
    recipe = mpii2d.Recipe(steps=6, people=16, critic_width=32, shape=SMALL)
    return mpii2d.FromPhotographs(replace(recipe, **changes), people)


def game_cycle(people: People, pool: MotionPool, /, **changes: object) -> cyclegan.Unpaired:
    recipe = cyclegan.Recipe(steps=6, people=16, poses=12, critic_width=32, shape=SMALL)
    return cyclegan.Unpaired(replace(recipe, **changes), people, pool)


GAMES = {
    "2D only": game_2d,
    "2D only, tilt predicted": lambda *given, **c: game_2d(*given, tilt="predicted", **c),
    "2D only, Wasserstein": lambda *given, **c: game_2d(*given, gan="wgan-gp", critic_steps=2, **c),
    "unpaired": game_cycle,
    "unpaired, Wasserstein": lambda *given, **c: game_cycle(*given, gan="wgan-gp", **c),
}
every_game = pytest.mark.parametrize("make", GAMES.values(), ids=GAMES.keys())


class KilledError(Exception):
    """Stands for the signal that ends a run."""


class Mortal(Trainer):
    """Dies before its fourth step."""

    def train_on(self, batch: object) -> dict[str, float]:
        if self.step == 3:
            raise KilledError
        return super().train_on(batch)


@every_game
def test_a_killed_run_goes_on_with_the_same_losses(
    make: Callable[..., Game], people: People, pool: MotionPool, tmp_path: Path
) -> None:
    whole = run(Trainer(make(people, pool)), tmp_path / "whole")
    with pytest.raises(KilledError):
        run(Mortal(make(people, pool)), tmp_path / "killed", save_every=3)
    rest = run(Trainer(make(people, pool)), tmp_path / "killed")
    assert len(whole) == 6
    assert rest == whole[3:]


@every_game
def test_every_loss_is_switched_off_by_its_weight(make: Callable[..., Game], people: People, pool: MotionPool) -> None:
    whole = Trainer(make(people, pool))
    told = whole.train_on(whole.game.batch(0))
    for loss in told:
        game = make(people, pool, **{f"w_{loss}": 0.0})
        assert set(Trainer(game).train_on(game.batch(0))) == set(told) - {loss}
        assert set(game.critics) == set(whole.critics) - {loss}


@every_game
def test_what_a_run_leaves_can_be_loaded(
    make: Callable[..., Game], people: People, pool: MotionPool, tmp_path: Path
) -> None:
    trainer = Trainer(make(people, pool, steps=1))
    run(trainer, tmp_path)
    finish(trainer, tmp_path, tmp_path / "out.safetensors")
    name = trainer.game.name
    assert load_lifter(tmp_path / "out.safetensors").shape == SMALL
    assert set(load_nets(tmp_path / f"{name}_critics.safetensors")[0]) == set(trainer.critics)
    helpers = tmp_path / f"{name}_helpers.safetensors"
    assert helpers.exists() == bool(trainer.game.helpers)
    if helpers.exists():
        frames = torch.randn(4, 55)
        torch.testing.assert_close(load_nets(helpers)[0]["tilt"](frames), trainer.nets["tilt"](frames))
    assert trainer.game.shown(trainer.game.batch(0), trainer).poses.shape == (6, 17, 3)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA here")
@every_game
def test_it_trains_on_cuda(make: Callable[..., Game], people: People, pool: MotionPool, tmp_path: Path) -> None:
    assert len(run(Trainer(make(people, pool), "cuda"), tmp_path)) == 6


@every_game
def test_a_lifter_that_wants_a_past_is_refused(make: Callable[..., Game], people: People, pool: MotionPool) -> None:
    for shape in (LifterShape(), LifterShape(kind="mlp", lookahead=2)):
        with pytest.raises(SettingsError, match="photographs are single frames"):
            make(people, pool, shape=shape)


def depth_error(lifter: torch.nn.Module, joints: np.ndarray) -> tuple[float, float]:
    """Mean N-MPJPE in metres of a lifter, and of the same answers with no depth at all, on exact 2D."""
    people = people_of(joints)
    rays, sure = people.rays[:, None], people.seen[:, None].astype(np.float32)
    from stream3d.lift.features import window_features

    frames, turn = window_features(rays, sure, np.zeros((len(rays), 1)))
    with torch.no_grad():
        pose = lifter(single.as_windows(torch.from_numpy(frames[:, 0])))[0].numpy()
    truth = (joints - joints[:, :1]) @ np.swapaxes(turn, 1, 2)
    flat = pose * np.array([1, 1, 0], np.float32)
    return float(n_mpjpe(pose, truth).mean()), float(n_mpjpe(flat, truth).mean())


@pytest.mark.slow
def test_2d_alone_teaches_depth(people: People, pool: MotionPool, tmp_path: Path) -> None:
    sizes = {"steps": 500, "people": 64, "critic_width": 64, "augmentation": CLEAN}
    game = game_2d(people, pool, learning_rate=3e-3, warm_up=50, ema=0.98, tilt_deg=2.0, **sizes)
    trainer = Trainer(game)
    run(trainer, tmp_path)
    lifted, flat = depth_error(trainer.average["lifter"], camera_space(30, seed=5))
    assert lifted < 0.9 * flat


def test_labels_of_a_view_are_where_its_joints_are_seen() -> None:
    poses = torch.from_numpy(camera_space(4)[:8] - camera_space(4)[:8, :1])
    known = torch.ones(8, 17, 1)
    known[:, 9] = 0
    labels = photographs.as_labelled(poses, torch.full((8,), 5.0), known, torch.zeros(8, 17, 2))
    expected = 5 * poses[..., :2] / (poses[..., 2:] + 5)
    torch.testing.assert_close(labels[..., :2], expected * known)
    torch.testing.assert_close(labels[..., 2:], known)


def test_each_person_is_judged_from_several_sides(people: People, pool: MotionPool) -> None:
    game = game_2d(people, pool, views=3)
    views = game.views(game.batch(0), Trainer(game))
    assert views.fake.shape == views.real.shape == (48, 17, 3)
    sides = views.fake.detach().reshape(3, 16, 17, 3)
    assert (sides[0] - sides[1]).abs().amax((1, 2)).min() > 0.01


def test_hinges_bend_one_way_only() -> None:
    straight = torch.from_numpy(camera_space(5))
    assert anatomy.wrong_way(straight) < 1e-3
    behind = straight * torch.tensor([1.0, 1.0, -1.0])
    assert anatomy.wrong_way(behind) > 0.02


def test_limbs_rather_point_ahead() -> None:
    poses = torch.from_numpy(camera_space(5))
    assert anatomy.behind(poses) < 0.02
    facing = anatomy._forward(poses, "shoulder")
    for sign, least, most in ((1.0, 0.0, 0.02), (-1.0, 0.1, 1.0)):
        reaching = poses.clone()
        for side in ("left", "right"):
            shoulder = poses[:, H36M17.names.index(f"{side}_shoulder")]
            reaching[:, H36M17.names.index(f"{side}_elbow")] = shoulder + sign * 0.28 * facing
            reaching[:, H36M17.names.index(f"{side}_wrist")] = shoulder + sign * 0.53 * facing
        assert least <= anatomy.behind(reaching) < most


def test_both_cycles_close(people: People, pool: MotionPool, tmp_path: Path) -> None:
    game = game_cycle(people, pool, steps=150, people=32, poses=32, learning_rate=3e-3, w_view=0.0)
    log = run(Trainer(game), tmp_path)
    for loss in ("cycle2d", "cycle3d", "cycle"):
        first, last = (np.mean([step[loss] for step in part]) for part in (log[:10], log[-10:]))
        assert last < 0.7 * first, loss


def frames_of(people: People, count: int = 20) -> Frames:
    return Frames.of(people.draw(np.random.default_rng(3), count, CLEAN), CPU)


def test_held_joints_lie_on_their_rays(people: People) -> None:
    frames = frames_of(people)
    poses = torch.randn(20, 17, 3, generator=torch.Generator().manual_seed(0)) * 0.3
    poses[..., :2] += frames.rays
    poses = poses - poses[:, :1]
    held, share = single.on_rays(poses, frames)
    torch.testing.assert_close(held[..., 2], poses[..., 2])
    # Put the pelvis where the pose says it stands and look: every joint must be where its ray is.
    again = single.on_rays(held, frames)
    torch.testing.assert_close(again, (held, share), atol=1e-5, rtol=1e-5)
    unknown = replace(frames, known=torch.zeros_like(frames.known))
    torch.testing.assert_close(single.on_rays(poses, unknown)[0], poses)


def test_the_true_pose_is_left_where_it_is() -> None:
    joints = camera_space(20)
    people = people_of(joints)
    inputs = _undamaged(people)
    frames = Frames.of(inputs, CPU)
    from stream3d.geometry import centring_rotation

    turn = centring_rotation((joints[:, [1, 4]].mean(1) / joints[:, [1, 4]].mean(1)[:, 2:])[:, :2])
    truth = torch.from_numpy(((joints - joints[:, :1]) @ np.swapaxes(turn, 1, 2)).astype(np.float32))
    held, share = single.on_rays(truth, frames)
    assert (held - truth)[:, frames.known.all(0)].abs().max() < 0.015
    assert single.off_rays(truth, held, frames) < 0.005
    assert (share > 0.4).all()
    assert (share < 1.15).all()


def _undamaged(people: People) -> Inputs:
    from train.people import _inputs

    return _inputs(people.rays, people.seen.astype(np.float32), people.rays, people.known)


def test_the_usual_size_is_the_same_for_all() -> None:
    poses = torch.from_numpy(camera_space(4) - camera_space(4)[:, :1])
    sized, unusual = single.usual_size(poses, torch.full((8,), 0.85))
    twice, more = single.usual_size(2 * poses, torch.full((8,), 0.85))
    torch.testing.assert_close(sized, twice)
    assert 0 <= unusual < 0.05 < more
    assert single.usual_size(sized, torch.full((8,), 0.2))[1] > 1


def test_a_new_view_is_what_a_camera_there_would_see(people: People) -> None:
    frames = frames_of(people, 8)
    poses = torch.from_numpy(camera_space(4)[:8] - camera_space(4)[:8, :1])
    none = torch.zeros(8, 17, dtype=torch.bool)
    view = single.seen_from(poses, torch.full((8,), 5.0), frames, torch.zeros(8, 17, 2), none)
    rays = poses[..., :2] / (poses[..., 2:] + 5)
    torch.testing.assert_close(view.rays * view.size[:, None, None], rays - rays[:, [1, 4]].mean(1, keepdim=True))
    np.testing.assert_allclose(size_of(view.windows.numpy()), view.size, rtol=1e-4)
    lost = none.clone()
    lost[:, [0, 1, 3]] = True
    seen = single.seen_from(poses, torch.full((8,), 5.0), frames, torch.zeros(8, 17, 2), lost).frames
    seen = seen[:, :51].reshape(8, 17, 3)[..., 2] > 0
    assert seen[:, [0, 1]].all()
    assert not seen[:, 3].any()


def test_turning_back_undoes_tilt_turn_tilt() -> None:
    poses, (azimuth, before, after) = torch.randn(5, 17, 3), torch.randn(3, 5)
    around = turned(turned(poses, 0 * before, before), azimuth, after)
    torch.testing.assert_close(single.turned_back(around, azimuth, before, after), poses, atol=1e-5, rtol=1e-5)


def test_people_are_mirrored_damaged_and_keep_their_labels(people: People) -> None:
    rng = np.random.default_rng(0)
    inputs = people.draw(rng, 300, Augmentation())
    now = inputs.frames[:, :51].reshape(-1, 17, 3)
    assert np.abs(inputs.rays).max() <= 2.5
    assert 0.03 < (now[..., 2] == 0).mean() < 0.4
    gap = np.linalg.norm(now[..., :2] - inputs.rays, axis=-1)[now[..., 2] > 0]
    assert 0.005 < np.median(gap) < 0.06
    hips = inputs.rays[:, 1, 0] - inputs.rays[:, 4, 0]
    clean = people.draw(rng, 300, CLEAN)
    np.testing.assert_allclose(clean.rays[:, 0], 0, atol=1e-2)
    assert (hips > 0.02).any()
    assert (hips < -0.02).any()


def test_only_people_with_all_limbs_are_taken() -> None:
    joints = camera_space(6)
    pixels = 1000 * joints[..., :2] / joints[..., 2:] + 500
    sure = np.ones((12, 17))
    sure[0, COCO17.names.index("left_knee")] = 0
    sure[1, COCO17.names.index("left_ear")] = 0
    given = np.zeros((12, 17, 2))
    for joint, name in enumerate(COCO17.names):
        given[:, joint] = pixels[:, H36M17.names.index(name if name in H36M17.names else "nose")]
    poses = Poses2DSet(keypoints=with_gaps(given, sure), layout=COCO17)
    people = People.of(poses, np.full((12, 2), 1000, np.int32))
    assert len(people) == 11
    nose, spine, pelvis = (H36M17.names.index(name) for name in ("nose", "spine", "pelvis"))
    assert people.seen[:, nose].all()
    assert not people.known[:, nose].any()
    assert not people.seen[:, spine].any()
    assert people.known[:, pelvis].all()


@pytest.mark.data
def test_mpii_and_coco_are_read(data: Path) -> None:
    mpii, coco = (load_people(data, [name]) for name in ("mpii", "coco"))
    assert len(mpii) > 19000
    assert len(coco) > 30000
    head = H36M17.names.index("head_top")
    assert mpii.known[:, head].all()
    assert not coco.known[:, head].any()
    with pytest.raises(SettingsError, match="unknown set of 2D poses 'lsp'"):
        load_people(data, ["lsp"])
    with pytest.raises(SettingsError, match="at least one"):
        load_people(data, [])


def test_the_plane_critic_sees_neither_size_nor_what_is_unknown() -> None:
    critic, poses = PlaneCritic(width=16), torch.rand(3, 17, 3)
    poses[..., 2] = 1
    poses[:, 10, 2] = 0
    scaled = poses * torch.tensor([3.0, 3.0, 1.0])
    scaled[:, 10, :2] = 99
    torch.testing.assert_close(critic(poses)[0], critic(scaled)[0], atol=1e-3, rtol=1e-3)


def test_the_penalty_is_zero_for_a_slope_of_one() -> None:
    class Slope(torch.nn.Module):
        def __init__(self, slope: float) -> None:
            super().__init__()
            self.slope = slope

        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return self.slope * x[:, :1, 0], x

    real, fake = torch.randn(4, 17, 3), torch.randn(4, 17, 3)
    for slope in (1.0, 3.0):
        penalty = adversary.gradient_penalty(Slope(slope), real, fake, torch.rand(4))
        assert penalty == pytest.approx((slope - 1) ** 2, abs=1e-5)


def test_usual_bones_cost_nothing() -> None:
    pose = torch.from_numpy(walker(1)[:, :17])
    bones = torch.tensor([(1, 2), (2, 3)])
    length = torch.linalg.vector_norm(pose[0, bones[:, 0]] - pose[0, bones[:, 1]], dim=-1)
    assert losses.bone_lengths(pose, bones, length) == pytest.approx(0, abs=1e-9)
    assert losses.bone_lengths(pose, bones, 2 * length) == pytest.approx(np.log(2) ** 2, rel=1e-4)
