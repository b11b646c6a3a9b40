"""What is known of bodies without having seen one in 3D: symmetry, usual lengths, and which way hinges bend.

Without the last, 2D poses alone leave a choice: with all depths turned round a person looks the same from every side.
Kudo et al. 2018, section 3.3, break it by where the face points.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from stream3d.lift.features import BONE_A, BONE_B, BONE_M
from stream3d.skeleton import H36M17
from train import losses
from train.critics import LEFT_BONES, RIGHT_BONES

_J = {name: index for index, name in enumerate(H36M17.names)}
_BONES = torch.from_numpy(np.stack([BONE_A, BONE_B], 1))
_USUAL = torch.from_numpy(BONE_M)
# Where along the way from pelvis to thorax the spine's joint lies: no set of photographs has it labelled.
_SPINE_AT = 0.47


def _forward(poses: Tensor, part: str) -> Tensor:
    """Unit vectors [B, 3] to where a pelvis ("hip") or a chest ("shoulder") faces."""
    right = poses[:, _J[f"right_{part}"]] - poses[:, _J[f"left_{part}"]]
    up = poses[:, _J["thorax"]] - poses[:, _J["pelvis"]]
    return torch.nn.functional.normalize(torch.linalg.cross(up, right), dim=-1)


def wrong_way(poses: Tensor) -> Tensor:
    """How far, metres, knees lie behind and elbows before the line through their neighbours, on average."""
    out = []
    for parts, way in ((("hip", "knee", "ankle"), -1), (("shoulder", "elbow", "wrist"), 1)):
        forward = _forward(poses, parts[0])
        for side in ("left", "right"):
            ball, hinge, end = (poses[:, _J[f"{side}_{part}"]] for part in parts)
            out.append((way * ((hinge - (ball + end) / 2) * forward).sum(-1)).relu())
    return torch.stack(out).mean()


def prior(poses: Tensor) -> dict[str, Tensor]:
    """Losses of poses [B, 17, 3] by name."""
    pelvis, spine, thorax = (poses[:, _J[name]] for name in ("pelvis", "spine", "thorax"))
    return {
        "symmetry": losses.symmetry(poses, LEFT_BONES, RIGHT_BONES),
        "bones": losses.bone_lengths(poses, _BONES, _USUAL.to(poses.device)),
        "bend": wrong_way(poses),
        "spine": losses.mpjpe(spine, torch.lerp(pelvis, thorax, _SPINE_AT).detach()),
    }
