"""The modules behind ``fake``: moments of the bright pixels, and nothing learned."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor, nn

_CELL = 8  # pixels: stride of the detector's finest layer, the only one that answers
_BOXES = ((8, 2), (16, 2), (32, 6))  # stride, boxes per cell, as in BlazePose

# Where the points of the stick figure lie, in half widths and half heights from the blob's centre: the middle ones,
# then of each pair the person's left one, which in the picture is on the right. Index of the right one = left + 1.
_MIDDLE = {0: (0.0, -0.85), 33: (0.0, 0.0), 34: (0.0, -1.0)}
_PAIRS = {
    7: (0.2, -0.85),
    9: (0.1, -0.78),
    11: (0.5, -0.6),
    13: (0.8, -0.3),
    15: (0.9, 0.0),
    17: (0.95, 0.08),
    19: (0.9, 0.1),
    21: (0.85, 0.05),
    23: (0.3, 0.0),
    25: (0.35, 0.45),
    27: (0.4, 0.9),
    29: (0.38, 0.95),
    31: (0.5, 0.97),
}
_EYES = {1: 0.06, 2: 0.1, 3: 0.14, 4: -0.06, 5: -0.1, 6: -0.14}


def _figure() -> Tensor:
    points = torch.zeros(39, 2)
    for index, place in _MIDDLE.items():
        points[index] = torch.tensor(place)
    for index, x in _EYES.items():
        points[index] = torch.tensor((x, -0.9))
    for index, (x, y) in _PAIRS.items():
        points[index], points[index + 1] = torch.tensor((x, y)), torch.tensor((-x, y))
    return points


def _moments(image: Tensor) -> Tensor:
    """Uint8 [B, H, W, 3] to float32 [B, 5, H, W]: brightness 0..1, and the same times x, y, x², y² in pixels."""
    bright = ((image.float().mean(-1) / 255 - 0.5) * 20).clamp(0, 1)
    x = torch.arange(image.shape[2], device=image.device) + 0.5
    y = (torch.arange(image.shape[1], device=image.device) + 0.5)[:, None]
    return torch.stack([bright, bright * x, bright * y, bright * x * x, bright * y * y], 1)


def _blob(moments: Tensor) -> tuple[Tensor, Tensor]:
    """Moments [B, 5, ...] to centre and half size [B, 2, ...] = x, y in pixels, exact for a rectangle."""
    mean = moments[:, 1:] / moments[:, :1].clamp(min=1e-6)
    centre, square = mean[:, :2], mean[:, 2:]
    return centre, (3 * (square - centre * centre)).clamp(min=0).sqrt()


class FakeDetector(nn.Module):
    """A detector of bright blobs: a cell answers if it is bright, and at the mean of the bright pixels around it."""

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Uint8 [B, H, W, 3] to boxes float32 [B, N, 12] and scores float32 [B, N], as BlazePose's detector."""
        height, width = image.shape[1] // _CELL, image.shape[2] // _CELL
        window = (height // 4 * 2 + 1, width // 4 * 2 + 1)
        cells = F.avg_pool2d(_moments(image), _CELL)
        around = F.avg_pool2d(cells, window, 1, (window[0] // 2, window[1] // 2))
        centre, half = _blob(around)
        x = (torch.arange(width, device=image.device) + 0.5) * _CELL
        y = (torch.arange(height, device=image.device) + 0.5) * _CELL
        offset = centre - torch.stack(torch.meshgrid(x, y, indexing="xy"))
        near = (offset.abs().amax(1) < _CELL) & (cells[:, 0] > 0.5)
        top = torch.stack([offset[:, 0], offset[:, 1] - half[:, 1]], 1)
        boxes = torch.cat([offset, 2 * half, offset, top, offset, top], 1)
        return self._rows(boxes, near.float() * 0.9)

    def _rows(self, boxes: Tensor, scores: Tensor) -> tuple[Tensor, Tensor]:
        """Maps of the finest layer to rows of all layers, those of the others being empty."""
        batch, _, height, width = boxes.shape
        counts = [height * _CELL // stride * (width * _CELL // stride) * boxes for stride, boxes in _BOXES]
        first = _BOXES[0][1]
        rows = boxes.permute(0, 2, 3, 1).reshape(batch, -1, 12).repeat_interleave(first, 1)
        flat = scores.reshape(batch, -1).repeat_interleave(first, 1)
        rest = sum(counts[1:])
        return F.pad(rows, (0, 0, 0, rest)), F.pad(flat, (0, rest))


class FakeLandmarker(nn.Module):
    """A stick figure over the bright part of a crop."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("_figure", _figure(), persistent=False)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Uint8 [B, 256, 256, 3] to landmarks [B, 39, 5], presence [B] and heat maps [B, 64, 64, 39]."""
        whole = _moments(image).mean((2, 3))
        centre, half = _blob(whole)
        points = centre[:, None] + half[:, None] * self.get_buffer("_figure")
        rest = torch.zeros_like(points[..., :1])
        landmarks = torch.cat([points, rest, rest + 0.95, rest + 0.95], -1)
        presence = (400 * (whole[:, 0] - 0.02)).sigmoid()
        return landmarks, presence, torch.full((image.shape[0], 64, 64, 39), -10.0, device=image.device)
