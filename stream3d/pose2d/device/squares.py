"""The landmark net's crops, as ``crops.squares`` makes them, of pictures on a device."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from stream3d.pose2d.crops import CROP
from stream3d.pose2d.device.stack import Plane, Rows, each_kind, stacked
from stream3d.pose2d.device.uploads import Uploaded
from stream3d.pose2d.regions import image_from_crop

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]


def squares(pictures: Sequence[Uploaded], regions: Sequence[Float32]) -> Tensor:
    """The regions [R, 4] of each of ``pictures``, all in one batch, uint8 [sum of R, 256, 256, 3] RGB.

    Brightness, and RGB, is bilinear, colour in planes the nearest sample; the edge is repeated outside the pictures.
    """
    rows = [picture for picture, some in zip(pictures, regions, strict=True) for _ in some]
    maps = np.stack([image_from_crop(region, CROP) for some in regions for region in some])
    return each_kind(rows, lambda which: _cut([rows[row] for row in which], maps[which]))


def _cut(pictures: Rows, maps: Float64) -> Tensor:
    stack = stacked(pictures)
    y, u, v = stack.planes
    places = _places(maps, stack.flat.device)
    light = _bilinear(stack.flat, y, *places)
    if stack.gains is None:
        return stack.rgb((light, _bilinear(stack.flat, u, *places), _bilinear(stack.flat, v, *places)))
    halved = maps / 2
    halved[:, :, 2] -= 0.25  # a pixel's centre lies at +0.5 in both
    half = _places(halved, stack.flat.device)
    return stack.rgb((light, _nearest(stack.flat, u, *half), _nearest(stack.flat, v, *half)))


def _places(maps: Float64, device: torch.device) -> tuple[Tensor, Tensor]:
    """Columns and rows float32 [N, 256, 256] that ``maps`` [N, 2, 3] give for every pixel of a crop."""
    matrix = torch.from_numpy(maps.astype(np.float32)).to(device)[..., None, None]
    i = torch.arange(CROP, dtype=torch.float32, device=device)
    j = i[:, None]
    x = matrix[:, 0, 0] * i + (matrix[:, 0, 1] * j + matrix[:, 0, 2])
    y = matrix[:, 1, 0] * i + (matrix[:, 1, 1] * j + matrix[:, 1, 2])
    return x, y


def _nearest(flat: Tensor, plane: Plane, x: Tensor, y: Tensor) -> Tensor:
    return plane.take(flat, (x + 0.5).floor().long(), (y + 0.5).floor().long()).int()


def _bilinear(flat: Tensor, plane: Plane, x: Tensor, y: Tensor) -> Tensor:
    """Levels int32, rounded."""
    left, top = x.floor(), y.floor()
    right, down = x - left, y - top
    column, row = left.long(), top.long()
    here, beside, below, across = (
        plane.take(flat, column + k, row + m).float() for k, m in ((0, 0), (1, 0), (0, 1), (1, 1))
    )
    return (torch.lerp(torch.lerp(here, beside, right), torch.lerp(below, across, right), down) + 0.5).int()
