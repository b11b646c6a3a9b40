"""New views of lifted photographs: COCO's people, lifted, turned, projected, and lifted back.

Method: Kudo et al. 2018, "Unsupervised adversarial learning of 3D human pose from 2D joint locations" (a turned,
projected pose must look like a real one), with the cycle of Chen et al. 2019, "Unsupervised 3D pose estimation with
geometric self-supervision", section 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from stream3d.geometry import DEFAULT_FOV_DEG
from stream3d.lift import features
from stream3d.nets.lifter_torch import Lifter
from stream3d.skeleton import COCO17, H36M17, convert

Float32 = npt.NDArray[np.float32]

_BAD_SIZE = 1
_LIMBS = list(range(5, 17))
_SEEN = torch.tensor([name not in ("spine", "head_top", "nose") for name in H36M17.names])
_HIPS = [H36M17.names.index(f"{side}_hip") for side in ("left", "right")]
_SHOULDERS = [H36M17.names.index(f"{side}_shoulder") for side in ("left", "right")]
_THORAX = H36M17.names.index("thorax")


@dataclass(frozen=True, kw_only=True, slots=True)
class PhotoPoses:
    """COCO's people with all twelve limb joints labelled: the lifter's input for each, float32 [N, 1, 55]."""

    frames: Float32

    def draw(self, rng: np.random.Generator, count: int) -> Tensor:
        """Some of them at random, [count, 1, 55]."""
        return torch.from_numpy(self.frames[rng.integers(0, len(self.frames), count)])


def load_photo_poses(data_dir: Path) -> PhotoPoses:
    """Read ``poses2d/coco17_kpts_px.npz``; val2017's people and those with a wrong picture size are left out."""
    with np.load(data_dir / "poses2d" / "coco17_kpts_px.npz", allow_pickle=False) as file:
        v = file["v"]
        whole = (v[:, _LIMBS] > 0).all(1) & (file["size_quality"] != _BAD_SIZE) & ~file["is_val2017"].astype(bool)
        xy, v, size = file["xy"][whole].astype(np.float32), v[whole], file["image_wh"][whole].astype(np.float32)
    focal = size.max(1) / 2 / np.tan(np.radians(DEFAULT_FOV_DEG) / 2)
    rays = (xy + 0.5 - size[:, None] / 2) / focal[:, None, None]
    keypoints = np.concatenate([rays, (v > 0)[..., None]], -1).astype(np.float32)
    keypoints[v == 0, :2] = np.nan
    body = convert(keypoints, COCO17, H36M17)[:, None]
    frames, _ = features.window_features(body[..., :2], body[..., 2], np.zeros((len(body), 1)))
    return PhotoPoses(frames=frames)


def input_rays(frames: Tensor) -> Tensor:
    """Centred, size-normalised rays [B, 17, 2] of single-frame inputs [B, 1, 55]."""
    return frames[:, 0, :51].reshape(-1, 17, 3)[..., :2]


def as_window(frames: Tensor, lookahead: int = 0) -> Tensor:
    """Single frames [B, 1, 55] as windows [B, 27, 55] of people who are seen in that frame alone."""
    return torch.nn.functional.pad(frames, (0, 0, features.WINDOW - 1 - lookahead, lookahead))


def turned(poses: Tensor, azimuth: Tensor, elevation: Tensor) -> Tensor:
    """Poses [B, 17, 3] after a turn about the camera's y axis and then a tilt about its x axis; radians [B]."""
    ca, sa, ce, se = azimuth.cos()[:, None], azimuth.sin()[:, None], elevation.cos()[:, None], elevation.sin()[:, None]
    x, y, z = poses.unbind(-1)
    x, z = ca * x + sa * z, ca * z - sa * x
    return torch.stack([x, ce * y - se * z, se * y + ce * z], -1)


def frames_of(poses: Tensor, depth: Tensor) -> Tensor:
    """The lifter's input [B, 1, 55] for poses [B, 17, 3] standing at ``depth`` [B] metres, as a COCO net sees them."""
    rays = poses[..., :2] / (poses[..., 2:] + depth[:, None, None]).clamp_min(0.3)
    rays = rays - rays[:, _HIPS].mean(1, keepdim=True)
    thorax = rays[:, _SHOULDERS].mean(1, keepdim=True)
    rays = torch.cat([0 * thorax, rays[:, 1:_THORAX], thorax, rays[:, _THORAX + 1 :]], 1)
    seen = _SEEN.to(poses.device)
    size = _apparent_size(rays, seen)
    points = torch.cat([rays / size[:, None, None], torch.ones_like(rays[..., :1])], -1) * seen[:, None]
    rest = torch.stack([0 * size, torch.log(4 * size), 0 * size, 0 * size], -1)
    return torch.cat([points.flatten(1), rest], 1)[:, None].clamp(-5, 5)


def _apparent_size(rays: Tensor, seen: Tensor) -> Tensor:
    """``stream3d.lift.features.apparent_size`` with gradients."""
    a, b = torch.from_numpy(features.BONE_A), torch.from_numpy(features.BONE_B)
    both = (seen[a] & seen[b]).float()
    usual = torch.from_numpy(features.BONE_M).to(rays.device)
    lengths = torch.linalg.vector_norm(rays[:, a] - rays[:, b], dim=-1)
    return ((lengths * both).sum(-1) / (usual * both).sum()).clamp_min(1e-3)


def reprojection(poses: Tensor, frames: Tensor) -> Tensor:
    """Mean distance of poses [B, 17, 3] to the rays they were lifted from, at the best scale (weak perspective)."""
    rays, mask = input_rays(frames), frames[:, 0, :51].reshape(-1, 17, 3)[..., 2:] > 0
    mask = mask & _SEEN.to(poses.device)[:, None]
    flat = poses[..., :2] * mask
    scale = (flat * rays).sum((1, 2)) / flat.square().sum((1, 2)).clamp_min(1e-6)
    gap = torch.linalg.vector_norm(scale[:, None, None] * flat - rays * mask, dim=-1)
    return gap.sum() / mask.sum()


@dataclass(frozen=True, kw_only=True, slots=True)
class NewViews:
    """Lifted poses ``first``, the same ``turned``, ``views`` of those as rays [B, 17, 2], those lifted ``again``."""

    first: Tensor
    views: Tensor
    turned: Tensor
    again: Tensor


def new_views(net: Lifter, frames: Tensor, rng: np.random.Generator) -> NewViews:
    """Lift, turn to a random side, project, lift again."""
    count = len(frames)
    first = net(as_window(frames, net.lookahead))[0].float()
    draws = rng.random((3, count), np.float32)
    azimuth, tilt, depth = torch.from_numpy(draws).to(frames.device)
    around = turned(first, (2 * azimuth - 1) * torch.pi, (2 * tilt - 1) * 0.15)
    seen = frames_of(around, 2.5 + 5 * depth)
    again = net(as_window(seen, net.lookahead))[0].float()
    return NewViews(first=first, views=input_rays(seen), turned=around, again=again)
