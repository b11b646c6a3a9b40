"""What the nets get to see, as crops.py makes it, of pictures on a device."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from stream3d.pose2d.crops import CROP, Layout, laid_out
from stream3d.pose2d.device.sampling import View, rgb
from stream3d.pose2d.device.uploads import Uploaded
from stream3d.pose2d.regions import image_from_crop

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]


def squares(pictures: Sequence[Uploaded], regions: Sequence[Float32]) -> Tensor:
    """The regions [R, 4] of each of ``pictures``, all in one batch, uint8 [sum of R, 256, 256, 3] RGB."""
    views = [_square(picture, region) for picture, some in zip(pictures, regions, strict=True) for region in some]
    return rgb(views, (CROP, CROP), smooth=False)


def _square(picture: Uploaded, region: Float32) -> View:
    light = image_from_crop(region, CROP)
    colour = light / 2
    colour[:, 2] -= 0.25  # a pixel's centre lies at +0.5 in both
    return View(picture=picture, light=light, colour=colour)


def framed(pictures: Sequence[Uploaded], height: int, width: int) -> tuple[Tensor, list[Layout]]:
    """Each of ``pictures`` in the middle of a black one, uint8 [N, height, width, 3] RGB, and how it lies there."""
    layouts = [laid_out(picture.shape, height, width) for picture in pictures]
    out = torch.zeros((len(pictures), height, width, 3), dtype=torch.uint8, device=pictures[0].pixels.device)
    places = [(one.left, one.top, one.wide, one.high) for one in layouts]
    for place in dict.fromkeys(places):
        left, top, wide, high = place
        rows = [row for row, one in enumerate(places) if one == place]
        views = [_shrunk(pictures[row], layouts[row]) for row in rows]
        out[rows, top : top + high, left : left + wide] = rgb(views, (high, wide), smooth=True)
    return out, layouts


def _shrunk(picture: Uploaded, layout: Layout) -> View:
    rows, columns = picture.shape[:2]
    light = _resize(columns / layout.wide, rows / layout.high)
    return View(
        picture=picture,
        light=light,
        colour=_resize((columns + 1) // 2 / layout.wide, (rows + 1) // 2 / layout.high),
    )


def _resize(across: float, down: float) -> Float64:
    """The map of OpenCV's ``resize``."""
    return np.array([[across, 0, across / 2 - 0.5], [0, down, down / 2 - 0.5]])
