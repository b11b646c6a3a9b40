"""The detector's recipe: settings, batches and losses."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from stream3d.nets.person import PersonShape, cells
from stream3d.nets.person_torch import PersonNet
from stream3d.pose2d.detect import input_shape
from train.detector import losses
from train.detector.assign import assign
from train.detector.augment import Augmentation, Canvas, make_canvas
from train.detector.depthwise import hasten
from train.detector.people import LABEL
from train.detector.photos import TRAINING, Photos
from train.detector.start import begin_as_blazepose
from train.detector.teacher import Teacher
from train.recipe import Run

_SHAPES, _SHARES = ((4, 3), (3, 4), (1, 1), (16, 9)), (0.5, 0.2, 0.15, 0.15)
_BEYOND = 4.0  # cells outside a labelled person, in its doubtful surroundings, that are still nobody: pixels


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe(Run):
    """Everything that decides the outcome, written into the checkpoint and the weights.

    ``start`` is ``blazepose``, nothing, or a file of weights to go on from. A step is ``pictures`` pictures whose
    longer side is one of ``sizes``, most of them lying 4:3. Each tensor of the trunk learns at ``trunk_rate`` times its
    size times the head's rate, the stem and first ``frozen`` blocks not at all (0: all learns). ``empty`` is the share
    of photographs that are drawn from those without people. ``focus`` is the power by which what is nearly right counts
    less. Every ``look_every`` steps the log gets AP50 on a few validation photographs (0: never). ``teacher`` is a
    YOLOX net as ONNX, in the folder of the data, whose scores are learnt too, less and less so (none if empty). Each
    ``w_`` is the weight of a loss.
    """

    start: str = "blazepose"
    pictures: int = 16
    sizes: tuple[int, ...] = (256, 320, 384)
    trunk_rate: float = 1.0
    frozen: int = 2
    empty: float = 0.15
    focus: float = 1.5
    look_every: int = 500
    w_score: float = 1.0
    w_box: float = 2.0
    w_points: float = 1.0
    w_taught: float = 1.0
    teacher: str = "nets/yolox_nano.onnx"
    shape: PersonShape = field(default_factory=PersonShape)
    augmentation: Augmentation = field(default_factory=Augmentation)


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """Pictures and who is in them.

    ``pictures`` uint8 [B, H, W, 3] RGB; ``people`` float32 [B, G, 9], zeros for nobody; ``counted`` bool [B, N]: cells
    whose score is judged if nobody is assigned to them; ``taught`` float32 [B, N] the teacher's scores of them.
    """

    pictures: npt.NDArray[np.uint8]
    people: npt.NDArray[np.float32]
    counted: npt.NDArray[np.bool_]
    taught: npt.NDArray[np.float32] | None = None


def batch_of(canvases: list[Canvas]) -> Batch:
    """Pictures of one size as a batch."""
    pictures = np.stack([canvas.picture for canvas in canvases])
    centres = cells(*pictures.shape[1:3])
    gathered = [np.concatenate([*canvas.people, np.zeros((0, LABEL), np.float32)]) for canvas in canvases]
    people = np.zeros((len(canvases), max(1, *map(len, gathered)), LABEL), np.float32)
    for row, those in zip(people, gathered, strict=True):
        row[: len(those)] = those
    counted = np.stack([_counted(c, those, centres) for c, those in zip(canvases, gathered, strict=True)])
    return Batch(pictures=pictures, people=people, counted=counted)


def _counted(
    canvas: Canvas, people: npt.NDArray[np.float32], centres: npt.NDArray[np.float32]
) -> npt.NDArray[np.bool_]:
    nothing = [np.zeros((0, 4), np.float32)]
    doubtful = _inside(np.concatenate(canvas.doubtful + nothing), centres, 0.0)
    doubtful &= ~_inside(people[:, :4], centres, _BEYOND)
    out: npt.NDArray[np.bool_] = ~_inside(np.concatenate(canvas.ignore + nothing), centres, 0.0) & ~doubtful
    return out


def _inside(boxes: npt.NDArray[np.float32], centres: npt.NDArray[np.float32], margin: float) -> npt.NDArray[np.bool_]:
    within = (centres > boxes[:, None, :2] - margin) & (centres < boxes[:, None, 2:] + margin)
    out: npt.NDArray[np.bool_] = within.all(-1).any(0)
    return out


def _shape(size: int, rng: np.random.Generator) -> tuple[int, int]:
    wide, high = _SHAPES[int(rng.choice(len(_SHAPES), p=_SHARES))]
    return input_shape(wide, high, size)


class Finding:
    """The game: a detector, and photographs to find people in."""

    name = "detector"
    watched = "box"

    def __init__(self, recipe: Recipe, photos: Photos, numbers: npt.NDArray[np.int64] | None = None) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe, self.photos = recipe, photos
        numbers = photos.chosen(TRAINING) if numbers is None else numbers
        self.empty, self.peopled = (numbers[photos.negative[numbers] == empty] for empty in (True, False))
        # as many from empty photographs: soft edges must say nothing of what lies within
        self.patches = np.concatenate([self.peopled, np.resize(self.empty, len(self.peopled) * (len(self.empty) > 0))])
        self.teacher = Teacher(photos.folder / recipe.teacher) if recipe.teacher and recipe.w_taught else None
        self.net = PersonNet(recipe.shape)
        if recipe.start == "blazepose":
            begin_as_blazepose(self.net)
        self.net.trunk.stem.requires_grad_(requires_grad=recipe.frozen == 0)
        self.net.trunk.low[: recipe.frozen].requires_grad_(requires_grad=False)
        hasten(self.net)

    def batch(self, step: int) -> Batch:
        """What a step is trained on, the same each time; called from another thread, one step ahead."""
        rng = np.random.default_rng([self.recipe.seed, step])
        shape = _shape(int(rng.choice(self.recipe.sizes)), rng)
        how = self.recipe.augmentation
        canvases = []
        for _ in range(self.recipe.pictures):
            empty = len(self.empty) > 0 and rng.random() < self.recipe.empty
            numbers = self.empty if empty else self.peopled
            canvases.append(make_canvas(self.photos, numbers, shape, rng, how, self.patches))
        batch = batch_of(canvases)
        return replace(batch, taught=self.teacher(batch.pictures)) if self.teacher else batch

    def losses(self, batch: Batch, boxes: Tensor, logits: Tensor) -> dict[str, Tensor]:
        """The losses by name, each before its weight, of answers ``boxes`` [B, N, 8] and ``logits`` [B, N]."""
        people, counted = (torch.from_numpy(array).to(boxes.device) for array in (batch.people, batch.counted))
        centres = torch.from_numpy(cells(*batch.pictures.shape[1:3])).to(boxes.device)
        ends = torch.cat((centres - boxes[..., :2], centres + boxes[..., 2:4]), -1)
        given = assign(ends.detach(), logits.detach().sigmoid(), centres, people[..., :4])
        counted = counted | (given.person >= 0)
        parts = {"score": losses.quality_focal(logits, given.quality, counted, self.recipe.focus)}
        rows, at = (given.person >= 0).nonzero(as_tuple=True)
        truth, quality = people[rows, given.person[rows, at]], given.quality[rows, at].clamp(min=0.05)
        hips = centres[at] + boxes[rows, at, 4:6]
        away = losses.points(hips, hips + boxes[rows, at, 6:8], truth[:, 4:8])
        if batch.taught is not None:
            taught = torch.from_numpy(batch.taught).to(boxes.device)
            parts["taught"] = losses.quality_focal(logits, taught, torch.ones_like(counted), self.recipe.focus)
        return parts | {
            "box": (losses.giou(ends[rows, at], truth[:, :4]) * quality).sum() / quality.sum().clamp(min=1.0),
            "points": (away * truth[:, 8] * quality).sum() / (truth[:, 8] * quality).sum().clamp(min=1.0),
        }
