"""Train a lifter as a CycleGAN on 2D poses of photographs and 3D poses of motion capture that nobody paired.

Method: Zhu et al. 2017, "Unpaired image-to-image translation using cycle-consistent adversarial networks", section 3,
between 2D and 3D poses, with the known projection of a camera in place of the second generator: a learned one would let
the two agree on any code. 2D to 3D to 2D must return the labelled joints, 3D to 2D to 3D the pose, for captured and for
lifted ones. A critic of bones (Wandt and Rosenhahn 2019, "RepNet", section 3.2) tells lifted people from captured ones,
a critic of 2D poses tells their new views from photographs.

    python -m train.cyclegan --data DIR [--config FILE] [--minutes N]
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from stream3d.lift.features import window_features
from stream3d.nets.lifter_torch import LifterShape
from train import command, losses, photographs
from train.adversary import Kind, teach, word
from train.augment import NET_TYPES, Augmentation
from train.cameras import random_cameras, seen_by
from train.critics import LEFT_BONES, RIGHT_BONES, PlaneCritic, PoseCritic
from train.harness import Trainer
from train.mocap.takes import TRAINING, load_takes, split
from train.people import STEP, People, load_people, steps
from train.photographs import NewViews, Photographs, ViewRanges
from train.pictures import Shown
from train.recipe import Schedule
from train.single import as_windows, single_frame_lifter
from train.views import turned
from train.windows import MotionPool, as_seen, bodies, draw

OUT = Path("runs/cyclegan.safetensors")


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe(Schedule):
    """Everything that decides the outcome.

    ``people`` of the 2D sets ``sets`` and ``poses`` of motion capture a step; ``gan`` is how the critics keep score,
    ``critic_steps`` how often they learn a step; ``views`` of each person are judged, tilted by ``tilt_deg`` and with
    labels that tremble by ``tremor_m``. Each ``w_`` is the weight of a loss: 0 switches it off. Without ``w_cycle3d``
    no pose is ever seen with its own 3D.
    """

    steps: int = 20000
    learning_rate: float = 1e-3
    critic_rate: float = 2e-4
    sets: tuple[str, ...] = ("mpii", "coco")
    people: int = 192
    poses: int = 192
    gan: Kind = "lsgan"
    critic_steps: int = 1
    critic_width: int = 256
    views: int = 2
    tilt_deg: float = 8.0
    tremor_m: float = 0.01
    w_cycle2d: float = 1.0
    w_size: float = 0.1
    w_cycle3d: float = 1.0
    w_cycle: float = 0.5
    w_pose: float = 0.02
    w_view: float = 0.02
    w_symmetry: float = 0.2
    w_nll: float = 0.02
    shape: LifterShape = field(default_factory=lambda: LifterShape(kind="mlp", blocks=4))
    augmentation: Augmentation = field(default_factory=Augmentation)


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """``photographs``; of the motion capture ``frames`` float32 [B, 55] and ``target`` [B, 17, 3]; a ``spin`` each."""

    photographs: Photographs
    frames: np.ndarray
    target: np.ndarray
    spin: np.ndarray


def captured(pool: MotionPool, rng: np.random.Generator, count: int, how: Augmentation) -> tuple[np.ndarray, ...]:
    """Single frames [count, 55] of captured poses before random cameras, and the poses [count, 17, 3] to answer."""
    sequences = draw(pool, rng, count, 1, how)
    points = bodies(sequences.points, rng, how)
    cameras = random_cameras(rng, count)
    camera = seen_by(points, cameras, points[:, -1, 0])
    kind = rng.choice(len(NET_TYPES), count, p=how.net_types)
    rays, sure = as_seen(camera, cameras.edge, rng, how, kind, time=sequences.time)
    features, turn = window_features(rays, sure, np.zeros((count, 1)))
    features[:, 0, STEP] = steps(rng, count)
    target = (camera[:, 0, :17] - camera[:, 0, :1]) @ np.swapaxes(turn, 1, 2)
    return features[:, 0], target.astype(np.float32)


class Unpaired:
    """The game: the lifter and the known projection against a critic in either domain."""

    name = "cyclegan"
    watched = "cycle2d"

    def __init__(self, recipe: Recipe, people: People, pool: MotionPool) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe, self.people, self.pool = recipe, people, pool
        self.lifter = single_frame_lifter(recipe.shape)
        critics = {"pose": PoseCritic(recipe.critic_width), "view": PlaneCritic(recipe.critic_width)}
        self.critics = nn.ModuleDict({name: critic for name, critic in critics.items() if recipe.weight(name)})
        self.helpers = nn.ModuleDict()

    def batch(self, step: int) -> Batch:
        """See train.recipe.Game."""
        rng = np.random.default_rng([self.recipe.seed, step])
        frames, target = captured(self.pool, rng, self.recipe.poses, self.recipe.augmentation)
        ranges = ViewRanges(views=self.recipe.views, tremor_m=self.recipe.tremor_m)
        return Batch(
            photographs=photographs.drawn(self.people, rng, self.recipe.people, self.recipe.augmentation, ranges),
            frames=frames,
            target=target,
            spin=rng.uniform(-np.pi, np.pi, self.recipe.poses + self.recipe.people).astype(np.float32),
        )

    def losses(self, batch: Batch, trainer: Trainer[Batch]) -> dict[str, Tensor]:
        """See train.recipe.Game."""
        frames, target, spin = (
            torch.from_numpy(array).to(trainer.device) for array in (batch.frames, batch.target, batch.spin)
        )
        answer, log_sigma = trainer.lift(as_windows(frames))
        tilts = math.radians(self.recipe.tilt_deg)
        views = photographs.new_views(batch.photographs, trainer, lambda _, normal: (0 * normal, tilts * normal))
        parts = {
            "cycle2d": views.off_rays,
            "size": views.off_size,
            "cycle3d": losses.mpjpe(answer, target),
            "cycle": losses.mpjpe(views.again, views.around),
            "symmetry": losses.symmetry(views.first, LEFT_BONES, RIGHT_BONES),
            "nll": losses.nll(log_sigma, answer, target),
        }
        return parts | self._judged(views, target, spin, trainer)

    def _judged(self, views: NewViews, target: Tensor, spin: Tensor, trainer: Trainer[Batch]) -> dict[str, Tensor]:
        """The critics' steps, then their word: 3D poses seen from a random side, 2D poses as they are."""
        real, fake = (
            turned(poses, angle, 0 * angle)
            for poses, angle in zip((target, views.first), spin.split([len(target), len(views.first)]), strict=True)
        )
        pairs = {"pose": (real, fake), "view": (views.real, views.fake)}
        pairs = {name: pair for name, pair in pairs.items() if name in self.critics}
        for _ in range(self.recipe.critic_steps if pairs else 0):
            teach(self.recipe.gan, pairs, trainer, views.mix)
        return {name: word(self.recipe.gan, self.critics[name](fake)[0]) for name, (_, fake) in pairs.items()}

    @torch.no_grad()
    def shown(self, batch: Batch, trainer: Trainer[Batch]) -> Shown:
        """See train.recipe.Game."""
        return photographs.shown(batch.photographs, trainer)


def game_of(recipe: Recipe, place: command.Place) -> Unpaired:
    """The game on the data of a folder."""
    takes, _ = split(load_takes(place.data, place.work, TRAINING))
    return Unpaired(recipe, load_people(place.data, recipe.sets), MotionPool.of(takes))


def main(arguments: list[str] | None = None) -> None:
    """The command."""
    command.main(Recipe, game_of, __doc__ or "", OUT, arguments)


if __name__ == "__main__":
    main()
