"""The person detector as a torch module: BlazePose's trunk and pyramid with an anchor-free head.

The trunk (inverted residuals up to stride 32) and the pyramid above it are those of BlazePose's detector (Bazarevsky et
al. 2020), whose weights training begins with; its normalisation is folded into the convolutions, and stays so. The head
is of FCOS's kind (Tian et al. 2019): every cell of strides 8, 16 and 32 says how surely a person's middle lies there,
where the person's box ends, and where hips and the circle round the body lie.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor, nn

from stream3d.nets.person import STRIDES, PersonShape, describe_person
from stream3d.nets.weights_torch import filled

# input channels, channels within, output channels, kernel, stride: BlazePose's, read off its file
_LOW = ((16, 64, 24, 3, 2), (24, 144, 24, 3, 1), (24, 144, 40, 5, 2), (40, 240, 40, 5, 1))
_MIDDLE = ((40, 240, 80, 3, 2), *(((80, 480, 80, 3, 1),) * 2), (80, 480, 112, 5, 1), *(((112, 672, 112, 5, 1),) * 2))
_HIGH = ((112, 672, 192, 5, 2), *(((192, 1152, 192, 5, 1),) * 3))
_PYRAMID = (96, 192, 192)
_RARE = 0.01  # score of every cell before training (Lin et al. 2017, "Focal Loss", section 4.1)


def conv(inputs: int, outputs: int, kernel: int = 1, stride: int = 1, *, act: bool = True) -> nn.Sequential:
    """A convolution that keeps the picture's size but for its stride, and ReLU6 where ``act``."""
    layer = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2)
    return nn.Sequential(layer, nn.ReLU6(inplace=True)) if act else nn.Sequential(layer)


def depthwise(channels: int, kernel: int, stride: int = 1, *, act: bool = True) -> nn.Sequential:
    """As ``conv``, each channel for itself."""
    layer = nn.Conv2d(channels, channels, kernel, stride, kernel // 2, groups=channels)
    return nn.Sequential(layer, nn.ReLU6(inplace=True)) if act else nn.Sequential(layer)


class Inverted(nn.Module):
    """An inverted residual (Sandler et al. 2018): wider, depthwise, narrower."""

    def __init__(self, inputs: int, within: int, outputs: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            conv(inputs, within), depthwise(within, kernel, stride), conv(within, outputs, act=False)
        )
        self._adds = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """Float [B, C, H, W] to [B, C', H / stride, W / stride]."""
        y: Tensor = self.layers(x)
        return x + y if self._adds else y


class Smooth(nn.Module):
    """A residual of a depthwise and a pointwise convolution, with ReLU6 behind the sum."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(depthwise(channels, 3, act=False), conv(channels, channels, act=False))

    def forward(self, x: Tensor) -> Tensor:
        """Float [B, C, H, W] to the same."""
        return F.relu6(x + self.layers(x))


class Trunk(nn.Module):
    """Pictures float [B, 3, H, W] in [-1, 1] to features of strides 8, 16 and 32 with 96, 192 and 192 channels."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(conv(3, 24, 3, 2), depthwise(24, 3), conv(24, 16, act=False))
        self.low = nn.Sequential(*(Inverted(*sizes) for sizes in _LOW))
        self.middle = nn.Sequential(*(Inverted(*sizes) for sizes in _MIDDLE))
        self.high = nn.Sequential(*(Inverted(*sizes) for sizes in _HIGH))
        self.top = nn.Sequential(conv(192, 1152), depthwise(1152, 3), conv(1152, 192, act=False))
        self.side_middle = nn.Sequential(depthwise(112, 3, act=False), conv(112, 192))
        self.smooth_middle = nn.Sequential(Smooth(192), Smooth(192))
        self.down = conv(192, 96, act=False)
        self.side_low = nn.Sequential(depthwise(40, 3, act=False), conv(40, 96))
        self.smooth_low = nn.Sequential(Smooth(96), Smooth(96))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """See the class."""
        low = self.low(self.stem(x))
        middle = self.middle(low)
        top = self.top(self.high(middle))
        middle = self.smooth_middle(self.side_middle(middle) + _twice(top))
        low = self.smooth_low(self.side_low(low) + _twice(self.down(middle)))
        return low, middle, F.relu6(top)


def _twice(x: Tensor) -> Tensor:
    return F.relu6(F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False))


