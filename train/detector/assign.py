"""Which cells shall answer for whom: task-aligned assignment (Feng et al. 2021, "TOOD", section 3.2)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class Assigned:
    """For each cell of each picture: ``person`` int64 [B, N], -1 for nobody, and ``quality`` float32 [B, N] in 0..1."""

    person: Tensor
    quality: Tensor


def overlap(one: Tensor, other: Tensor) -> Tensor:
    """Intersection over union of boxes [..., 4] = x0, y0, x1, y1, broadcast."""
    low, high = torch.maximum(one[..., :2], other[..., :2]), torch.minimum(one[..., 2:], other[..., 2:])
    common = (high - low).clamp(min=0).prod(-1)
    areas = (one[..., 2:] - one[..., :2]).clamp(min=0).prod(-1) + (other[..., 2:] - other[..., :2]).clamp(min=0).prod(
        -1
    )
    return common / (areas - common).clamp(min=1e-6)


@torch.no_grad()
def assign(
    boxes: Tensor, scores: Tensor, cells: Tensor, people: Tensor, *, most: int = 10, power: float = 4.0
) -> Assigned:
    """Give each person the ``most`` cells within the box that answer best: score ** 0.5 * overlap ** ``power``.

    ``boxes`` [B, N, 4] and ``scores`` [B, N] are the net's answers now, ``cells`` [N, 2] their centres, ``people``
    [B, G, 4] the boxes, all pixels; rows of zeros are nobody. Boxes of less than 12 pixels reach for the cells within
    12. A cell wanted twice goes to whom it overlaps more; its quality is its rank times its person's best overlap.
    """
    present = (people[..., 2:] > people[..., :2]).all(-1)
    middle, half = (people[..., :2] + people[..., 2:]) / 2, ((people[..., 2:] - people[..., :2]) / 2).clamp(min=6)
    inside = ((cells - middle[:, :, None]).abs() < half[:, :, None]).all(-1) & present[..., None]
    overlaps = overlap(people[:, :, None], boxes[:, None]).clamp(min=1e-4) * inside
    rank = scores[:, None].clamp(min=1e-4).sqrt() * overlaps**power
    best, where = rank.topk(min(most, rank.shape[-1]), -1)
    chosen = torch.zeros_like(inside).scatter_(2, where, best > 0)
    wanted = torch.where(chosen, overlaps, -1.0)
    overlapped, person = wanted.max(1)
    taken = chosen & torch.zeros_like(chosen).scatter_(1, person[:, None], True)
    rank = rank * taken
    quality = rank / rank.amax(-1, keepdim=True).clamp(min=1e-12) * (overlaps * taken).amax(-1, keepdim=True)
    nobody = overlapped <= 0
    return Assigned(person=person.masked_fill(nobody, -1), quality=quality.amax(1).masked_fill(nobody, 0.0))
