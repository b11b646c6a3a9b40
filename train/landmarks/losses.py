"""The landmark net's losses."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor

_SPREAD = 1.0  # cells, of the bell that a heat map shall show; what BlazePose's own heat maps have
_BELL = 10.0  # about what a heat map's loss is divided by: the bell's sum and its feet


def _mean(values: Tensor, weights: Tensor) -> Tensor:
    return (values * weights).sum() / weights.sum().clamp(min=1.0)


def places(points: Tensor, truth: Tensor, sure: Tensor, tolerance: Tensor) -> Tensor:
    """How far points [B, 39, 2] are off in units of ``tolerance`` [B, 39]: log(1 + d² / 2).

    That is the Cauchy distribution's: what is far off, on another person or by a label's mistake, pulls less than what
    is nearly right, as in the similarity that poses are judged by.
    """
    square = (((points - truth) / tolerance[..., None]) ** 2).sum(-1)
    return _mean(torch.log1p(square / 2), sure)


def heat_maps(logits: Tensor, truth: Tensor, sure: Tensor) -> Tensor:
    """Cross-entropy of heat maps [B, 39, H, W] to bells round ``truth`` [B, 39, 2] in cells.

    Its best answer to what cannot be known is the bell blurred by the doubt: a map of where the joint may be.
    """
    height, width = logits.shape[-2:]
    x, y = (torch.arange(size, device=logits.device, dtype=truth.dtype) for size in (width, height))
    across = torch.exp(-((x - truth[..., :1]) ** 2) / (2 * _SPREAD**2))
    down = torch.exp(-((y - truth[..., 1:]) ** 2) / (2 * _SPREAD**2))
    bell = down[..., :, None] * across[..., None, :]
    inside = (truth >= 0).all(-1) & (truth[..., 0] < width) & (truth[..., 1] < height)
    loss = F.binary_cross_entropy_with_logits(logits, bell, reduction="none").sum((-2, -1)) / _BELL
    return _mean(loss, sure * inside)


def depths(depth: Tensor, truth: Tensor, deep: Tensor, scale: Tensor) -> Tensor:
    """How far depths [B, 39] are off, in roots of the person's area [B]."""
    away = (depth - truth) / scale[:, None]
    return _mean(F.smooth_l1_loss(away, torch.zeros_like(away), reduction="none", beta=0.05), deep)


def chances(logits: Tensor, truth: Tensor, judged: Tensor) -> Tensor:
    """Cross-entropy of logits to 0 or 1."""
    return _mean(F.binary_cross_entropy_with_logits(logits, truth, reduction="none"), judged)
