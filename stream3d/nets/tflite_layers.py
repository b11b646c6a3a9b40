"""One small torch module per TFLite operator, over NCHW pictures."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor, nn

from stream3d.errors import ModelError
from stream3d.nets.tflite import NO_ACTIVATION, Array, Graph, Operator

SAME = 0
_NHWC_TO_NCHW_AXIS = {0: 0, 1: 2, 2: 3, 3: 1}


def _identity(x: Tensor) -> Tensor:
    return x


_ACTIVATIONS: dict[int, Callable[[Tensor], Tensor]] = {NO_ACTIVATION: _identity, 1: F.relu, 3: F.relu6}


def _activation(operator: Operator) -> Callable[[Tensor], Tensor]:
    code = operator.options["activation"]
    if code not in _ACTIVATIONS:
        raise ModelError(f"{operator.name}: activation {code} is not understood; known are {sorted(_ACTIVATIONS)}")
    return _ACTIVATIONS[code]


class Conv(nn.Module):
    """A convolution, plain or depthwise, with its padding and activation."""

    def __init__(self, operator: Operator, weight: Array, bias: Array | None, *, groups: int, pad: tuple[int, int]):
        super().__init__()
        o = operator.options
        self._same, self._act = o["padding"] == SAME, _activation(operator)
        stride, dilation = (o["stride_h"], o["stride_w"]), (o["dilation_h"], o["dilation_w"])
        if min(*stride, *dilation) < 1:
            raise ModelError(f"{operator.name}: stride {stride} and dilation {dilation} have to be at least 1")
        out_channels, per_group, *kernel = weight.shape
        self.conv = nn.Conv2d(
            per_group * groups, out_channels, (kernel[0], kernel[1]), stride, pad, dilation, groups, bias is not None
        )
        self.conv.weight = nn.Parameter(torch.from_numpy(weight.copy()))
        if bias is not None:
            self.conv.bias = nn.Parameter(torch.from_numpy(bias.copy()))

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


class MaxPool(nn.Module):
    """Max-pooling without padding."""

    def __init__(self, operator: Operator) -> None:
        super().__init__()
        o = operator.options
        if o["padding"] == SAME:
            raise ModelError("MAX_POOL_2D with padding SAME is not understood, only VALID")
        self._kernel, self._stride = (o["filter_h"], o["filter_w"]), (o["stride_h"], o["stride_w"])
        self._act = _activation(operator)

    def forward(self, x: Tensor) -> Tensor:
        """Float [B, C, H, W] to [B, C, H', W']."""
        return self._act(F.max_pool2d(x, self._kernel, self._stride))


class Add(nn.Module):
    """Sum of two tensors of one shape."""

    def __init__(self, operator: Operator) -> None:
        super().__init__()
        self._act = _activation(operator)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Two floats [B, C, H, W] to one."""
        return self._act(a + b)


