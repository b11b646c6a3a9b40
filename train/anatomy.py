"""What is known of bodies without having seen one in 3D: symmetry, usual lengths, which way joints go.

Without the last, 2D poses alone leave a choice: with all depths turned round a person looks the same from every side.
Kudo et al. 2018, section 3.3, break it by where the face points.
"""

from __future__ import annotations

import math

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
_HIP, _SHOULDER = math.sin(math.radians(15)), math.sin(math.radians(30))


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


def behind(poses: Tensor) -> Tensor:
    """How far thighs and arms point behind the body, as sines beyond half of what joints allow, on average.

    Hips extend by 30°, shoulders by 60° (American Academy of Orthopaedic Surgeons, "Joint motion", 1965).
    """
    out = []
    for ball, ends, usual in (("hip", ("knee",), _HIP), ("shoulder", ("elbow", "wrist"), _SHOULDER)):
        forward = _forward(poses, ball)
        for name in (f"{side}_{end}" for side in ("left", "right") for end in ends):
            bone = poses[:, _J[name]] - poses[:, _J[f"{name.split('_')[0]}_{ball}"]]
            ahead = (torch.nn.functional.normalize(bone, dim=-1) * forward).sum(-1)
            out.append((-ahead - usual).relu())
    return torch.stack(out).mean()


def prior(poses: Tensor) -> dict[str, Tensor]:
    """Losses of poses [B, 17, 3] by name."""
    pelvis, spine, thorax = (poses[:, _J[name]] for name in ("pelvis", "spine", "thorax"))
    return {
        "symmetry": losses.symmetry(poses, LEFT_BONES, RIGHT_BONES),
        "bones": losses.bone_lengths(poses, _BONES, _USUAL.to(poses.device)),
        "bend": wrong_way(poses),
        "behind": behind(poses),
        "spine": losses.mpjpe(spine, torch.lerp(pelvis, thorax, _SPINE_AT).detach()),
    }
