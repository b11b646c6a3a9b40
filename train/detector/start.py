"""A detector whose trunk and pyramid begin as BlazePose's: trained on many more people than there are photographs here.

BlazePose's weights (MediaPipe 0.10.21, Apache-2.0) come from the model store.
"""

from __future__ import annotations

import torch
from torch import nn

from stream3d.errors import ModelError
from stream3d.nets.blazepose_torch import load_detector
from stream3d.nets.person_torch import PersonNet, Trunk
from stream3d.nets.tflite_conv import Conv


def trunk_in_file_order(trunk: Trunk) -> list[nn.Conv2d]:
    """The trunk's convolutions in the order in which BlazePose's file has its own."""
    low_to_middle, rest = _convs(trunk.middle)[:1], _convs(trunk.middle)[1:]
    first_of_high, others = _convs(trunk.high)[:1], _convs(trunk.high)[1:]
    return [
        *_convs(trunk.stem, trunk.low),
        *low_to_middle,
        *_convs(trunk.side_low),
        *rest,
        *first_of_high,
        *_convs(trunk.side_middle),
        *others,
        *_convs(trunk.top, trunk.smooth_middle, trunk.down, trunk.smooth_low),
    ]


def _convs(*modules: nn.Module) -> list[nn.Conv2d]:
    return [layer for module in modules for layer in module.modules() if isinstance(layer, nn.Conv2d)]


@torch.no_grad()
def begin_as_blazepose(net: PersonNet) -> None:
    """Copy BlazePose's weights into the trunk.

    Raises:
        ModelError: the weights cannot be had, or are of another shape.
    """
    theirs = [step.conv for step in load_detector().net.steps if isinstance(step, Conv)]
    for mine, other in zip(trunk_in_file_order(net.trunk), theirs, strict=False):
        if mine.weight.shape != other.weight.shape or mine.bias is None or other.bias is None:
            raise ModelError(f"BlazePose's detector has weights {tuple(other.weight.shape)}, not {mine.weight.shape}")
        mine.weight.copy_(other.weight)
        mine.bias.copy_(other.bias)
