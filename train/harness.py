"""Trains any recipe: optimizers, averaged weights, bfloat16, checkpoints, logs, and a word when it goes wrong."""

from __future__ import annotations

import copy
import json
import math
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn
from tqdm import tqdm

from stream3d.errors import DeviceError, SettingsError
from stream3d.nets.lifter_torch import Lifter, load_lifter, save_lifter
from train import checkpoint
from train.log import Log
from train.netfile import save_nets
from train.pictures import sheet
from train.recipe import Game
from train.watch import Watch

B = TypeVar("B")


def device_of(name: str) -> torch.device:
    """The device that was asked for.

    Raises:
        DeviceError: it is not there.
    """
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        first = str(error).splitlines()[0]
        raise DeviceError(f"--device {name} cannot be used: {first}") from error
    return device


def has_bf16(device: torch.device) -> bool:
    """Whether matrix products in bfloat16 are faster here than in float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    able = torch.cpu.get_capabilities()
    return device.type == "cpu" and any(able.get(name, False) for name in ("avx512_bf16", "amx_bf16"))


def size_of(tensor: Tensor) -> float:
    """Root mean square, at least 0.001, by which the learning rate of a tensor can be multiplied.

    Where normalisation is folded into a net its weights are of sizes from 0.005 to 40, and one rate for all would shake
    the small ones while the large ones hardly moved (Shazeer & Stern 2018, "Adafactor", section 8).
    """
    return float(tensor.detach().square().mean().sqrt().clamp(min=1e-3))


def started(lifter: Lifter, weights: Path) -> None:
    """Give a lifter the weights of another, which may have another lookahead.

    Raises:
        SettingsError: they are of another shape.
        ModelError: they cannot be read.
    """
    other = load_lifter(weights)
    if replace(other.shape, lookahead=lifter.lookahead) != lifter.shape:
        raise SettingsError(f"start: {weights} holds a lifter of {other.shape}, and this one has {lifter.shape}")
    lifter.load_state_dict(other.state_dict())


class Trainer(Generic[B]):
    """All that changes while a game is trained, and one method per step."""

    def __init__(self, game: Game[B], device: str = "cpu") -> None:
        self.game, self.device = game, device_of(device)
        recipe = game.recipe
        if recipe.start:
            started(game.lifter, Path(recipe.start))
        self.nets = nn.ModuleDict({"lifter": game.lifter, **game.helpers}).to(self.device)
        self.average = copy.deepcopy(self.nets)
        self.critics = game.critics.to(self.device)
        decay = {"weight_decay": recipe.weight_decay}
        self.optimizer = torch.optim.AdamW(self.nets.parameters(), lr=recipe.learning_rate, fused=True, **decay)
        # A game without critics still has an optimizer for them: of a parameter that nothing ever changes.
        taught = list(self.critics.parameters()) or [nn.Parameter(torch.zeros(1))]
        self.critic_optimizer = torch.optim.Adam(taught, lr=recipe.critic_rate, betas=(0.5, 0.9), fused=True)
        self.step, self.elapsed = 0, 0.0
        self.bf16 = has_bf16(self.device)
        self.watch = Watch(name=game.watched, factor=recipe.diverged, patience=recipe.patience, warm_up=recipe.warm_up)

    def _parts(self) -> tuple[dict[str, nn.Module], dict[str, torch.optim.Optimizer]]:
        modules = {"nets": self.nets, "average": self.average, "critics": self.critics}
        return modules, {"optimizer": self.optimizer, "critic_optimizer": self.critic_optimizer}

    def notes(self) -> dict[str, str]:
        """What is written into every file of weights."""
        recipe = json.dumps(asdict(self.game.recipe))
        return {"name": self.game.name, "recipe": recipe, "steps": str(self.step), "seconds": f"{self.elapsed:.0f}"}

    def save(self, path: Path) -> None:
        """Write a checkpoint."""
        numbers = {"step": self.step, "elapsed": self.elapsed, "watch": self.watch.state()}
        checkpoint.save(path, *self._parts(), numbers | {"recipe": asdict(self.game.recipe)})

    def load(self, path: Path) -> None:
        """Go on from a checkpoint of the same recipe.

        Raises:
            SettingsError: it is another recipe's.
        """
        numbers = checkpoint.numbers_of(path)
        if numbers["recipe"] != json.loads(json.dumps(asdict(self.game.recipe))):
            raise SettingsError(f"{path} was made by another recipe; choose another --work or remove it")
        checkpoint.load(path, *self._parts())
        self.step, self.elapsed = int(numbers["step"]), float(numbers["elapsed"])
        self.watch.restore(numbers["watch"])

    @property
    def progress(self) -> float:
        """0 at the start, 1 at the end."""
        recipe = self.game.recipe
        return min(1.0, self.elapsed / 60 / recipe.minutes if recipe.minutes else self.step / recipe.steps)

    def autocast(self) -> torch.autocast:
        """Bfloat16 where the machine has it."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16)

    def lift(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """The generator's joints and log sigma as float32, computed in bfloat16 where the machine has it."""
        with self.autocast():
            joints, log_sigma = self.nets["lifter"](features)
        return joints.float(), log_sigma.float()

    def teach(self, loss: Tensor) -> None:
        """One step of the critics."""
        self.critic_optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.critic_optimizer.step()

    def train_on(self, batch: B) -> dict[str, float]:
        """One step of the generator, and of the critics where it is their turn; returns the losses.

        Raises:
            TrainingFailedError: a loss is not finite, or the run has diverged.
        """
        recipe = self.game.recipe
        self._set_rate()
        parts = {name: value for name, value in self._losses(batch).items() if recipe.weight(name)}
        values = torch.stack(list(parts.values()))
        told = dict(zip(parts, values.tolist(), strict=True))
        self.watch.check(self.step, told)
        self.optimizer.zero_grad(set_to_none=True)
        (values * values.new_tensor([recipe.weight(name) for name in parts])).sum().backward()
        nn.utils.clip_grad_norm_(self.nets.parameters(), recipe.clip)
        self.optimizer.step()
        self._average()
        self.step += 1
        return told

    def _losses(self, batch: B) -> dict[str, Tensor]:
        return self.game.losses(batch, self)

    def _set_rate(self) -> None:
        """Cosine to 1 % after a short warm-up."""
        recipe = self.game.recipe
        warm = min(1.0, (self.step + 1) / max(1, recipe.warm_up))
        rate = recipe.learning_rate * warm * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * self.progress)))
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    def _average(self) -> None:
        decay = min(self.game.recipe.ema, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for mean, now in zip(self.average.parameters(), self.nets.parameters(), strict=True):
                mean.lerp_(now, 1 - decay)


def batches(game: Game[B], first: int) -> Iterator[B]:
    """Step after step, each made by one thread ahead of the net."""
    with ThreadPoolExecutor(1) as ahead:
        waiting = ahead.submit(game.batch, first)
        for step in range(first + 1, sys.maxsize):
            batch = waiting.result()
            waiting = ahead.submit(game.batch, step)
            yield batch


def run(
    trainer: Trainer[B], work: Path, *, save_every: int = 250, log_every: int = 20, picture_every: int = 500
) -> list[dict[str, float]]:
    """Train to the end, with a checkpoint now and then; returns the losses of every step.

    Raises:
        SettingsError: ``work`` holds a checkpoint of another recipe.
        TrainingFailedError: a loss is not finite, or the run has diverged.
    """
    name, told = trainer.game.name, []
    path = work / f"{name}_checkpoint.safetensors"
    if path.is_file():
        trainer.load(path)
    bar = tqdm(total=100.0, initial=100 * trainer.progress, desc=name, bar_format=_BAR, mininterval=1.0)
    with bar, Log(work, name, trainer.step) as log:
        began = time.monotonic() - trainer.elapsed
        for batch in batches(trainer.game, trainer.step):
            if trainer.progress >= 1:
                break
            told.append(trainer.train_on(batch))
            trainer.elapsed = time.monotonic() - began
            log.add(told[-1])
            if trainer.step % log_every == 0:
                means = log.write(trainer.step, seconds=trainer.elapsed, rate=trainer.optimizer.param_groups[0]["lr"])
                words = " ".join(f"{key} {value:.3g}" for key, value in means.items())
                bar.set_postfix_str(f"step {trainer.step} {words}", refresh=False)
                bar.update(100 * trainer.progress - bar.n)
            if trainer.step % picture_every == 0 and log.draws:
                log.picture(trainer.step, sheet(trainer.game.shown(batch, trainer)))
            if trainer.step % save_every == 0:
                trainer.save(path)
    trainer.save(path)
    return told


_BAR = "{l_bar}{bar:20}| {elapsed}<{remaining} {postfix}"


def finish(trainer: Trainer[B], work: Path, out: Path) -> None:
    """Write the generator's averaged weights to ``out`` and the critics' and helpers' into ``work``."""
    notes = trainer.notes()
    save_lifter(trainer.average["lifter"].cpu(), out, notes)
    others = {"critics": trainer.critics, "helpers": trainer.game.helpers}
    for kind, nets in others.items():
        if nets:
            save_nets(nets, work / f"{trainer.game.name}_{kind}.safetensors", notes)