class Resize(nn.Module):
    """Bilinear enlarging by whole factors, with half-pixel centres."""

    def __init__(self, operator: Operator, before: tuple[int, ...], after: tuple[int, ...]) -> None:
        super().__init__()
        o = operator.options
        if o["align_corners"] or not o["half_pixel"] or len(before) != 4 or len(after) != 4:
            raise ModelError(f"RESIZE_BILINEAR with {dict(o)} of {before}: only half-pixel centres are understood")
        self._factors = (after[1] // before[1], after[2] // before[2])
        if (before[1] * self._factors[0], before[2] * self._factors[1]) != after[1:3]:
            raise ModelError(f"RESIZE_BILINEAR from {before} to {after}: only whole factors are understood")
        self._act = _activation(operator) if "activation" in o else _identity

    def forward(self, x: Tensor) -> Tensor:
        """Float [B, C, H, W] to [B, C, H·fy, W·fx]."""
        size = (x.shape[-2] * self._factors[0], x.shape[-1] * self._factors[1])
        return self._act(F.interpolate(x, size=size, mode="bilinear", align_corners=False))


class DepthToSpace(nn.Module):
    """Channels in the order (by, bx, c) to blocks; torch's ``pixel_shuffle`` has them in the order (c, by, bx)."""

    def __init__(self, operator: Operator) -> None:
        super().__init__()
        self._block = operator.options["block"]

    def forward(self, x: Tensor) -> Tensor:
        """Float [B, b·b·C, H, W] to [B, C, H·b, W·b]."""
        n, channels, height, width = x.shape
        b = self._block
        blocks = x.reshape(n, b, b, channels // (b * b), height, width).permute(0, 3, 4, 1, 5, 2)
        return blocks.reshape(n, channels // (b * b), height * b, width * b)


class Flatten(nn.Module):
    """A picture [B, C, H, W] to rows of ``last`` values, taken in TFLite's order (y, x, channel)."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        if len(shape) not in (2, 3):
            raise ModelError(f"RESHAPE to {shape}: only (B, N) and (B, M, N) are understood")
        self._tail = (-1, *shape[2:])

    def forward(self, x: Tensor) -> Tensor:
        """Float [B, C, H, W] to [B, M, last] or [B, N]."""
        return x.permute(0, 2, 3, 1).reshape(x.shape[0], *self._tail)


class Concat(nn.Module):
    """Tensors behind one another along one axis."""

    def __init__(self, operator: Operator, ndim: int) -> None:
        super().__init__()
        axis = operator.options["axis"] % max(ndim, 1)
        self._axis = _NHWC_TO_NCHW_AXIS[axis] if ndim == 4 else axis
        self._act = _activation(operator)

    def forward(self, *parts: Tensor) -> Tensor:
        """Floats to one float."""
        return self._act(torch.cat(parts, self._axis))


def layer(graph: Graph, operator: Operator, pad: Operator | None) -> nn.Module:
    """The module of ``operator``, with the padding ``pad`` before it merged in; ModelError if it is not understood."""
    shapes = [graph.tensors[i].shape for i in operator.inputs if i >= 0]
    if operator.name in ("CONV_2D", "DEPTHWISE_CONV_2D"):
        return _conv(graph, operator, pad)
    if pad is not None:
        raise ModelError(f"PAD before {operator.name}: only before a convolution is it understood")
    makers: dict[str, Callable[[], nn.Module]] = {
        "ADD": lambda: Add(operator),
        "CONCATENATION": lambda: Concat(operator, len(shapes[0])),
        "DEPTH_TO_SPACE": lambda: DepthToSpace(operator),
        "LOGISTIC": nn.Sigmoid,
        "MAX_POOL_2D": lambda: MaxPool(operator),
        "RESHAPE": lambda: Flatten(graph.tensors[operator.outputs[0]].shape),
        "RESIZE_BILINEAR": lambda: Resize(operator, shapes[0], graph.tensors[operator.outputs[0]].shape),
    }
    return makers[operator.name]()


def _constant(graph: Graph, operator: Operator, place: int, ndim: int) -> Array:
    data = graph.tensors[operator.inputs[place]].data
    if data is None or data.ndim != ndim:
        raise ModelError(f"{operator.name}: input {place} has to be a constant of {ndim} axes")
    return data


def _conv(graph: Graph, operator: Operator, pad: Operator | None) -> Conv:
    weight = _constant(graph, operator, 1, 4)
    bias = _constant(graph, operator, 2, 1) if len(operator.inputs) > 2 else None
    depthwise = operator.name == "DEPTHWISE_CONV_2D"
    if depthwise and operator.options["multiplier"] != 1:
        raise ModelError(f"DEPTHWISE_CONV_2D with multiplier {operator.options['multiplier']}: only 1 is understood")
    oihw = weight.transpose(3, 0, 1, 2) if depthwise else weight.transpose(0, 3, 1, 2)
    groups = oihw.shape[0] if depthwise else 1
    return Conv(operator, oihw, bias, groups=groups, pad=(0, 0) if pad is None else _amount(graph, operator, pad))


def _amount(graph: Graph, operator: Operator, pad: Operator) -> tuple[int, int]:
    amounts = _constant(graph, pad, 1, 2).astype(np.int64)
    symmetric = amounts.shape == (4, 2) and np.array_equal(amounts[:, 0], amounts[:, 1]) and not amounts[[0, 3]].any()
    if not symmetric or amounts.min() < 0 or operator.options["padding"] == SAME:
        raise ModelError(f"PAD by {amounts.tolist()}: only symmetric, before a VALID convolution, is it understood")
    return int(amounts[1, 0]), int(amounts[2, 0])
