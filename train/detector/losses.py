"""The detector's losses by their papers' names."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor


def quality_focal(logits: Tensor, quality: Tensor, counted: Tensor, power: float) -> Tensor:
    """Li et al. 2020, "Generalized Focal Loss", equation 5, over what is ``counted``, per quality there is to find."""
    away = (quality - logits.sigmoid()).abs().pow(power)
    losses = F.binary_cross_entropy_with_logits(logits, quality, reduction="none") * away
    return (losses * counted).sum() / quality.sum().clamp(min=1.0)


def giou(boxes: Tensor, truth: Tensor) -> Tensor:
    """1 - generalised IoU [...] of boxes [..., 4] (Rezatofighi et al. 2019)."""
    low, high = torch.maximum(boxes[..., :2], truth[..., :2]), torch.minimum(boxes[..., 2:], truth[..., 2:])
    common = (high - low).clamp(min=0).prod(-1)
    both = (boxes[..., 2:] - boxes[..., :2]).prod(-1) + (truth[..., 2:] - truth[..., :2]).prod(-1) - common
    around = torch.maximum(boxes[..., 2:], truth[..., 2:]) - torch.minimum(boxes[..., :2], truth[..., :2])
    hull = around.clamp(min=0).prod(-1)
    return 1 - common / both.clamp(min=1e-6) + (hull - both) / hull.clamp(min=1e-6)


def points(hips: Tensor, edge: Tensor, truth: Tensor) -> Tensor:
    """How far hips [..., 2] and edge [..., 2] are from ``truth`` [..., 4] = both, in radii of the true circle."""
    true_hips, true_edge = truth[..., :2], truth[..., 2:]
    radius = (true_edge - true_hips).norm(dim=-1, keepdim=True).clamp(min=4.0)
    away = torch.cat(((hips - true_hips) / radius, (edge - hips - true_edge + true_hips) / radius), -1)
    return F.smooth_l1_loss(away, torch.zeros_like(away), reduction="none", beta=0.1).sum(-1)
