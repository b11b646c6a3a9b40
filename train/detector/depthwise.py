"""Depthwise convolutions with a backward pass that is several times faster on a CPU than torch's own in bfloat16.

The gradient of the input is a depthwise convolution again, whose forward kernel is fast; the gradient of the weights
is a sum that a small kernel makes with a block of channels in the nearest cache.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from numba import njit
from torch import Tensor, nn

_BLOCK = 64  # channels summed at a time: 25 taps of them fit the first cache


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, stride: int) -> Tensor:
        x = x.contiguous(memory_format=torch.channels_last)
        weight, bias = weight.to(x.dtype), bias.to(x.dtype)
        ctx.save_for_backward(x, weight)
        ctx.stride = stride
        return F.conv2d(x, weight, bias, stride, weight.shape[-1] // 2, 1, weight.shape[0])

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None, None]:
        x, weight = ctx.saved_tensors
        grad = grads[0].contiguous(memory_format=torch.channels_last)
        spread = grad if ctx.stride == 1 else _spread(grad, x.shape[-2:], ctx.stride)
        pad, into = weight.shape[-1] // 2, None
        if ctx.needs_input_grad[0]:
            into = F.conv2d(spread, weight.flip(-2, -1), None, 1, pad, 1, weight.shape[0])
        if not ctx.needs_input_grad[1]:
            return into, None, None, None
        rows = grad.permute(0, 2, 3, 1).float().contiguous()
        seen = F.pad(x.permute(0, 2, 3, 1), (0, 0, pad, pad, pad, pad)).float().contiguous()
        taps = torch.from_numpy(_taps(rows.numpy(), seen.numpy(), weight.shape[-1], ctx.stride))
        return into, taps.permute(2, 0, 1).unsqueeze(1), rows.flatten(0, 2).sum(0), None


def _spread(grad: Tensor, size: torch.Size, stride: int) -> Tensor:
    """The gradient with zeros between, as if the stride had been 1."""
    out = grad.new_zeros((*grad.shape[:2], *size)).contiguous(memory_format=torch.channels_last)
    out[:, :, ::stride, ::stride] = grad
    return out


@njit(cache=True, nogil=True)
def _taps(grad: Any, seen: Any, kernel: int, stride: int) -> Any:
    """Gradient float32 [K, K, C] of the weights; ``grad`` [N, H, W, C], ``seen`` [N, H', W', C] padded input."""
    count, height, width, channels = grad.shape
    out = np.zeros((kernel, kernel, channels), np.float32)
    for first in range(0, channels, _BLOCK):
        last = min(first + _BLOCK, channels)
        size = last - first
        total = np.zeros((kernel, kernel, _BLOCK), np.float32)
        for n in range(count):
            for y in range(height):
                for x in range(width):
                    row = grad[n, y, x, first:last]
                    for dy in range(kernel):
                        for dx in range(kernel):
                            other = seen[n, y * stride + dy, x * stride + dx, first:last]
                            into = total[dy, dx]
                            for c in range(size):
                                into[c] += row[c] * other[c]
        out[:, :, first:last] = total[:, :, :size]
    return out


class FastDepthwise(nn.Conv2d):
    """As the convolution it is made of, sharing its parameters; on other devices than a CPU it is that one."""

    def forward(self, x: Tensor) -> Tensor:
        """As ``nn.Conv2d``."""
        if x.device.type != "cpu" or not torch.is_grad_enabled() or self.bias is None:
            return super().forward(x)
        if torch.is_autocast_enabled("cpu"):
            x = x.to(torch.get_autocast_dtype("cpu"))
        out: Tensor = _Depthwise.apply(x, self.weight, self.bias, self.stride[0])
        return out


def hasten(net: nn.Module) -> None:
    """Give all depthwise convolutions of ``net`` the fast backward pass; weights and answers stay as they are."""
    for module in net.modules():
        if type(module) is nn.Conv2d and module.groups == module.in_channels > 1 and module.kernel_size[0] % 2:
            module.__class__ = FastDepthwise