class Head(nn.Module):
    """Features of one stride to raw answers [B, 9, H, W]: score, then box, hips and circle."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.shared = nn.Sequential(conv(inputs, width), depthwise(width, 5, act=False), conv(width, width))
        self.score_tower = nn.Sequential(depthwise(width, 5, act=False), conv(width, width))
        self.place_tower = nn.Sequential(depthwise(width, 5, act=False), conv(width, width))
        self.score, self.place = nn.Conv2d(width, 1, 1), nn.Conv2d(width, 8, 1)
        self._begin()

    def _begin(self) -> None:
        """Weights that neither lose nor blow up what passes (He et al. 2015); there is no normalisation to do it."""
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d) and layer.bias is not None:
                nn.init.kaiming_normal_(layer.weight, nonlinearity="linear" if layer.groups > 1 else "relu")
                nn.init.zeros_(layer.bias)
        for last in (self.score, self.place):
            nn.init.normal_(last.weight, std=0.01)
        self.score.bias = nn.Parameter(torch.tensor([-math.log(1 / _RARE - 1)]))
        self.place.bias = nn.Parameter(torch.tensor([1.5] * 4 + [0.0] * 4))  # boxes begin about three cells wide

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        shared = self.shared(x)
        return torch.cat((self.score(self.score_tower(shared)), self.place(self.place_tower(shared))), 1)


class PersonNet(nn.Module):
    """Uint8 RGB [B, H, W, 3], sides multiples of 32, to boxes float32 [B, N, 8] and scores float32 [B, N] in 0..1.

    Rows are in the order of ``person.cells``; see ``person.person_spec`` for what they hold.
    """

    def __init__(self, shape: PersonShape | None = None) -> None:
        super().__init__()
        self.shape = shape or PersonShape()
        self.trunk = Trunk()
        self.heads = nn.ModuleList(Head(channels, self.shape.head) for channels in _PYRAMID)
        self.register_buffer("_scale", torch.tensor(2 / 255), persistent=False)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        boxes, logits = self.raw(image)
        return boxes, logits.sigmoid()

    def raw(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Boxes as ``forward`` gives them, and the scores' logits."""
        scale = self.get_buffer("_scale")
        features = self.trunk(image.permute(0, 3, 1, 2).to(scale.dtype) * scale - 1)
        boxes, logits = [], []
        for head, stride, feature in zip(self.heads, STRIDES, features, strict=True):
            rows = head(feature).float().flatten(2).transpose(1, 2)
            boxes.append(torch.cat((F.softplus(rows[..., 1:5]), rows[..., 5:]), -1) * stride)
            logits.append(rows[..., 0])
        return torch.cat(boxes, 1), torch.cat(logits, 1)


def save_person(net: PersonNet, path: Path, notes: Mapping[str, str]) -> None:
    """Write weights as float16 safetensors with the net's sizes and ``notes`` in the metadata."""
    from safetensors.torch import save_file

    tensors = {name: value.detach().to(torch.float16).contiguous() for name, value in net.state_dict().items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path, metadata={"person": json.dumps({"head": net.shape.head}), **notes})
    path.chmod(0o644)  # safetensors writes for its owner alone, and these go into a package


def load_person(path: Path | None = None) -> PersonNet:
    """The net in eval mode, from ``path`` or from the weights that ship.

    Raises:
        ModelMissingError: no such file.
        ModelError: it is not a person detector's safetensors file.
    """
    said = describe_person(path)
    return filled(lambda: PersonNet(said.shape), said.path, "person detector")
