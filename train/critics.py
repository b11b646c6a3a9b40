"""The critics that tell lifted poses, motions and their new views from real ones."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from stream3d.skeleton import H36M17

_PARENTS = torch.tensor([parent for parent, _ in H36M17.bones])
_CHILDREN = torch.tensor([child for _, child in H36M17.bones])
BONES = len(H36M17.bones)
LEFT_BONES = torch.tensor([bone for bone in H36M17.bones if H36M17.side(bone[1]) == "left"])
RIGHT_BONES = torch.tensor(H36M17.mirror)[LEFT_BONES]
HIPS, SHOULDERS = ([H36M17.names.index(f"{s}_{j}") for s in ("left", "right")] for j in ("hip", "shoulder"))
_THORAX = H36M17.names.index("thorax")
# What both COCO's people and the lifter's skeletons have: all but spine, nose and head top.
COMMON = [joint for joint, name in enumerate(H36M17.names) if name not in ("spine", "nose", "head_top")]


def bones(poses: Tensor) -> Tensor:
    """Bones [..., 16, 3] of poses [..., 17, 3], of which the lengths' mean is 1."""
    raw = poses[..., _CHILDREN.to(poses.device), :] - poses[..., _PARENTS.to(poses.device), :]
    length = torch.linalg.vector_norm(raw, dim=-1, keepdim=True).mean(-2, keepdim=True)
    return raw / (length + 1e-6)


class Critic(nn.Module):
    """Two hidden layers; answers a score [B, 1] and the last layer's features [B, D]."""

    def __init__(self, inputs: int, width: int = 256) -> None:
        super().__init__()
        self.settings = {"width": width}
        self.first = nn.Linear(inputs, width)
        self.second = nn.Linear(width, width)
        self.score = nn.Linear(width, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        hidden = leaky_relu(self.second(leaky_relu(self.first(x), 0.2)), 0.2)
        return self.score(hidden), hidden


class PoseCritic(Critic):
    """Sees one pose [B, 17, 3]: its bones and their Gram matrix, RepNet's kinematic chain space (Wandt 2019)."""

    def __init__(self, width: int = 256) -> None:
        super().__init__(BONES * 3 + BONES * BONES, width)

    def forward(self, poses: Tensor) -> tuple[Tensor, Tensor]:
        """See Critic."""
        b = bones(poses)
        return super().forward(torch.cat([b.flatten(1), (b @ b.transpose(1, 2)).flatten(1)], 1))


class MotionCritic(Critic):
    """Sees three poses in a row [3, B, 17, 3], their changes, and the seconds between them [B]."""

    def __init__(self, width: int = 256) -> None:
        super().__init__(BONES * 3 * 3 + 1, width)

    def forward(self, poses: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        """See Critic."""
        b = bones(poses).flatten(2)
        rate = step.clamp_min(1e-3)[:, None]
        change = b.diff(dim=0) / rate
        return super().forward(torch.cat([b[-1], change[1], change[1] - change[0], 10 * rate], 1))


class ViewCritic(Critic):
    """Sees one 2D pose [B, 17, 2] around its root, at unit size."""

    def __init__(self, width: int = 256) -> None:
        super().__init__(len(COMMON) * 2, width)

    def forward(self, rays: Tensor) -> tuple[Tensor, Tensor]:
        """See Critic."""
        picked = rays[:, COMMON] - rays[:, :1]
        size = picked.square().sum(-1).mean(-1).sqrt()[:, None, None]
        return super().forward((picked / (size + 1e-6)).flatten(1))


class PlaneCritic(Critic):
    """Sees labelled 2D poses of several sets [B, 17, 3] (x, y, 1 where known and else 0) at unit size.

    Joints, bones' directions and lengths, and their Gram matrix, which is RepNet's chain space in the plane. Pelvis and
    thorax are taken to be the middles of hips and shoulders: some sets make them so, and that would tell them at once.
    """

    def __init__(self, width: int = 512) -> None:
        super().__init__(17 * 3 + BONES * 3 + BONES * BONES, width)

    def forward(self, poses: Tensor) -> tuple[Tensor, Tensor]:
        """See Critic."""
        known, rays = poses[..., 2:], poses[..., :2]
        pelvis, thorax = rays[:, HIPS].mean(1, keepdim=True), rays[:, SHOULDERS].mean(1, keepdim=True)
        rays = torch.cat([pelvis, rays[:, 1:_THORAX], thorax, rays[:, _THORAX + 1 :]], 1)
        rays = (rays - pelvis) * known
        size = rays[:, COMMON].square().sum(-1).mean(-1).sqrt()[:, None, None]
        rays = rays / (size + 1e-6)
        ends = known[:, _CHILDREN.to(poses.device)] * known[:, _PARENTS.to(poses.device)]
        bone = (rays[:, _CHILDREN.to(poses.device)] - rays[:, _PARENTS.to(poses.device)]) * ends
        length = (bone.square().sum(-1, keepdim=True) + 1e-6).sqrt()
        way = bone / length
        seen = [rays.flatten(1), known.flatten(1), way.flatten(1), length.flatten(1), (way @ way.mT).flatten(1)]
        return super().forward(torch.cat(seen, 1))
