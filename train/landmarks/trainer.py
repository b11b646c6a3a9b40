"""What the landmark net's training needs beyond the harness."""

from __future__ import annotations

import copy
from pathlib import Path

import torch
from torch import nn

from stream3d.nets.blazepose_torch import landmark_graph, load_landmarker
from stream3d.nets.graph_file import save_graph
from train.detector.photos import VALIDATION
from train.harness import Trainer, device_of, has_bf16, size_of
from train.landmarks.calibrate import belief_in
from train.landmarks.game import Batch, Reading
from train.landmarks.net import refilled
from train.landmarks.people import people_in
from train.landmarks.validate import figures
from train.watch import Watch


class LandmarkTrainer(Trainer[Batch]):
    """All that changes while the landmark net is trained."""

    def __init__(self, game: Reading, device: str = "cpu") -> None:
        self.game, self.device = game, device_of(device)
        recipe = game.recipe
        net = game.net.to(self.device, memory_format=torch.channels_last)
        self.nets, self.critics = nn.ModuleDict({"landmarks": net}), nn.ModuleDict()
        self.average = copy.deepcopy(self.nets)
        decay = {"weight_decay": recipe.weight_decay}
        self.optimizer = torch.optim.AdamW(_groups(net), lr=recipe.learning_rate, fused=True, **decay)
        self.step, self.elapsed, self.bf16 = 0, 0.0, has_bf16(self.device)
        self.watch = Watch(name=game.watched, factor=recipe.diverged, patience=recipe.patience, warm_up=recipe.warm_up)
        self.looked_at = people_in(game.photos, game.photos.chosen(VALIDATION))

    def _parts(self) -> tuple[dict[str, nn.Module], dict[str, torch.optim.Optimizer]]:
        return {"nets": self.nets, "average": self.average}, {"optimizer": self.optimizer}

    def train_on(self, batch: Batch) -> dict[str, float]:
        """One step; now and then also what the averaged weights read on the validation photographs."""
        told = super().train_on(batch)
        every = self.game.recipe.look_every
        if every and self.step % every == 0:
            told |= figures(self.average["landmarks"], self.game.photos, self.looked_at)
        return told

    def _set_rate(self) -> None:
        super()._set_rate()
        for group in self.optimizer.param_groups:
            group["lr"] *= group["size"]

    def _losses(self, batch: Batch) -> dict[str, torch.Tensor]:
        crops = torch.from_numpy(batch.crops).to(self.device)
        with self.autocast():
            said = self.game.answers(crops)
        return self.game.losses(batch, said)


def _groups(net: nn.Module) -> list[dict[str, object]]:
    """Each tensor for itself with its size, by which its learning rate is multiplied."""
    return [{"params": [p], "size": size_of(p)} for p in net.parameters() if p.requires_grad]


@torch.no_grad()
def blended(net: nn.Module, before: nn.Module, share: float) -> nn.Module:
    """``net`` with weights between those ``before`` training (share 0) and its own (1), in place.

    What was learnt on a few thousand photographs is nearly all there half way, and what the net knew of poses that are
    not among them is still there (Wortsman et al. 2022, "Robust fine-tuning of zero-shot models").
    """
    for now, then in zip(net.parameters(), before.parameters(), strict=True):
        now.copy_(torch.lerp(then.to(now), now, share))
    return net


def finish(trainer: LandmarkTrainer, out: Path) -> None:
    """Write the averaged weights, what they read on the validation photographs, and how far to believe them."""
    net = blended(trainer.average["landmarks"].cpu().float(), load_landmarker().net, trainer.game.recipe.blend)
    found = figures(net, trainer.game.photos, trainer.looked_at)
    notes = trainer.notes() | {name: f"{value:.4f}" for name, value in found.items()}
    notes |= belief_in(net, trainer.game.photos, trainer.looked_at)
    save_graph(refilled(landmark_graph(), net), out, notes)
