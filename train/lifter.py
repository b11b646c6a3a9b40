"""Train the lifter as a GAN: ``python -m train.lifter --data DIR [--work DIR] [--minutes N]``.

The generator is ``stream3d.nets.lifter.Lifter``. It learns from windows of real motion on other bodies before virtual
cameras, and, every few steps, from three critics: on single poses, on motion, and on new views of lifted photographs.
A killed run goes on where its last checkpoint was.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from stream3d.nets.lifter import WEIGHTS
from stream3d.nets.lifter_torch import Lifter, LifterShape, save_lifter
from train import checkpoint, losses
from train.augment import Augmentation
from train.critics import LEFT_BONES, RIGHT_BONES, MotionCritic, PoseCritic, ViewCritic
from train.mocap.takes import TRAINING, load_takes, split
from train.views import PhotoPoses, input_rays, load_photo_poses, new_views, reprojection, turned
from train.windows import Batch, MotionPool, training_batch


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """Everything that decides the outcome, written into the checkpoint and the weights.

    ``sequences`` of ``windows`` consecutive windows a step; one in ``adversarial_every`` steps is played against the
    critics, with ``photos`` lifted photographs. ``minutes`` of wall time, or ``steps`` where it is 0.
    """

    minutes: float = 0.0
    steps: int = 12000
    sequences: int = 256
    windows: int = 3
    photos: int = 192
    adversarial_every: int = 4
    learning_rate: float = 1.2e-3
    critic_rate: float = 3e-4
    weight_decay: float = 0.01
    ema: float = 0.999
    w_nll: float = 0.02
    w_velocity: float = 1.0
    w_acceleration: float = 1.0
    w_symmetry: float = 0.2
    w_pose: float = 0.005
    w_motion: float = 0.005
    w_view: float = 0.005
    w_match: float = 0.02
    w_cycle: float = 0.25
    w_reprojection: float = 0.25
    seed: int = 0
    shape: LifterShape = field(default_factory=LifterShape)
    augmentation: Augmentation = field(default_factory=Augmentation)


class Trainer:
    """All that changes while training, and one method per step."""

    def __init__(self, recipe: Recipe, photos: PhotoPoses | None, device: str = "cpu") -> None:
        torch.manual_seed(recipe.seed)
        self.recipe, self.photos, self.device = recipe, photos, device
        self.net = Lifter(recipe.shape).to(device)
        self.average = copy.deepcopy(self.net)
        self.critics = nn.ModuleDict({"pose": PoseCritic(), "motion": MotionCritic(), "view": ViewCritic()}).to(device)
        decay = {"weight_decay": recipe.weight_decay}
        self.optimizer = torch.optim.AdamW(self.net.parameters(), lr=recipe.learning_rate, **decay)
        self.critic_optimizer = torch.optim.Adam(self.critics.parameters(), lr=recipe.critic_rate, betas=(0.5, 0.9))
        self.step, self.elapsed = 0, 0.0
        self.bf16 = device != "cpu" or torch.cpu.get_capabilities().get("avx512_bf16", False)

    def _parts(self) -> tuple[dict[str, nn.Module], dict[str, torch.optim.Optimizer]]:
        modules = {"net": self.net, "average": self.average, "critics": self.critics}
        return modules, {"optimizer": self.optimizer, "critic_optimizer": self.critic_optimizer}

    def save(self, path: Path) -> None:
        """Write a checkpoint."""
        numbers = {"step": self.step, "elapsed": self.elapsed, "recipe": asdict(self.recipe)}
        checkpoint.save(path, *self._parts(), numbers)

    def load(self, path: Path) -> None:
        """Go on from a checkpoint of the same recipe."""
        numbers = checkpoint.load(path, *self._parts())
        if numbers["recipe"] != json.loads(json.dumps(asdict(self.recipe))):
            raise SystemExit(f"{path} was made by another recipe; choose another --work or remove it")
        self.step, self.elapsed = int(str(numbers["step"])), float(str(numbers["elapsed"]))

    @property
    def progress(self) -> float:
        """0 at the start, 1 at the end."""
        return min(
            1.0, self.elapsed / 60 / self.recipe.minutes if self.recipe.minutes else self.step / self.recipe.steps
        )

    def lift(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """The net in bfloat16 where the machine has it."""
        with torch.autocast(self.device, torch.bfloat16, enabled=self.bf16):
            joints, log_sigma = self.net(features)
        return joints.float(), log_sigma.float()

    def train_on(self, batch: Batch) -> dict[str, float]:
        """One step of the generator, and of the critics where it is their turn; returns the losses."""
        started = time.monotonic()
        self._set_rate()
        parts = self._supervised(batch)
        if self.recipe.adversarial_every and self.step % self.recipe.adversarial_every == 0:
            parts |= self._adversarial(batch)
        weights = {name: getattr(self.recipe, f"w_{name}", 1.0) for name in parts}
        loss = torch.stack([weights[name] * value for name, value in parts.items()]).sum()
        if not torch.isfinite(loss):
            told = ", ".join(f"{name} {value.item():g}" for name, value in parts.items())
            raise SystemExit(f"step {self.step}: the loss is no longer finite ({told}); lower --learning-rate")
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimizer.step()
        self._average()
        self.step += 1
        self.elapsed += time.monotonic() - started
        return {name: value.item() for name, value in parts.items()}

    def _set_rate(self) -> None:
        """Cosine to 1 % after a short warm-up."""
        warm = min(1.0, (self.step + 1) / 200)
        rate = self.recipe.learning_rate * warm * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * self.progress)))
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    def _average(self) -> None:
        decay = min(self.recipe.ema, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for mean, now in zip(self.average.parameters(), self.net.parameters(), strict=True):
                mean.lerp_(now, 1 - decay)

    def _supervised(self, batch: Batch) -> dict[str, Tensor]:
        features, target, turn = (
            torch.from_numpy(a).to(self.device) for a in (batch.features, batch.target, batch.turn)
        )
        pose, log_sigma = self.lift(features)
        shape = (self.recipe.windows, -1, 17, 3)
        # Turned back into the real camera, where consecutive answers can be compared.
        self._moves, moves = (pose @ turn).reshape(shape), (target @ turn).reshape(shape)
        self._real = moves
        return {
            "mpjpe": losses.mpjpe(pose, target),
            "nll": losses.nll(log_sigma, pose, target),
            "velocity": losses.mpjve(self._moves, moves),
            "acceleration": losses.acceleration(self._moves, moves),
            "symmetry": losses.symmetry(pose, LEFT_BONES, RIGHT_BONES),
        }

    def _adversarial(self, batch: Batch) -> dict[str, Tensor]:
        """The critics' step on what is lifted now, then their word on it."""
        rng = np.random.default_rng([self.recipe.seed, self.step, 1])
        step = torch.from_numpy(batch.step).to(self.device)
        pairs = {"motion": ((self._real, step), (self._moves, step))}
        parts: dict[str, Tensor] = {}
        poses = [self._moves[-1]]
        if self.photos is not None:
            frames = self.photos.draw(rng, self.recipe.photos).to(self.device)
            with torch.autocast(self.device, torch.bfloat16, enabled=self.bf16):
                views = new_views(self.net, frames, rng)
            poses.append(views.first)
            pairs["view"] = ((input_rays(frames),), (views.views,))
            parts["cycle"] = losses.mpjpe(views.again, views.turned)
            parts["reprojection"] = reprojection(views.first, frames)
        pairs["pose"] = ((self._spun(self._real[-1], rng),), (self._spun(torch.cat(poses), rng),))
        self._teach(pairs)
        match = []
        for name, (real, fake) in pairs.items():
            score, features = self.critics[name](*fake)
            parts[name] = losses.lsgan_generator(score)
            match.append(losses.feature_matching(self.critics[name](*real)[1], features))
        return parts | {"match": torch.stack(match).sum()}

    def _spun(self, poses: Tensor, rng: np.random.Generator) -> Tensor:
        """Poses seen from a random side, so that the critic cannot tell photographs by their cameras."""
        angle = torch.from_numpy(rng.uniform(-np.pi, np.pi, len(poses)).astype(np.float32)).to(poses.device)
        return turned(poses, angle, 0 * angle)

    def _teach(self, pairs: dict[str, tuple[tuple[Tensor, ...], tuple[Tensor, ...]]]) -> None:
        loss = torch.stack(
            [
                losses.lsgan_critic(
                    self.critics[name](*(x.detach() for x in real))[0],
                    self.critics[name](*(x.detach() for x in fake))[0],
                )
                for name, (real, fake) in pairs.items()
            ]
        ).sum()
        self.critic_optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.critic_optimizer.step()


