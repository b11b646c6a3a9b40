"""``kernels.heatmap.refine`` on a device."""

from __future__ import annotations

import torch
from torch import Tensor

from stream3d.kernels.heatmap import BELL, MIN_PEAK, WINDOW


def refine(points: Tensor, heat: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Points [P, J, 2], peaks [P, J] and spreads [P, J, 3] of regressed ``points`` and ``heat`` [P, H, W, J].

    All float32; what they mean is said in ``kernels.heatmap.Refined``.
    """
    rows, cols = heat.shape[1:3]
    size = torch.tensor([cols, rows], dtype=torch.float32, device=points.device)
    cell = (points * size).trunc().long()
    inside = ((cell >= 0) & (cell < size)).all(-1)
    reach = torch.arange(-(WINDOW // 2), WINDOW // 2 + 1, device=points.device)
    weight = _window(heat, cell, reach)
    dx, dy = reach.float(), reach.float()[:, None]
    total = weight.sum((-1, -2)).clamp_min(torch.finfo(torch.float32).tiny)
    x, y, xx, xy, yy = ((weight * by).sum((-1, -2)) / total for by in (dx, dy, dx * dx, dx * dy, dy * dy))
    peak = torch.where(inside, weight.amax((-1, -2)), 0.0)
    spread = torch.stack(
        [
            (xx - x * x - BELL).clamp_min(0) / (cols * cols),
            (xy - x * y) / (cols * rows),
            (yy - y * y - BELL).clamp_min(0) / (rows * rows),
        ],
        -1,
    )
    moved = (cell + torch.stack([x, y], -1)) / size
    sure = (inside & (peak >= MIN_PEAK))[..., None]
    return torch.where(sure, moved, points), peak, torch.where(inside[..., None], spread, torch.nan)


def _window(heat: Tensor, cell: Tensor, reach: Tensor) -> Tensor:
    """The heat round each ``cell`` [P, J, 2], 0..1, float32 [P, J, WINDOW, WINDOW]; 0 outside the map."""
    people, rows, cols, joints = heat.shape
    row, col = cell[..., 1, None, None] + reach[:, None], cell[..., 0, None, None] + reach
    known = (row >= 0) & (row < rows) & (col >= 0) & (col < cols)
    person = torch.arange(people, device=heat.device)[:, None, None, None]
    joint = torch.arange(joints, device=heat.device)[None, :, None, None]
    return heat[person, row.clamp(0, rows - 1), col.clamp(0, cols - 1), joint].sigmoid() * known
