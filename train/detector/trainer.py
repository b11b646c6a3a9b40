"""What the detector's training needs beyond the harness: a net of its own and slower learning of the trunk."""

from __future__ import annotations

import copy
import json
from dataclasses import asdict
from pathlib import Path

import torch
from torch import nn

from stream3d.nets.person_torch import load_person, save_person
from train.detector.game import Batch, Finding
from train.detector.photos import VALIDATION
from train.detector.validate import best_threshold, curve_of
from train.harness import Trainer, device_of, has_bf16, size_of
from train.watch import Watch

_LOOKED_AT = 80  # validation photographs


class DetectorTrainer(Trainer[Batch]):
    """All that changes while the detector is trained."""

    def __init__(self, game: Finding, device: str = "cpu") -> None:
        self.game, self.device = game, device_of(device)
        recipe = game.recipe
        if recipe.start not in ("", "blazepose"):
            game.net.load_state_dict(load_person(Path(recipe.start)).state_dict())
        net = game.net.to(self.device, memory_format=torch.channels_last)
        self.nets, self.critics = nn.ModuleDict({"person": net}), nn.ModuleDict()
        self.average = copy.deepcopy(self.nets)
        self.optimizer = torch.optim.AdamW(self._groups(), lr=recipe.learning_rate, fused=True)
        self.step, self.elapsed, self.bf16 = 0, 0.0, has_bf16(self.device)
        self.watch = Watch(name=game.watched, factor=recipe.diverged, patience=recipe.patience, warm_up=recipe.warm_up)

    def _groups(self) -> list[dict[str, object]]:
        """The head's weights decay, its biases do not; each tensor of the trunk learns by its own size."""
        recipe, groups = self.game.recipe, []
        for flat in (True, False):
            those = [p for p in self.game.net.heads.parameters() if (p.ndim == 1) == flat]
            groups.append({"params": those, "weight_decay": 0.0 if flat else recipe.weight_decay, "share": 1.0})
        for tensor in self.game.net.trunk.parameters():
            if tensor.requires_grad:
                share = recipe.trunk_rate * size_of(tensor)
                groups.append({"params": [tensor], "weight_decay": 0.0, "share": share})
        return groups

    def notes(self) -> dict[str, str]:
        """As ever, but of the file that it started from only the name: where it lay is nobody's business."""
        recipe = asdict(self.game.recipe)
        return super().notes() | {"recipe": json.dumps(recipe | {"start": Path(recipe["start"]).name})}

    def _parts(self) -> tuple[dict[str, nn.Module], dict[str, torch.optim.Optimizer]]:
        return {"nets": self.nets, "average": self.average}, {"optimizer": self.optimizer}

    def train_on(self, batch: Batch) -> dict[str, float]:
        """One step; now and then also what the averaged weights find on some validation photographs."""
        told = super().train_on(batch)
        every = self.game.recipe.look_every
        if every and self.step % every == 0:
            numbers = self.game.photos.chosen(VALIDATION)[:_LOOKED_AT]
            told["ap50"] = curve_of(self.average["person"], self.game.photos, numbers).average_precision
        return told

    def _losses(self, batch: Batch) -> dict[str, torch.Tensor]:
        pictures = torch.from_numpy(batch.pictures).to(self.device)
        with self.autocast():
            boxes, logits = self.game.net.raw(pictures)
        parts = self.game.losses(batch, boxes, logits)
        if "taught" in parts:
            parts["taught"] = parts["taught"] * (1 - self.progress)  # in the end what is right is right
        return parts

    def _set_rate(self) -> None:
        super()._set_rate()
        for group in self.optimizer.param_groups:
            group["lr"] *= group["share"]


def finish(trainer: DetectorTrainer, out: Path) -> None:
    """Write the averaged weights and the threshold that is best on the validation photographs."""
    net = trainer.average["person"].cpu().float()
    save_person(net, out, trainer.notes())
    found = best_threshold(load_person(out), trainer.game.photos)
    save_person(net, out, {**trainer.notes(), **{name: f"{value:.4f}" for name, value in found.items()}})
