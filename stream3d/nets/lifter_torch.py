"""The lifter: from a window of centred 2D poses to the 3D pose of one of its frames.

A trunk (``trunks``) makes a code of the answered frame; the head makes the pose of it. That frame's rays are already
most of the answer's x and y; the head adds what they lack, and the depth.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor, nn

from stream3d.nets.lifter import describe_lifter
from stream3d.nets.lifter_shape import JOINTS, LifterShape
from stream3d.nets.trunks import make_trunk
from stream3d.nets.weights_torch import filled

__all__ = ["Lifter", "LifterShape", "load_lifter", "save_lifter"]

# No joint is farther from the pelvis than this, in the unit of the features: what is, is an outlier.
_REACH = 1.5


def pose_of(out: Tensor, now: Tensor) -> tuple[Tensor, Tensor]:
    """Joints [B, 17, 3] and log sigma [B, 17] from the head's answer [B, 17, 4] and the answered frame [B, 55]."""
    rays = now[:, : 3 * JOINTS].reshape(-1, JOINTS, 3)[:, :, :2]
    joints = torch.cat([out[:, :, :2] + rays.clamp(-_REACH, _REACH), out[:, :, 2:3]], 2)
    return joints - joints[:, :1], out[:, :, 3].clamp(-6.0, 1.0)


class Lifter(nn.Module):
    """``features`` float32 [B, 27, 55] to ``joints`` float32 [B, 17, 3] and ``log_sigma`` float32 [B, 17].

    The joints are those of frame 26 - ``lookahead`` of the window, in metres of a body of REFERENCE_HEIGHT_M, relative
    to the pelvis, in the centred virtual camera; sigma is one standard deviation of the distance from the truth.
    """

    def __init__(self, shape: LifterShape | None = None) -> None:
        super().__init__()
        self.shape = shape or LifterShape()
        self.trunk = make_trunk(self.shape)
        self.norm = nn.LayerNorm(self.shape.width)
        self.head = nn.Linear(self.shape.width, JOINTS * 4)

    @property
    def lookahead(self) -> int:
        """Frames of the window after the answered one."""
        return self.shape.lookahead

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        out = self.head(self.norm(self.trunk(features))).reshape(-1, JOINTS, 4)
        return pose_of(out, features[:, self.shape.answered])


def save_lifter(net: Lifter, path: Path, notes: Mapping[str, str]) -> None:
    """Write weights as float16 safetensors with the net's sizes and ``notes`` in the metadata."""
    from safetensors.torch import save_file

    tensors = {name: value.detach().to(torch.float16).contiguous() for name, value in net.state_dict().items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path, metadata={"shape": json.dumps(asdict(net.shape)), **notes})
    path.chmod(0o644)  # safetensors writes for its owner alone, and these go into a package


def load_lifter(path: Path | None = None) -> Lifter:
    """The net in eval mode, from ``path`` or from the weights that ship.

    Raises:
        ModelMissingError: no such file.
        ModelError: it is not a lifter's safetensors file.
    """
    said = describe_lifter(path)
    return filled(lambda: Lifter(said.shape), said.path, "lifter")
