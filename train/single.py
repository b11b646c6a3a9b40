"""Single frames in torch: poses held on the rays they were seen on, new views of them, and the lifter's input."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from stream3d.errors import SettingsError
from stream3d.lift import features
from stream3d.nets.lifter_torch import Lifter, LifterShape
from stream3d.skeleton import H36M17
from train.people import STEP, Inputs
from train.views import turned

_HIPS = [H36M17.names.index(f"{side}_hip") for side in ("left", "right")]
_NEAREST_M = 0.3
# The least share of a body's lengths that can be seen, nobody being seen wholly end on, and the usual one.
_LEAST, _SHARE = 0.05, 0.85
_FLAT = 0.1


def single_frame_lifter(shape: LifterShape) -> Lifter:
    """A lifter whose first answers lie nearly flat on the rays they were seen on.

    Raises:
        SettingsError: it would also look at frames that single photographs do not have.
    """
    if shape.kind != "mlp" or shape.lookahead:
        said = f"{shape.kind} with lookahead {shape.lookahead}"
        raise SettingsError(f"shape.kind must be mlp, without lookahead: photographs are single frames; not {said}")
    lifter = Lifter(shape)
    with torch.no_grad():
        lifter.head.weight.mul_(_FLAT)
        lifter.head.bias.mul_(_FLAT)
    return lifter


@dataclass(frozen=True, kw_only=True, slots=True)
class Frames:
    """``train.people.Inputs`` on a device."""

    frames: Tensor
    rays: Tensor
    known: Tensor
    size: Tensor

    @classmethod
    def of(cls, inputs: Inputs, device: torch.device) -> Frames:
        """Bring them there."""
        names = ("frames", "rays", "known", "size")
        return cls(**{name: torch.from_numpy(getattr(inputs, name)).to(device) for name in names})

    @property
    def windows(self) -> Tensor:
        """The lifter's input [B, 27, 55]."""
        return as_windows(self.frames)


def as_windows(frames: Tensor) -> Tensor:
    """Single frames [B, 55] as windows [B, 27, 55] of people who have just come into view."""
    return torch.nn.functional.pad(frames[:, None], (0, 0, features.WINDOW - 1, 0))


def on_rays(poses: Tensor, frames: Frames) -> tuple[Tensor, Tensor]:
    """Poses [B, 17, 3] with their known joints moved onto the rays they were seen on, at the depth they have.

    With the pelvis at depth D, a joint z behind it is at ``ray (D + z)``. D times the apparent size, the share [B] of
    the body's lengths that is not seen end on, is read off the pose itself by least squares, and answered too.
    """
    rays, known = frames.rays, frames.known[..., None]
    bend = frames.size[:, None, None] * poses[..., 2:] * rays
    flat = rays - rays[:, :1]
    share = ((poses[..., :2] - bend) * flat * known).sum((1, 2)) / (flat.square() * known).sum((1, 2)).clamp_min(1e-4)
    share = share.clamp_min(_LEAST)
    held = torch.cat([share[:, None, None] * flat + bend, poses[..., 2:]], -1)
    return torch.where(known, held, poses), share


def usual_size(poses: Tensor, share: Tensor) -> tuple[Tensor, Tensor]:
    """Poses [B, 17, 3] scaled so that their bones are as long together as is usual, and how unusual they were.

    The latter is the mean square of the logs of that scale, and of ``share`` (see on_rays) over its usual value:
    without this everybody might as well lie along the line of sight.
    """
    a, b = torch.from_numpy(features.BONE_A), torch.from_numpy(features.BONE_B)
    length = torch.linalg.vector_norm(poses[:, a] - poses[:, b], dim=-1).sum(-1)
    scale = float(features.BONE_M.sum()) / length.clamp_min(0.1)
    unusual = scale.log().square().mean() + (share / _SHARE).log().square().mean()
    return scale[:, None, None] * poses, unusual


def off_rays(poses: Tensor, held: Tensor, frames: Frames) -> Tensor:
    """Mean distance of the known joints of ``poses`` from where ``on_rays`` put them."""
    gap = torch.linalg.vector_norm(poses[..., :2] - held[..., :2].detach(), dim=-1)
    return (gap * frames.known).sum() / frames.known.sum().clamp_min(1)


def seen_from(poses: Tensor, depth: Tensor, like: Frames, noise: Tensor, lost: Tensor) -> Frames:
    """Poses [B, 17, 3] whose pelvis stands ``depth`` [B] metres before the camera, as the lifter's input.

    Of ``like`` are the known joints and the time step; ``noise`` [B, 17, 2] is in metres at the body; ``lost`` [B, 17]
    go unseen, but for pelvis and hips, which say where a person is.
    """
    rays = poses[..., :2] / (poses[..., 2:] + depth[:, None, None]).clamp_min(_NEAREST_M)
    given = rays + noise / depth[:, None, None]
    given = torch.cat([given[:, _HIPS].mean(1, keepdim=True), given[:, 1:]], 1)
    rays, given = rays - given[:, :1], given - given[:, :1]
    keep = torch.zeros_like(lost)
    keep[:, [0, *_HIPS]] = True
    seen = like.known & (keep | ~lost)
    size = _apparent_size(given, seen)
    points = torch.cat([given / size[:, None, None], torch.ones_like(given[..., :1])], -1) * seen[..., None]
    rest = torch.stack([like.frames[:, STEP], torch.log(4 * size), 0 * size, 0 * size], -1)
    frames = torch.cat([points.flatten(1), rest], 1).clamp(-5, 5)
    return Frames(frames=frames, rays=rays / size[:, None, None], known=like.known, size=size)


def _apparent_size(rays: Tensor, seen: Tensor) -> Tensor:
    """``stream3d.lift.features.apparent_size`` with gradients; ``seen`` [B, 17]."""
    a, b = torch.from_numpy(features.BONE_A), torch.from_numpy(features.BONE_B)
    both = (seen[:, a] & seen[:, b]).float()
    usual = torch.from_numpy(features.BONE_M).to(rays.device)
    lengths = torch.linalg.vector_norm(rays[:, a] - rays[:, b], dim=-1)
    return ((lengths * both).sum(-1) / (usual * both).sum(-1).clamp_min(1e-6)).clamp_min(1e-3)


def turned_back(poses: Tensor, azimuth: Tensor, before: Tensor, after: Tensor) -> Tensor:
    """Undo ``turned(turned(poses, 0, before), azimuth, after)``."""
    upright = turned(poses, 0 * azimuth, -after)
    return turned(turned(upright, -azimuth, 0 * azimuth), 0 * azimuth, -before)
