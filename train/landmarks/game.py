"""The landmark net's recipe: settings, batches and losses."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from stream3d.nets.blazepose import LANDMARK_SIZE, LANDMARKS
from stream3d.nets.blazepose_torch import load_landmarker
from train.detector.photos import TRAINING, Photos
from train.landmarks import losses
from train.landmarks.augment import (
    Augmentation,
    Crop,
    cut_off,
    finished,
    half_hidden,
    into_crop,
    jittered,
    mirrored,
    photographed,
)
from train.landmarks.net import Answers, answers, trainable
from train.landmarks.people import people_in, remembered
from train.landmarks.targets import targets_of, tolerances
from train.recipe import Run

Float32 = npt.NDArray[np.float32]
_TRIES = 8  # at finding a place in a photograph where nobody is
_NOBODY = 0.1  # share of a box, or of the region, that may be in both


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe(Run):
    """Everything that decides the outcome, written into the checkpoint and the weights.

    A step is ``crops`` crops, the share ``empty`` of them without anybody. The first ``frozen`` layers do not learn.
    Every ``look_every`` steps the log gets what is found on the validation photographs (0: never). What is written are
    weights between those before training and the trained ones, the share ``blend`` of these. Each ``w_`` is the weight
    of a loss.
    """

    crops: int = 16
    frozen: int = 20
    empty: float = 0.12
    look_every: int = 500
    blend: float = 0.4
    w_points: float = 1.0
    w_heat: float = 0.5
    w_depth: float = 0.3
    w_seen: float = 0.3
    w_person: float = 0.5
    augmentation: Augmentation = field(default_factory=Augmentation)


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """``crops`` uint8 [B, 256, 256, 3] RGB, ``person`` float32 [B] = 1 or nobody; the rest as in ``augment.Crop``."""

    crops: npt.NDArray[np.uint8]
    person: Float32
    points: Float32
    sure: Float32
    depth: Float32
    deep: Float32
    seen: Float32
    judged: Float32
    scale: Float32


class Reading:
    """The game: a net that reads joints, and people to read.

    ``memory`` is a file in which is kept what the net said of the people before.
    """

    name = "landmarks"
    watched = "points"

    def __init__(
        self,
        recipe: Recipe,
        photos: Photos,
        numbers: npt.NDArray[np.int64] | None = None,
        *,
        memory: Path | None = None,
    ) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe, self.photos = recipe, photos
        self.numbers = photos.chosen(TRAINING) if numbers is None else numbers
        self.people = people_in(photos, self.numbers)
        teacher = load_landmarker()
        told, people = remembered(memory, teacher, photos, self.people), self.people
        self.targets = targets_of(people.keypoints, people.places, told, people.scale())
        self.net: nn.Module = trainable(teacher, recipe.frozen)
        self._tolerances = torch.from_numpy(tolerances())
        self._circles, self._boxes = self.people.by_circle(), self.people.by_box()

    def batch(self, step: int) -> Batch:
        """What a step is trained on, the same each time; called from another thread, one step ahead."""
        rng = np.random.default_rng([self.recipe.seed, step])
        made = [
            self._nobody(rng) if rng.random() < self.recipe.empty else self._somebody(rng)
            for _ in range(self.recipe.crops)
        ]
        several = ("points", "sure", "depth", "deep", "seen", "judged")
        return Batch(
            crops=np.stack([one.picture for one in made]),
            person=np.array([one.judged.any() for one in made], np.float32),
            scale=np.array([one.scale for one in made], np.float32),
            **{name: np.stack([getattr(one, name) for one in made]) for name in several},
        )

    def _somebody(self, rng: np.random.Generator) -> Crop:
        how, row = self.recipe.augmentation, int(rng.integers(len(self.people.photo)))
        region = jittered((self._boxes if rng.random() < how.by_box else self._circles)[row], rng, how)
        photo, t = self.photos.picture(int(self.people.photo[row])), self.targets
        made = Crop(
            picture=photo,
            points=t.points[row].copy(),
            depth=t.depth[row] * (LANDMARK_SIZE / region[2]),
            scale=float(t.scale[row] * LANDMARK_SIZE / region[2]),
            **{name: getattr(t, name)[row].copy() for name in ("sure", "deep", "seen", "judged")},
        )
        if rng.random() < how.cut:
            photo = cut_off(made, photo, region, rng)
        made.points = into_crop(made.points, region)
        made.picture = photographed(photo, region, rng, how)
        if rng.random() < how.hidden:
            half_hidden(made, self.photos.picture(int(rng.choice(self.numbers))), rng)
        made.picture = finished(made.picture, rng, how)
        if rng.random() < 0.5:
            mirrored(made)
        return made

    def _nobody(self, rng: np.random.Generator) -> Crop:
        how, nothing = self.recipe.augmentation, np.zeros(LANDMARKS, np.float32)
        photo, region = self._empty_place(rng)
        picture = finished(photographed(photo, jittered(region, rng, how), rng, how), rng, how)
        points = np.zeros((LANDMARKS, 2), np.float32)
        rest = dict.fromkeys(("sure", "depth", "deep", "seen", "judged"), nothing)
        return Crop(picture=picture, points=points, scale=LANDMARK_SIZE / 2, **rest)

    def _empty_place(self, rng: np.random.Generator) -> tuple[npt.NDArray[np.uint8], Float32]:
        """A photograph, half the time one with people, and a region of it where nobody is."""
        empty = self.photos.negative[self.numbers]
        while True:
            those = self.numbers[empty == (rng.random() < 0.5)]
            number = int(rng.choice(those if len(those) else self.numbers))
            labels, photo = self.photos.labels(number), self.photos.picture(number)
            if not labels.complete and not self.photos.negative[number]:
                continue
            boxes = np.concatenate([labels.people[:, :4], labels.ignore])
            for _ in range(_TRIES):
                side = max(photo.shape[:2]) * np.exp(rng.uniform(np.log(0.12), np.log(1.0)))
                x, y = rng.uniform(0, 1, 2) * photo.shape[1::-1]
                if not _shared(boxes, np.array([x - side / 2, y - side / 2, x + side / 2, y + side / 2])):
                    return photo, np.array([x, y, side, 0.0], np.float32)

    def losses(self, batch: Batch, said: Answers) -> dict[str, Tensor]:
        """The losses by name, each before its weight."""
        device = said.points.device
        told = {name: torch.from_numpy(getattr(batch, name)).to(device) for name in Batch.__slots__ if name != "crops"}
        tolerance = told["scale"][:, None] * self._tolerances.to(device)
        cells = told["points"] * (said.heat.shape[-1] / LANDMARK_SIZE)
        return {
            "points": losses.places(said.points, told["points"], told["sure"], tolerance),
            "heat": losses.heat_maps(said.heat, cells, told["sure"]),
            "depth": losses.depths(said.depth, told["depth"], told["deep"], told["scale"]),
            "seen": losses.chances(said.seen, told["seen"], told["judged"]),
            "person": losses.chances(said.person, told["person"], torch.ones_like(said.person)),
        }

    def answers(self, crops: Tensor) -> Answers:
        """What the net says of crops."""
        return answers(self.net, crops)


def _shared(boxes: Float32, region: npt.NDArray[np.float64]) -> bool:
    """Whether a box [K, 4] and the region x0, y0, x1, y1 share much."""
    low, high = np.maximum(boxes[:, :2], region[:2]), np.minimum(boxes[:, 2:], region[2:])
    common = np.prod(np.clip(high - low, 0, None), axis=1)
    own, all_of_it = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1), np.prod(region[2:] - region[:2])
    return bool((common > _NOBODY * np.maximum(np.minimum(own, all_of_it), 1.0)).any())