def batches(pool: MotionPool, recipe: Recipe, first: int) -> Iterator[Batch]:
    """Step after step, each seeded by its number, made by one thread ahead of the net."""

    def make(step: int) -> Batch:
        rng = np.random.default_rng([recipe.seed, step])
        return training_batch(pool, rng, recipe.sequences, recipe.augmentation, windows=recipe.windows)

    with ThreadPoolExecutor(1) as ahead:
        waiting = ahead.submit(make, first)
        for step in range(first + 1, sys.maxsize):
            batch = waiting.result()
            waiting = ahead.submit(make, step)
            yield batch


def run(trainer: Trainer, pool: MotionPool, work: Path, *, save_every: int = 250) -> list[dict[str, float]]:
    """Train to the end, with a checkpoint now and then; returns the losses of every step."""
    path, log = work / "lifter.safetensors", []
    if path.is_file():
        trainer.load(path)
    means: dict[str, float] = {}
    with tqdm(total=100, unit="%", bar_format="{l_bar}{bar}| {elapsed} {postfix}") as bar:
        for batch in batches(pool, trainer.recipe, trainer.step):
            if trainer.progress >= 1:
                break
            log.append(trainer.train_on(batch))
            means = {k: 0.98 * means.get(k, v) + 0.02 * v for k, v in {**means, **log[-1]}.items()}
            if trainer.step % save_every == 0:
                trainer.save(path)
            if trainer.step % 20 == 0:
                bar.n = round(100 * trainer.progress, 1)
                bar.set_postfix_str(f"step {trainer.step} " + " ".join(f"{k} {v:.4f}" for k, v in means.items()))
    trainer.save(path)
    return log


