"""Train a lifter on little motion capture, with poses that a second net makes of it: the GAN as a source of data.

Method: Gong et al. 2021, "PoseAug". An augmentor changes captured poses and cameras so that two critics still take
them for captured ones (bones in 3D, joints in the picture) while the lifter finds them harder than those they were made
of, to a degree that rises from ``ease`` to ``strain``. Both learn together; the lifter from both kinds of pose.

    python -m train.poseaug --data DIR [--config FILE] [--set share=0.1 learned=false]
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from stream3d.lift.features import FEATURES
from stream3d.nets.lifter_torch import LifterShape
from train import command, losses
from train.adversary import Kind, teach, word
from train.augment import Augmentation
from train.augmentor import NOISE, Augmentor
from train.critics import PlaneCritic, PoseCritic
from train.cyclegan import captured
from train.harness import Trainer
from train.mocap.takes import TRAINING, Take, load_takes, split
from train.people import STEP, steps
from train.pictures import Shown
from train.recipe import Schedule
from train.single import Frames, as_windows, seen_from, single_frame_lifter
from train.windows import MotionPool

OUT = Path("runs/poseaug.safetensors")
# A captured pose must weigh in, whatever its error: metres added before two errors are compared.
_FLOOR_M = 0.01


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe(Schedule):
    """Everything that decides the outcome.

    ``share`` of the motion capture is known, whole takes; ``poses`` are drawn a step, and with ``learned`` as many more
    made of them. Errors on made poses should be ``ease`` times those on captured ones at first and ``strain`` times at
    the end; ``begin`` steps pass before the lifter learns from them. Each ``w_`` is the weight of a loss.
    """

    steps: int = 6000
    learning_rate: float = 1e-3
    share: float = 0.1
    poses: int = 192
    learned: bool = True
    begin: int = 300
    ease: float = 1.0
    strain: float = 1.5
    gan: Kind = "lsgan"
    critic_width: int = 256
    w_mpjpe: float = 1.0
    w_nll: float = 0.02
    w_made: float = 1.0
    w_feedback: float = 0.05
    w_pose: float = 0.1
    w_view: float = 0.1
    shape: LifterShape = field(default_factory=lambda: LifterShape(kind="mlp", blocks=4))
    augmentation: Augmentation = field(default_factory=Augmentation)


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """Captured poses as ``frames`` float32 [B, 55] and ``target`` [B, 17, 3]; the rest is what chance decides."""

    frames: np.ndarray
    target: np.ndarray
    noise: np.ndarray
    depth: np.ndarray
    tremor: np.ndarray
    known: np.ndarray
    step: np.ndarray
    mix: np.ndarray


def few(takes: list[Take], share: float) -> list[Take]:
    """Takes at random, the same each time, that together have ``share`` of all frames or a little more."""
    wanted = share * sum(len(take.points) for take in takes)
    out: list[Take] = []
    for index in np.random.default_rng(0).permutation(len(takes)):
        if sum(len(take.points) for take in out) >= wanted:
            break
        out.append(takes[index])
    return out


class Augmented:
    """The game: the lifter and the augmentor against two critics."""

    name = "poseaug"
    watched = "mpjpe"

    def __init__(self, recipe: Recipe, pool: MotionPool) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe, self.pool = recipe, pool
        self.lifter = single_frame_lifter(recipe.shape)
        critics = {"pose": PoseCritic(recipe.critic_width), "view": PlaneCritic(recipe.critic_width)}
        self.critics = nn.ModuleDict({n: c for n, c in critics.items() if recipe.learned and recipe.weight(n)})
        self.helpers = nn.ModuleDict({"augmentor": Augmentor()} if recipe.learned else {})

    def batch(self, step: int) -> Batch:
        """See train.recipe.Game."""
        count, rng = self.recipe.poses, np.random.default_rng([self.recipe.seed, step])
        frames, target = captured(self.pool, rng, count, self.recipe.augmentation)
        level = self.recipe.augmentation.noise_sd * rng.uniform(0, 1.8, (count, 1, 1))
        known = np.ones((count, 17), bool)
        known[:, [7, 9, 10]] = (rng.random(count) < self.recipe.augmentation.net_types[0])[:, None]
        return Batch(
            frames=frames,
            target=target,
            noise=rng.standard_normal((count, NOISE)).astype(np.float32),
            depth=rng.uniform(2.5, 7, count).astype(np.float32),
            tremor=(level * rng.standard_normal((count, 17, 2))).astype(np.float32),
            known=known,
            step=steps(rng, count),
            mix=rng.random(count).astype(np.float32),
        )

    def losses(self, batch: Batch, trainer: Trainer[Batch]) -> dict[str, Tensor]:
        """See train.recipe.Game."""
        frames, target, noise, depth, tremor, known, step, mix = (
            torch.from_numpy(getattr(batch, name)).to(trainer.device) for name in Batch.__dataclass_fields__
        )
        answer, log_sigma = trainer.lift(as_windows(frames))
        parts = {"mpjpe": losses.mpjpe(answer, target), "nll": losses.nll(log_sigma, answer, target)}
        if not self.recipe.learned:
            return parts
        like = _like(known, step)
        made, far = self.helpers["augmentor"](target, noise, depth)
        plain, changed = (seen_from(p, d, like, tremor, ~known) for p, d in ((target, depth), (made, far)))
        if trainer.step >= self.recipe.begin:
            parts["made"] = losses.mpjpe(trainer.lift(changed.windows.detach())[0], made.detach())
        known = plain.known[..., None].float()
        seen = (torch.cat([view.rays * known, known], -1) for view in (plain, changed))
        pairs = {"pose": (target, made), "view": tuple(seen)}
        pairs = {name: pair for name, pair in pairs.items() if name in self.critics}
        if pairs:
            teach(self.recipe.gan, pairs, trainer, mix)
        parts |= {name: word(self.recipe.gan, self.critics[name](fake)[0]) for name, (_, fake) in pairs.items()}
        return parts | {"feedback": self._feedback((plain, target), (changed, made), trainer)}

    def _feedback(
        self, plain: tuple[Frames, Tensor], changed: tuple[Frames, Tensor], trainer: Trainer[Batch]
    ) -> Tensor:
        """How far made poses are from being harder than captured ones by as much as is asked; spares the lifter."""
        frozen = {name: value.detach() for name, value in self.lifter.named_parameters()}
        with trainer.autocast():
            easy, hard = (functional_call(self.lifter, frozen, (view.windows,))[0] for view, _ in (plain, changed))
        wanted = self.recipe.ease + (self.recipe.strain - self.recipe.ease) * trainer.progress
        ratio = (losses.mpjpe(hard.float(), changed[1]) + _FLOOR_M) / (
            losses.mpjpe(easy.float(), plain[1]).detach() + _FLOOR_M
        )
        return (ratio / wanted).log().square()

    @torch.no_grad()
    def shown(self, batch: Batch, trainer: Trainer[Batch]) -> Shown:
        """See train.recipe.Game."""
        frames = torch.from_numpy(batch.frames[:6]).to(trainer.device)
        poses = trainer.average["lifter"](as_windows(frames))[0].cpu().numpy()
        now = batch.frames[:6, :51].reshape(-1, 17, 3)
        return Shown(rays=now[..., :2], seen=now[..., 2] > 0, poses=poses, truth=batch.target[:6])


def _like(known: Tensor, step: Tensor) -> Frames:
    """Frames that say no more than which joints are known and how long ago the frame before was."""
    frames, rays = step.new_zeros(len(known), FEATURES), step.new_zeros(len(known), 17, 2)
    frames[:, STEP] = step
    return Frames(frames=frames, rays=rays, known=known, size=torch.ones_like(step))


def game_of(recipe: Recipe, place: command.Place) -> Augmented:
    """The game on the data of a folder."""
    takes, _ = split(load_takes(place.data, place.work, TRAINING))
    return Augmented(recipe, MotionPool.of(few(takes, recipe.share)))


def main(arguments: list[str] | None = None) -> None:
    """The command."""
    command.main(Recipe, game_of, __doc__ or "", OUT, arguments)


if __name__ == "__main__":
    main()
