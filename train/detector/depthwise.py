"""Depthwise convolutions with a backward pass that is several times faster on a CPU than torch's own in bfloat16.

The gradient of the input is a depthwise convolution again, whose forward kernel is fast; the gradient of the weights
is a sum that a small kernel makes, a block of channels at a time, of rows that it widens to float32 in the caches.
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
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, stride: int) -> Tensor:
        x = x.contiguous(memory_format=torch.channels_last)
        weight, bias = weight.to(x.dtype), None if bias is None else bias.to(x.dtype)
        ctx.save_for_backward(x, weight)
        ctx.stride = stride
        return F.conv2d(x, weight, bias, stride, weight.shape[-1] // 2, 1, weight.shape[0])

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None, None]:
        x, weight = ctx.saved_tensors
        grad = grads[0].contiguous(memory_format=torch.channels_last)
        into = taps = total = None
        if ctx.needs_input_grad[0]:
            spread = grad if ctx.stride == 1 else _spread(grad, x.shape[-2:], ctx.stride)
            into = F.conv2d(spread, weight.flip(-2, -1), None, 1, weight.shape[-1] // 2, 1, weight.shape[0])
        if ctx.needs_input_grad[1]:
            rows, seen = (_bits(tensor) for tensor in (grad, x))
            sums = torch.from_numpy(_taps(rows, seen, weight.shape[-1], ctx.stride))
            taps = sums.permute(2, 0, 1).unsqueeze(1)
        if ctx.needs_input_grad[2]:
            total = grad.sum((0, 2, 3), dtype=torch.float32)
        return into, taps, total, None


def _spread(grad: Tensor, size: torch.Size, stride: int) -> Tensor:
    """The gradient with zeros between, as if the stride had been 1."""
    out = grad.new_zeros((*grad.shape[:2], *size)).contiguous(memory_format=torch.channels_last)
    out[:, :, ::stride, ::stride] = grad
    return out


def _bits(x: Tensor) -> Any:
    """The numbers [N, C, H, W] of a tensor laid out channels last as [N, H, W, C]: float32, or uint16 for bfloat16."""
    rows = x.permute(0, 2, 3, 1)
    if x.dtype is torch.bfloat16:
        return rows.view(torch.int16).numpy().view(np.uint16)
    return rows.float().numpy()


@njit(cache=True, nogil=True)
def _widen(row: Any, first: int, bits: Any, into: Any, at: int) -> None:
    """Some channels of a row [W, C] into ``into`` [.., channels] from ``at`` on; ``bits`` is its memory as uint32."""
    for x in range(row.shape[0]):
        _numbers(row[x], first, bits[x + at], into[x + at])


@njit(cache=True, nogil=True, inline="always")
def _numbers(values: Any, first: int, bits: Any, into: Any) -> None:
    for c in range(min(into.shape[0], values.shape[0] - first)):
        if values.itemsize == 2:
            bits[c] = np.uint32(values[first + c]) << np.uint32(16)  # a bfloat16 is the upper half of a float32
        else:
            into[c] = values[first + c]


@njit(cache=True, nogil=True)
def _taps(grad: Any, seen: Any, kernel: int, stride: int) -> Any:
    """Gradient float32 [K, K, C] of the weights; ``grad`` [N, H, W, C], ``seen`` [N, H', W', C], see ``_bits``."""
    count, height, width, channels = grad.shape
    pad = kernel // 2
    out = np.zeros((kernel, kernel, channels), np.float32)
    row_bits = np.zeros((width, _BLOCK), np.uint32)
    seen_bits = np.zeros((kernel, seen.shape[2] + 2 * pad, _BLOCK), np.uint32)  # a ring of rows; edges stay zero
    row, lines = row_bits.view(np.float32), seen_bits.view(np.float32)
    for first in range(0, channels, _BLOCK):
        total = np.zeros((kernel, kernel, _BLOCK), np.float32)
        for n in range(count):
            known = 0
            for y in range(height):
                top = y * stride - pad
                while known < min(top + kernel, seen.shape[1]):
                    _widen(seen[n, known], first, seen_bits[known % kernel], lines[known % kernel], pad)
                    known += 1
                _widen(grad[n, y], first, row_bits, row, 0)
                for dy in range(max(0, -top), min(kernel, seen.shape[1] - top)):
                    _add(row, lines[(top + dy) % kernel], total[dy], stride)
        last = min(first + _BLOCK, channels)
        out[:, :, first:last] = total[:, :, : last - first]
    return out


@njit(cache=True, nogil=True, inline="always")
def _add(row: Any, line: Any, total: Any, stride: int) -> None:
    for x in range(row.shape[0]):
        for dx in range(total.shape[0]):
            for c in range(_BLOCK):
                total[dx, c] += row[x, c] * line[x * stride + dx, c]


class FastDepthwise(nn.Conv2d):
    """As the convolution it is made of, sharing its parameters; on other devices than a CPU it is that one."""

    def forward(self, x: Tensor) -> Tensor:
        """As ``nn.Conv2d``."""
        if x.device.type != "cpu" or not torch.is_grad_enabled():
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
