"""Train a lifter from 2D poses alone: no motion capture, no 3D at all.

Method: Kudo et al. 2018, "Unsupervised adversarial learning of 3D human pose from 2D joint locations": a lifted pose,
turned about the vertical and projected, must look like a real one to a critic. The turned view is lifted again and
turned back (Chen et al. 2019, "Unsupervised 3D pose estimation with geometric self-supervision", section 3). The tilt
of cameras is sampled, or predicted per picture (Wandt et al. 2022, "ElePose", section 3.3). Joints stay on their rays;
input is damaged as 2D nets damage it, and what was labelled is asked back.

    python -m train.mpii2d --data DIR [--config FILE] [--minutes N]
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from stream3d.nets.lifter import WEIGHTS
from stream3d.nets.lifter_torch import LifterShape
from train import command, losses, photographs
from train.adversary import Kind, teach, word
from train.anatomy import prior
from train.augment import Augmentation
from train.critics import PlaneCritic
from train.harness import Trainer
from train.people import People, load_people
from train.photographs import NewViews, Photographs, ViewRanges
from train.pictures import Shown
from train.recipe import Schedule
from train.single import single_frame_lifter
from train.tilt import TiltNet

OUT = WEIGHTS.with_name("lifter-mpii2d.safetensors")


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe(Schedule):
    """Everything that decides the outcome.

    ``people`` of the 2D sets ``sets`` a step, a quarter of them out of ``poses``, a file of 2D poses, if one is named;
    ``gan`` is how the critic keeps score, ``critic_steps`` how often it learns a step, ``views`` of each person what it
    judges. ``tilt`` says how views are tilted: "sampled" against the picture they come from with a spread of
    ``tilt_deg``, or "predicted" by a net that says the elevation of each picture's camera, and drawn from what it says
    of the others. ``tremor_m`` is how much labels tremble, and projections with them. Each ``w_`` is the weight of a
    loss: 0 switches it off.
    """

    steps: int = 20000
    learning_rate: float = 1e-3
    critic_rate: float = 1e-3
    sets: tuple[str, ...] = ("mpii", "coco")
    poses: str = ""
    people: int = 128
    gan: Kind = "lsgan"
    critic_steps: int = 1
    critic_width: int = 512
    views: int = 4
    tilt: Literal["sampled", "predicted"] = "sampled"
    tilt_deg: float = 8.0
    tremor_m: float = 0.01
    w_view: float = 1.0
    w_cycle: float = 2.0
    w_back: float = 1.0
    w_rays: float = 1.0
    w_size: float = 1.0
    w_symmetry: float = 0.5
    w_bones: float = 1.0
    w_bend: float = 2.0
    w_behind: float = 0.5
    w_spine: float = 0.5
    w_nll: float = 0.02
    shape: LifterShape = field(default_factory=lambda: LifterShape(kind="mlp", blocks=2))
    augmentation: Augmentation = field(default_factory=Augmentation)


class FromPhotographs:
    """The game: the lifter against a critic of 2D poses."""

    name = "mpii2d"
    watched = "cycle"

    def __init__(self, recipe: Recipe, people: People) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe, self.people = recipe, people
        self.lifter = single_frame_lifter(recipe.shape)
        self.critics = nn.ModuleDict({"view": PlaneCritic(recipe.critic_width)} if recipe.w_view else {})
        self.helpers = nn.ModuleDict({"tilt": TiltNet()} if recipe.tilt == "predicted" else {})

    def batch(self, step: int) -> Photographs:
        """See train.recipe.Game."""
        recipe, rng = self.recipe, np.random.default_rng([self.recipe.seed, step])
        ranges = ViewRanges(views=recipe.views, tremor_m=recipe.tremor_m)
        return photographs.drawn(self.people, rng, recipe.people, recipe.augmentation, ranges)

    def losses(self, batch: Photographs, trainer: Trainer[Photographs]) -> dict[str, Tensor]:
        """See train.recipe.Game."""
        views = self.views(batch, trainer)
        parts = {
            "cycle": losses.mpjpe(views.again, views.around),
            "back": views.back,
            "rays": views.off_rays,
            "size": views.off_size,
            "nll": losses.nll(views.log_sigma, views.again, views.around.detach()),
            **prior(views.first),
        }
        if "view" in self.critics:
            for _ in range(self.recipe.critic_steps):
                teach(self.recipe.gan, {"view": (views.real, views.fake)}, trainer, views.mix)
            parts["view"] = word(self.recipe.gan, self.critics["view"](views.fake)[0])
        return parts

    def views(self, batch: Photographs, trainer: Trainer[Photographs]) -> NewViews:
        """The people lifted, turned, seen anew and lifted again."""
        return photographs.new_views(batch, trainer, self._tilts)

    def _tilts(self, frames: Tensor, normal: Tensor) -> tuple[Tensor, Tensor]:
        """Sampled against the picture's own, or about what is predicted of the others' (see Recipe)."""
        if "tilt" not in self.helpers:
            return 0 * normal, math.radians(self.recipe.tilt_deg) * normal
        said = self.helpers["tilt"](frames)
        around = said.detach()
        return -said, around.mean() + around.std().clamp(0.02, 0.5) * normal

    @torch.no_grad()
    def shown(self, batch: Photographs, trainer: Trainer[Photographs]) -> Shown:
        """See train.recipe.Game."""
        return photographs.shown(batch, trainer)


def game_of(recipe: Recipe, place: command.Place) -> FromPhotographs:
    """The game on the data of a folder."""
    return FromPhotographs(recipe, load_people(place.data, recipe.sets, recipe.poses))


def main(arguments: list[str] | None = None) -> None:
    """The command."""
    command.main(Recipe, game_of, __doc__ or "", OUT, arguments, name="mpii2d")


if __name__ == "__main__":
    main()
