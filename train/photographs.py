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
from train.critics import HIPS, SHOULDERS
from train.harness import Trainer
from train.people import Inputs, People
from train.pictures import Shown
from train.single import Frames, off_rays, on_rays, seen_from, turned_back, usual_size
from train.views import turned

Float32 = npt.NDArray[np.float32]
# From a picture's frames [B, 55] and standard normals [B]: tilts [B] in radians that undo the picture's camera, and
# that the new view's camera has.
Tilts = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Photographs:
    """People as ``inputs``; ``real`` float32 [B, 17, 3] other people (x, y, known); and all that chance decides.

    ``turns`` float32 [4, B]: azimuth (radians), tilt (standard normal), depth of the new view (metres), and 0..1.
    ``noise`` float32 [B, 17, 2] metres and ``lost`` bool [B, 17] are of the new view as the lifter sees it, ``tremor``
    float32 [B, 17, 2] metres of the new view as the critic sees it.
    """

    inputs: Inputs
    real: Float32
    turns: Float32
    noise: Float32
    lost: npt.NDArray[np.bool_]
    tremor: Float32


def drawn(people: People, rng: Rng, count: int, how: Augmentation, *, tremor_m: float) -> Photographs:
    """Photographs at random."""
    rays, known = people.real(rng, count)
    depth, mix = rng.random((2, count))
    turns = [rng.uniform(-np.pi, np.pi, count), rng.standard_normal(count), 2.5 + 5 * depth, mix]
    level = how.noise_sd * rng.uniform(0, 1.5, (count, 1, 1))
    return Photographs(
        inputs=people.draw(rng, count, how),
        real=np.concatenate([rays * known[..., None], known[..., None]], -1, dtype=np.float32),
        turns=np.stack(turns).astype(np.float32),
        noise=(level * rng.standard_normal((count, 17, 2))).astype(np.float32),
        lost=rng.random((count, 17)) < 0.3 * rng.random((count, 1)) * (rng.random((count, 1)) < 0.3),
        tremor=(tremor_m * rng.standard_normal((count, 17, 2))).astype(np.float32),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class NewViews:
    """Poses [B, 17, 3]: ``first`` lifted, the same turned ``around``, that lifted ``again`` (log sigma [B, 17]).

    All are of the usual size. ``back`` is the error in the picture of what was lifted again and turned back;
    ``off_rays`` and ``off_size`` are how far both liftings were from their rays and from the usual size;
    ``real`` and ``fake`` [B, 17, 3] are what a critic of 2D poses sees; ``mix`` [B] is in 0..1.
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


def facing(poses: Tensor) -> Tensor:
    """Where hips and shoulders of poses [B, 17, 3] face, radians [B] about the camera's vertical."""
    across = sum(poses[:, part[1]] - poses[:, part[0]] for part in (HIPS, SHOULDERS))
    return torch.atan2(across[:, 2], across[:, 0])


def new_views(batch: Photographs, trainer: Trainer[Any], tilts: Tilts, *, as_others: bool) -> NewViews:
    """Lift, turn about the vertical, project, lift again, turn back.

    People are turned to face any way, or ``as_others``: as the person before in the batch does. Cameras are held by
    people who rather see faces than backs, and a critic would tell views from all around by that alone.
    """
    frames = Frames.of(batch.inputs, trainer.device)
    given = (batch.real, batch.turns, batch.noise, batch.lost, batch.tremor)
    real, (azimuth, normal, depth, mix), noise, lost, tremor = (torch.from_numpy(a).to(trainer.device) for a in given)
    raw, _ = trainer.lift(frames.windows)
    held, share = on_rays(raw, frames)
    first, unusual = usual_size(held, share)
    if as_others:
        faces = facing(first.detach())
        azimuth = faces - faces.roll(1)
    before, after = tilts(frames.frames, normal)
    around = turned(turned(first, 0 * before, before), azimuth, after)
    view = seen_from(around, depth, frames, noise, lost)
    raw_again, log_sigma = trainer.lift(view.windows)
    held_again, share_again = on_rays(raw_again, view)
    again, unusual_again = usual_size(held_again, share_again)
    known = view.known[..., None].float()
    return NewViews(
        first=first,
        around=around,
        again=again,
        log_sigma=log_sigma,
        back=losses.mpjpe(turned_back(again, azimuth, before, after)[..., :2], first[..., :2]),
        off_rays=off_rays(raw, held, frames) + off_rays(raw_again, held_again, view),
        off_size=unusual + unusual_again,
        real=real,
        fake=torch.cat([(view.rays + tremor) * known, known], -1),
        mix=mix,
    )


@torch.no_grad()
def shown(batch: Photographs, trainer: Trainer[Any], most: int = 6) -> Shown:
    """Some of the people, as the averaged lifter has them."""
    frames = Frames.of(batch.inputs, trainer.device)
    poses = trainer.average["lifter"](frames.windows[:most])[0].cpu().numpy()
    now = batch.inputs.frames[:most, :51].reshape(-1, 17, 3)
    return Shown(rays=now[..., :2], seen=now[..., 2] > 0, poses=poses)
