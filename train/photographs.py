"""What 2D-only and unpaired training share: photographed people lifted, turned, projected, and lifted again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from train import losses
from train.augment import Augmentation, Rng
from train.harness import Trainer
from train.people import Inputs, People
from train.pictures import Shown
from train.single import Frames, off_rays, on_rays, seen_from, turned_back, usual_size
from train.views import turned

_NEAREST = 0.1
Float32 = npt.NDArray[np.float32]
# From a picture's frames [B, 55] and standard normals [B]: tilts [B] in radians that undo the picture's camera, and
# that the new view's camera has.
Tilts = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Photographs:
    """People as ``inputs``; ``real`` float32 [V·B, 17, 3] other people (x, y, known); and all that chance decides.

    ``turns`` float32 [V, 4, B]: azimuth (radians), tilt (standard normal), depth (metres) of V new views, and 0..1;
    ``tremor`` float32 [V, B, 17, 2] metres is what their labels are off by. ``noise`` float32 [B, 17, 2] metres and
    ``lost`` bool [B, 17] are of the first of them as the lifter sees it.
    """

    inputs: Inputs
    real: Float32
    turns: Float32
    noise: Float32
    lost: npt.NDArray[np.bool_]
    tremor: Float32


@dataclass(frozen=True, kw_only=True, slots=True)
class ViewRanges:
    """How people are looked at anew: ``views`` of each, whose labels tremble by ``tremor_m``."""

    views: int = 4
    tremor_m: float = 0.01


def drawn(people: People, rng: Rng, count: int, how: Augmentation, ranges: ViewRanges) -> Photographs:
    """Photographs at random."""
    many = ranges.views * count
    rays, known = people.real(rng, many)
    turns = [rng.uniform(-np.pi, np.pi, many), rng.standard_normal(many), rng.uniform(2.5, 7.5, many), rng.random(many)]
    level = how.noise_sd * rng.uniform(0, 1.5, (count, 1, 1))
    return Photographs(
        inputs=people.draw(rng, count, how),
        real=np.concatenate([rays * known[..., None], known[..., None]], -1, dtype=np.float32),
        turns=np.stack(turns).reshape(4, ranges.views, count).swapaxes(0, 1).astype(np.float32),
        tremor=(ranges.tremor_m * rng.standard_normal((ranges.views, count, 17, 2))).astype(np.float32),
        noise=(level * rng.standard_normal((count, 17, 2))).astype(np.float32),
        lost=rng.random((count, 17)) < 0.3 * rng.random((count, 1)) * (rng.random((count, 1)) < 0.3),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class NewViews:
    """Poses [B, 17, 3]: ``first`` lifted, the same turned ``around``, that lifted ``again`` (log sigma [B, 17]).

    All are of the usual size. ``back`` is the error in the picture of what was lifted again and turned back;
    ``off_rays`` and ``off_size`` are how far both liftings were from their rays and from the usual size;
    ``real`` and ``fake`` [V·B, 17, 3] are what a critic of 2D poses sees; ``mix`` [V·B] is in 0..1.
    """

    first: Tensor
    around: Tensor
    again: Tensor
    log_sigma: Tensor
    back: Tensor
    off_rays: Tensor
    off_size: Tensor
    real: Tensor
    fake: Tensor
    mix: Tensor


def as_labelled(poses: Tensor, depth: Tensor, known: Tensor, tremor: Tensor) -> Tensor:
    """How annotators see poses [B, 17, 3] whose pelvis is ``depth`` [B] metres away: [B, 17, 3], x, y, known."""
    near = depth[:, None, None] / (poses[..., 2:] + depth[:, None, None]).clamp_min(_NEAREST)
    return torch.cat([(poses[..., :2] * near + tremor) * known, known], -1)


def new_views(batch: Photographs, trainer: Trainer[Any], tilts: Tilts) -> NewViews:
    """Lift, turn about the vertical, project, lift again, turn back; and project from further sides for a critic."""
    frames = Frames.of(batch.inputs, trainer.device)
    given = (batch.real, batch.turns, batch.tremor, batch.noise, batch.lost)
    real, turns, tremor, noise, lost = (torch.from_numpy(array).to(trainer.device) for array in given)
    raw, _ = trainer.lift(frames.windows)
    held, share = on_rays(raw, frames)
    first, unusual = usual_size(held, share)
    known, sides, fakes = frames.known[..., None].float(), [], []
    for (azimuth, normal, depth, _), shaken in zip(turns, tremor, strict=True):
        before, after = tilts(frames.frames, normal)
        around = turned(turned(first, 0 * before, before), azimuth, after)
        sides.append((around, azimuth, before, after, depth))
        fakes.append(as_labelled(around, depth, known, shaken))
    around, azimuth, before, after, depth = sides[0]
    view = seen_from(around, depth, frames, noise, lost)
    raw_again, log_sigma = trainer.lift(view.windows)
    held_again, share_again = on_rays(raw_again, view)
    again, unusual_again = usual_size(held_again, share_again)
    return NewViews(
        first=first,
        around=around,
        again=again,
        log_sigma=log_sigma,
        back=losses.mpjpe(turned_back(again, azimuth, before, after)[..., :2], first[..., :2]),
        off_rays=off_rays(raw, held, frames) + off_rays(raw_again, held_again, view),
        off_size=unusual + unusual_again,
        real=real,
        fake=torch.cat(fakes),
        mix=turns[:, 3].flatten(),
    )


@torch.no_grad()
def shown(batch: Photographs, trainer: Trainer[Any], most: int = 6) -> Shown:
    """Some of the people, as the averaged lifter has them."""
    frames = Frames.of(batch.inputs, trainer.device)
    poses = trainer.average["lifter"](frames.windows[:most])[0].cpu().numpy()
    now = batch.inputs.frames[:most, :51].reshape(-1, 17, 3)
    return Shown(rays=now[..., :2], seen=now[..., 2] > 0, poses=poses)
