"""One small torch module per TFLite operator, over NCHW pictures."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor, nn

from stream3d.errors import ModelError
from stream3d.nets.tflite import Graph, Operator
from stream3d.nets.tflite_conv import SAME, activation, convolution, identity

_NHWC_TO_NCHW_AXIS = {0: 0, 1: 2, 2: 3, 3: 1}


class MaxPool(nn.Module):
    """Max-pooling without padding."""

    def __init__(self, operator: Operator) -> None:
        super().__init__()
        o = operator.options
        if o["padding"] == SAME:
            raise ModelError("MAX_POOL_2D with padding SAME is not understood, only VALID")
        self._kernel, self._stride = (o["filter_h"], o["filter_w"]), (o["stride_h"], o["stride_w"])
        if min(*self._kernel, *self._stride) < 1:
            raise ModelError(f"MAX_POOL_2D with filter {self._kernel} and stride {self._stride}: less than 1")
        self._act = activation(operator)

    def forward(self, x: Tensor) -> Tensor:
        """Float [B, C, H, W] to [B, C, H', W']."""
        return self._act(F.max_pool2d(x, self._kernel, self._stride))


class Add(nn.Module):
    """Sum of two tensors of one shape."""

    def __init__(self, operator: Operator) -> None:
        super().__init__()
        self._act = activation(operator)

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
        self._act = activation(operator) if "activation" in o else identity

    def forward(self, x: Tensor) -> Tensor:
        """Float [B, C, H, W] to [B, C, H·fy, W·fx]."""
        size = (x.shape[-2] * self._factors[0], x.shape[-1] * self._factors[1])
        return self._act(F.interpolate(x, size=size, mode="bilinear", align_corners=False))


class DepthToSpace(nn.Module):
    """Channels in the order (by, bx, c) to blocks; torch's ``pixel_shuffle`` has them in the order (c, by, bx)."""

    def __init__(self, operator: Operator) -> None:
        super().__init__()
        self._block = operator.options["block"]
        if self._block < 1:
            raise ModelError(f"DEPTH_TO_SPACE with blocks of {self._block}")

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
        self._act = activation(operator)

    def forward(self, *parts: Tensor) -> Tensor:
        """Floats to one float."""
        return self._act(torch.cat(parts, self._axis))


def layer(graph: Graph, operator: Operator, pad: Operator | None) -> nn.Module:
    """The module of ``operator``, with the padding ``pad`` before it merged in; ModelError if it is not understood."""
    shapes = [graph.tensors[i].shape for i in operator.inputs if i >= 0]
    if operator.name in ("CONV_2D", "DEPTHWISE_CONV_2D"):
        return convolution(graph, operator, pad)
    if pad is not None:
        raise ModelError(f"PAD before {operator.name}: only before a convolution is it understood")
    if operator.name in ("ADD", "CONCATENATION") and any(
        i < 0 or graph.tensors[i].data is not None for i in operator.inputs
    ):
        raise ModelError(f"{operator.name} of a constant is not understood")
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