def main(arguments: list[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m train.lifter", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with mocap/ and poses2d/")
    parser.add_argument("--work", type=Path, default=Path("runs"), help="caches and checkpoints (runs)")
    parser.add_argument("--out", type=Path, default=WEIGHTS, help="where the weights go")
    parser.add_argument("--minutes", type=float, default=0.0, help="wall time, instead of --steps")
    parser.add_argument("--steps", type=int, default=12000)
    parser.add_argument("--sequences", type=int, default=256, help="of three windows each, per step")
    parser.add_argument("--learning-rate", type=float, default=1.2e-3)
    parser.add_argument("--adversarial-every", type=int, default=4, help="0 trains without critics")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    given = vars(parser.parse_args(arguments))
    data, work, out, device = (given.pop(name) for name in ("data", "work", "out", "device"))
    torch.set_num_threads(given.pop("threads"))
    recipe = Recipe(**given)
    takes, _ = split(load_takes(data, work, TRAINING))
    photos = load_photo_poses(data) if recipe.adversarial_every else None
    trainer = Trainer(recipe, photos, device)
    run(trainer, MotionPool.of(takes), work)
    notes = {"recipe": json.dumps(asdict(recipe)), "steps": str(trainer.step), "seconds": f"{trainer.elapsed:.0f}"}
    save_lifter(trainer.average.cpu(), out, notes)
    print(f"{out}: {trainer.step} steps in {trainer.elapsed / 60:.1f} min")


if __name__ == "__main__":
    main()
