"""Convolutions of TFLite as torch modules, with the padding before and the activation behind them merged in."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor, nn

from stream3d.errors import ModelError
from stream3d.nets.tflite import NO_ACTIVATION, Array, Graph, Operator

SAME = 0
"""Option ``padding`` of an operator whose output is its input's size over its stride, rounded up."""


def identity(x: Tensor) -> Tensor:
    """``x`` as it is."""
    return x


_ACTIVATIONS: dict[int, Callable[[Tensor], Tensor]] = {NO_ACTIVATION: identity, 1: F.relu, 3: F.relu6}


def activation(operator: Operator) -> Callable[[Tensor], Tensor]:
    """The function that ``operator`` applies to its result; ModelError if it is not understood."""
    code = operator.options["activation"]
    if code not in _ACTIVATIONS:
        raise ModelError(f"{operator.name}: activation {code} is not understood; known are {sorted(_ACTIVATIONS)}")
    return _ACTIVATIONS[code]


class Conv(nn.Module):
    """A convolution, plain or depthwise, with its padding and activation."""

    def __init__(self, operator: Operator, weight: Array, bias: Array | None, *, groups: int, pad: tuple[int, int]):
        super().__init__()
        o = operator.options
        self._same, self._act = o["padding"] == SAME, activation(operator)
        stride, dilation = (o["stride_h"], o["stride_w"]), (o["dilation_h"], o["dilation_w"])
        out_channels, per_group, *kernel = weight.shape
        if self._same and stride == dilation == (1, 1) and all(side % 2 for side in kernel):
            self._same, pad = False, (kernel[0] // 2, kernel[1] // 2)  # the same on all sides, whatever the size
        if min(*stride, *dilation, *weight.shape) < 1 or (bias is not None and len(bias) != out_channels):
            raise ModelError(
                f"{operator.name}: weights {weight.shape}, stride {stride} and dilation {dilation} do not fit"
            )
        self.conv = nn.Conv2d(
            per_group * groups, out_channels, (kernel[0], kernel[1]), stride, pad, dilation, groups, bias is not None
        )
        self.conv.weight = nn.Parameter(torch.from_numpy(np.array(weight, np.float32)))
        if bias is not None:
            self.conv.bias = nn.Parameter(torch.from_numpy(np.array(bias, np.float32)))

    def forward(self, x: Tensor) -> Tensor:
        """Float [B, C, H, W] to [B, C', H', W']."""
        conv = self.conv
        if not self._same:
            y: Tensor = conv(x)
            return self._act(y)
        top, bottom = self._around(x.shape[-2], 0)
        left, right = self._around(x.shape[-1], 1)
        if (top, left) != (bottom, right):
            x, top, left = F.pad(x, (left, right, top, bottom)), 0, 0
        y = F.conv2d(x, conv.weight, conv.bias, conv.stride, (top, left), conv.dilation, conv.groups)
        return self._act(y)

    def _around(self, size: int, axis: int) -> tuple[int, int]:
        """Padding before and after, as TensorFlow's SAME has it: what is odd goes after."""
        stride, reach = self.conv.stride[axis], self.conv.dilation[axis] * (self.conv.kernel_size[axis] - 1) + 1
        total = max((-(-size // stride) - 1) * stride + reach - size, 0)
        return total // 2, total - total // 2


def _constant(graph: Graph, operator: Operator, place: int, ndim: int, kind: str = "f") -> Array:
    index = operator.inputs[place] if place < len(operator.inputs) else -1
    data = graph.tensors[index].data if index >= 0 else None
    if data is None or data.ndim != ndim or data.dtype.kind != kind:
        raise ModelError(f"{operator.name}: input {place} has to be a constant of {ndim} axes and kind {kind!r}")
    return data


def convolution(graph: Graph, operator: Operator, pad: Operator | None) -> Conv:
    """The module of CONV_2D or DEPTHWISE_CONV_2D with the PAD before it; ModelError if it is not understood."""
    weight = _constant(graph, operator, 1, 4)
    bias = _constant(graph, operator, 2, 1) if len(operator.inputs) > 2 and operator.inputs[2] >= 0 else None
    depthwise = operator.name == "DEPTHWISE_CONV_2D"
    if depthwise and operator.options["multiplier"] != 1:
        raise ModelError(f"DEPTHWISE_CONV_2D with multiplier {operator.options['multiplier']}: only 1 is understood")
    oihw = weight.transpose(3, 0, 1, 2) if depthwise else weight.transpose(0, 3, 1, 2)
    groups = oihw.shape[0] if depthwise else 1
    return Conv(operator, oihw, bias, groups=groups, pad=(0, 0) if pad is None else _amount(graph, operator, pad))


def _amount(graph: Graph, operator: Operator, pad: Operator) -> tuple[int, int]:
    amounts = _constant(graph, pad, 1, 2, "i").astype(np.int64)
    symmetric = amounts.shape == (4, 2) and np.array_equal(amounts[:, 0], amounts[:, 1]) and not amounts[[0, 3]].any()
    if not symmetric or amounts.min() < 0 or operator.options["padding"] == SAME:
        raise ModelError(f"PAD by {amounts.tolist()}: only symmetric, before a VALID convolution, is it understood")
    return int(amounts[1, 0]), int(amounts[2, 0])
