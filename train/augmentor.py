"""A net that changes captured poses: directions and lengths of bones, and the camera.

Method: Gong et al. 2021, "PoseAug: a differentiable pose augmentation framework for 3D human pose estimation", section
3.2.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from stream3d.skeleton import H36M17
from train.critics import BONES, bones
from train.views import turned

NOISE = 32
_BEND, _LENGTH, _TILT, _DEPTH = math.radians(40), 0.25, math.radians(25), 0.5
_TWIN = torch.tensor([H36M17.bones.index((H36M17.mirror[p], H36M17.mirror[c])) for p, c in H36M17.bones])
# Stature goes with these bones: the back, the head, and one leg.
_UPWARDS = ("spine", "thorax", "nose", "head_top", "left_knee", "left_ankle")
_TALL = torch.tensor([float(H36M17.names[child] in _UPWARDS) for _, child in H36M17.bones])


def rotated(vectors: Tensor, by: Tensor) -> Tensor:
    """Vectors [..., 3] turned by rotation vectors [..., 3] in radians (Rodrigues' formula)."""
    angle = by.square().sum(-1, keepdim=True).clamp_min(1e-12).sqrt()
    axis = by / angle
    across = torch.linalg.cross(axis, vectors)
    return vectors + angle.sin() * across + (1 - angle.cos()) * torch.linalg.cross(axis, across)


def assembled(raw: Tensor) -> Tensor:
    """Poses [B, 17, 3], pelvis at 0, of bones [B, 16, 3] in the order of H36M17.bones."""
    places = [torch.zeros_like(raw[:, 0])] * H36M17.size
    for index, (parent, child) in enumerate(H36M17.bones):
        places[child] = places[parent] + raw[:, index]
    return torch.stack(places, 1)


class Augmentor(nn.Module):
    """Poses [B, 17, 3] in camera axes and noise [B, 32] to changed poses and their distance from the camera [B].

    Bones are bent by up to 40°, lengthened or shortened by a quarter, alike on both sides, at the same stature; the
    camera goes anywhere around, tilts by up to 25° and stands at 0.6 to 1.65 times ``depth`` [B].
    """

    def __init__(self, width: int = 256) -> None:
        super().__init__()
        self.settings = {"width": width}
        self.trunk = nn.Sequential(
            nn.Linear(BONES * 3 + NOISE, width), nn.LeakyReLU(0.2), nn.Linear(width, width), nn.LeakyReLU(0.2)
        )
        self.bend, self.stretch = nn.Linear(width, BONES * 3), nn.Linear(width, BONES)
        self.camera = nn.Linear(width, 3)
        for head in (self.bend, self.stretch):
            nn.init.normal_(head.weight, std=0.01)

    def forward(self, poses: Tensor, noise: Tensor, depth: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        code = self.trunk(torch.cat([bones(poses).flatten(1), noise], 1))
        raw = torch.stack([poses[:, c] - poses[:, p] for p, c in H36M17.bones], 1)
        bent = rotated(raw, _BEND * self.bend(code).reshape(-1, BONES, 3).tanh())
        stretch = self.stretch(code).tanh()
        long = bent * torch.exp(_LENGTH * (stretch + stretch[:, _TWIN.to(poses.device)]) / 2)[..., None]
        tall = _TALL.to(poses.device)
        before, after = (torch.linalg.vector_norm(b, dim=-1) @ tall for b in (raw, long))
        made = assembled(long * (before / after.clamp_min(0.1))[:, None, None])
        azimuth, tilt, far = self.camera(code).unbind(-1)
        return turned(made, math.pi * azimuth.tanh(), _TILT * tilt.tanh()), depth * torch.exp(_DEPTH * far.tanh())
