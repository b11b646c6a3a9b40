"""Train the lifter as a conditional GAN on paired data.

The generator is ``stream3d.nets.lifter.Lifter``. It learns from windows of real motion on other bodies before virtual
cameras, and, every few steps, from three critics: on single poses, on motion, and on new views of lifted photographs.
A killed run goes on where its last checkpoint was.

    python -m train.lifter --data DIR [--config FILE] [--minutes N]
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from stream3d.nets.lifter import WEIGHTS
from stream3d.nets.lifter_torch import Lifter
from train import command, losses
from train.augment import Augmentation
from train.calibrate import calibrate_file
from train.critics import LEFT_BONES, RIGHT_BONES, MotionCritic, PoseCritic, ViewCritic
from train.harness import Trainer
from train.mocap.takes import TRAINING, load_takes, split
from train.pictures import Shown
from train.recipe import Schedule
from train.views import PhotoPoses, input_rays, load_photo_poses, new_views, reprojection, turned
from train.windows import Batch, MotionPool, training_batch, with_lone

Pair = tuple[tuple[Tensor, ...], tuple[Tensor, ...]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe(Schedule):
    """Everything that decides the outcome, written into the checkpoint and the weights.

    ``sequences`` of ``windows`` consecutive windows a step, for what is about motion, and ``lone`` windows, of which
    more differ for the same work; one in ``adversarial_every`` steps is played against the critics, with ``photos``
    lifted photographs (0 never plays). Each ``w_`` is the weight of a loss: 0 switches it off. A critic (pose,
    motion, view) of weight 0 takes no part in the feature matching (match) either.
    """

    sequences: int = 32
    windows: int = 3
    lone: int = 192
    photos: int = 64
    adversarial_every: int = 4
    w_mpjpe: float = 1.0
    w_nll: float = 0.03
    w_velocity: float = 0.25
    w_acceleration: float = 0.25
    w_symmetry: float = 0.2
    w_pose: float = 0.005
    w_motion: float = 0.005
    w_view: float = 0.005
    w_match: float = 0.02
    w_cycle: float = 0.25
    w_reprojection: float = 0.25
    augmentation: Augmentation = field(default_factory=Augmentation)


class Conditional:
    """The game: the lifter against its three critics, on motion from ``pool`` and on ``photos`` where given."""

    name = "lifter"
    watched = "mpjpe"

    def __init__(self, recipe: Recipe, pool: MotionPool, photos: PhotoPoses | None) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe, self.pool, self.photos = recipe, pool, photos
        self.lifter = Lifter(recipe.shape)
        critics = {"pose": PoseCritic(), "motion": MotionCritic(), "view": ViewCritic()}
        self.critics = nn.ModuleDict({name: critic for name, critic in critics.items() if recipe.weight(name)})
        self.helpers = nn.ModuleDict()

    def batch(self, step: int) -> Batch:
        """See train.recipe.Game."""
        recipe = self.recipe
        rng = np.random.default_rng([recipe.seed, step])
        draw = partial(training_batch, self.pool, rng, how=recipe.augmentation, lookahead=recipe.shape.lookahead)
        runs = draw(recipe.sequences, windows=recipe.windows)
        return with_lone(runs, draw(recipe.lone, windows=1)) if recipe.lone else runs

    def losses(self, batch: Batch, trainer: Trainer[Batch]) -> dict[str, Tensor]:
        """See train.recipe.Game."""
        pose, log_sigma = trainer.lift(torch.from_numpy(batch.features).to(trainer.device))
        target, turn = (torch.from_numpy(array).to(trainer.device) for array in (batch.target, batch.turn))
        # Turned back into the real camera, where consecutive answers can be compared.
        runs, lifted, real = self.recipe.windows * self.recipe.sequences, pose @ turn, target @ turn
        moves, real_moves = (p[:runs].reshape(self.recipe.windows, -1, 17, 3) for p in (lifted, real))
        parts = {
            "mpjpe": losses.mpjpe(pose, target),
            "nll": losses.nll(log_sigma, pose, target),
            "velocity": losses.mpjve(moves, real_moves),
            "acceleration": losses.acceleration(moves, real_moves),
            "symmetry": losses.symmetry(pose, LEFT_BONES, RIGHT_BONES),
        }
        if self.recipe.adversarial_every and trainer.step % self.recipe.adversarial_every == 0:
            step = torch.from_numpy(batch.step).to(trainer.device)
            # Of the windows in a row only the last ones: the others hardly differ.
            poses = tuple(p[runs - self.recipe.sequences :] for p in (real, lifted))
            parts |= self._played({"motion": ((real_moves, step), (moves, step))}, poses, trainer)
        return parts

    def _played(self, pairs: dict[str, Pair], lifted: tuple[Tensor, ...], trainer: Trainer[Batch]) -> dict[str, Tensor]:
        """The critics' step on what is lifted now, then their word on it; poses ``lifted`` are (real, fake)."""
        rng = np.random.default_rng([self.recipe.seed, trainer.step, 1])
        parts: dict[str, Tensor] = {}
        poses = [lifted[1]]
        if self.photos is not None and any(map(self.recipe.weight, ("view", "cycle", "reprojection"))):
            frames = self.photos.draw(rng, self.recipe.photos).to(trainer.device)
            with trainer.autocast():
                views = new_views(self.lifter, frames, rng)
            poses.append(views.first)
            pairs["view"] = ((input_rays(frames),), (views.views,))
            parts["cycle"] = losses.mpjpe(views.again, views.turned)
            parts["reprojection"] = reprojection(views.first, frames)
        pairs["pose"] = ((_spun(lifted[0], rng),), (_spun(torch.cat(poses), rng),))
        return parts | self._criticised({name: pairs[name] for name in self.critics if name in pairs}, trainer)

    def _criticised(self, pairs: dict[str, Pair], trainer: Trainer[Batch]) -> dict[str, Tensor]:
        """Least-squares losses of each critic in play on its pair (real, fake), and their feature matching."""
        if not pairs:
            return {}
        taught = [
            losses.lsgan_critic(*(self.critics[name](*(x.detach() for x in side))[0] for side in pair))
            for name, pair in pairs.items()
        ]
        trainer.teach(torch.stack(taught).sum())
        parts, match = {}, []
        for name, (real, fake) in pairs.items():
            score, features = self.critics[name](*fake)
            parts[name] = losses.lsgan_generator(score)
            match.append(losses.feature_matching(self.critics[name](*real)[1], features))
        return parts | {"match": torch.stack(match).sum()}

    @torch.no_grad()
    def shown(self, batch: Batch, trainer: Trainer[Batch]) -> Shown:
        """See train.recipe.Game."""
        features = torch.from_numpy(batch.features[-6:]).to(trainer.device)
        now = batch.features[-6:, -1, :51].reshape(-1, 17, 3)
        poses = trainer.average["lifter"](features)[0].cpu().numpy()
        return Shown(rays=now[..., :2], seen=now[..., 2] > 0, poses=poses, truth=batch.target[-6:])


def _spun(poses: Tensor, rng: np.random.Generator) -> Tensor:
    """Poses seen from a random side, so that the critic cannot tell photographs by their cameras."""
    angle = torch.from_numpy(rng.uniform(-np.pi, np.pi, len(poses)).astype(np.float32)).to(poses.device)
    return turned(poses, angle, 0 * angle)


def game_of(recipe: Recipe, place: command.Place) -> Conditional:
    """The game on the data of a folder."""
    takes, _ = split(load_takes(place.data, place.work, TRAINING))
    photos = load_photo_poses(place.data) if recipe.adversarial_every else None
    return Conditional(recipe, MotionPool.of(takes), photos)


def main(arguments: list[str] | None = None) -> None:
    """The command."""
    place = command.main(Recipe, game_of, __doc__ or "", WEIGHTS, arguments)
    if not calibrate_file(place.out, place.data, place.work):
        print(f"{place.out}: sigma is as trained, for {place.data} holds none of the validation subjects")


if __name__ == "__main__":
    main()
