"""The lifter: a causal temporal net from a window of centred 2D poses to the last frame's 3D pose.

Strided convolutions over time in VideoPose3D's manner (Pavllo et al. 2019, "3D human pose estimation in video with
temporal convolutions and semi-supervised training", section 3.2), written as matrix products because the strides equal
the widths; 27 frames become 9, 3, 1. The last frame, which the answer is about, also has a way of its own to the end:
its rays, each times a factor that the net chooses, are already most of the answer's x and y.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from stream3d.errors import ModelError, ModelMissingError
from stream3d.nets.lifter import FEATURES, JOINTS, WEIGHTS, WINDOW

# No joint is farther from the pelvis than this, in the unit of the features: what is, is an outlier.
_REACH = 1.5


@dataclass(frozen=True, kw_only=True, slots=True)
class LifterShape:
    """Sizes of the net: ``channels`` in the temporal stages, ``width`` and ``blocks`` at the end."""

    channels: int = 256
    width: int = 512
    blocks: int = 2


class _Block(nn.Module):
    """Pre-norm residual MLP."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.inner = nn.Linear(width, width)
        self.outer = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.outer(relu(self.inner(self.norm(x))))
        return out


class Lifter(nn.Module):
    """``features`` float32 [B, 27, 55] to ``joints`` float32 [B, 17, 3] and ``log_sigma`` float32 [B, 17].

    The joints are metres of a body of REFERENCE_HEIGHT_M, relative to the pelvis, in the centred virtual camera; sigma
    is one standard deviation per axis in the same unit.
    """

    def __init__(self, shape: LifterShape | None = None) -> None:
        super().__init__()
        self.shape = shape or LifterShape()
        channels, width = self.shape.channels, self.shape.width
        self.stem = nn.Linear(3 * FEATURES, channels)
        self.nines = _Block(channels)
        self.to_three = nn.Linear(3 * channels, channels)
        self.threes = _Block(channels)
        self.to_one = nn.Linear(3 * channels, width)
        self.now = nn.Linear(FEATURES, width)
        self.blocks = nn.Sequential(*(_Block(width) for _ in range(self.shape.blocks)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, JOINTS * 5)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        nine = self.nines(self.stem(features.reshape(-1, 9, 3 * FEATURES)))
        three = self.threes(self.to_three(nine.reshape(-1, 3, 3 * self.shape.channels)))
        last = features[:, WINDOW - 1]
        one = self.to_one(three.reshape(-1, 3 * self.shape.channels)) + self.now(last)
        out = self.head(self.norm(self.blocks(one))).reshape(-1, JOINTS, 5)
        rays = last[:, : 3 * JOINTS].reshape(-1, JOINTS, 3)[:, :, :2]
        flat = out[:, :, :2] + rays.clamp(-_REACH, _REACH) * (1 + out[:, :, 3:4])
        joints = torch.cat([flat, out[:, :, 2:3]], 2)
        return joints - joints[:, :1], out[:, :, 4].clamp(-6.0, 1.0)


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
    from safetensors import SafetensorError, safe_open

    path = path or WEIGHTS
    if not path.is_file():
        raise ModelMissingError(f"no lifter weights at {path}")
    try:
        with safe_open(path, framework="pt") as file:
            shape = LifterShape(**json.loads((file.metadata() or {})["shape"]))
            tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118 (no mapping)
        net = Lifter(shape)
        net.load_state_dict(tensors)
    except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ModelError(f"{path} holds no lifter: {error}") from error
    return net.eval()
