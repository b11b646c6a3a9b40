"""Pictures on a device, one row of a batch each, so that one pass can take from all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from stream3d.planes import ONE, Planes
from stream3d.pose2d.device.uploads import Uploaded

_MIDDLE = 128

Rows = Sequence[Uploaded]


@dataclass(frozen=True, kw_only=True, slots=True)
class Plane:
    """One plane of each row's picture: where it starts, how wide and high it is, int64 [N, 1, 1]; bytes of a pixel."""

    start: Tensor
    wide: Tensor
    high: Tensor
    step: int = 1

    def take(self, flat: Tensor, column: Tensor, row: Tensor) -> Tensor:
        """The samples uint8 at ``column`` and ``row``, int64 that broadcast to [N, H, W]; outside those of the edge."""
        column, row = _within(column, self.wide), _within(row, self.high)
        return flat[self.start + (row * self.wide + column) * self.step]


@dataclass(frozen=True, kw_only=True, slots=True)
class Stack:
    """The bytes of all pictures one behind the other, and their planes: y, u, v with ``gains``, or red, green, blue.

    ``gains`` int32 [N, 6] are ``Planes.coefficients``; None of pictures that are RGB.
    """

    flat: Tensor
    planes: tuple[Plane, Plane, Plane]
    gains: Tensor | None

    def rgb(self, levels: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        """uint8 [N, H, W, 3] of levels of each plane, int32 [N, H, W]."""
        if self.gains is None:
            return torch.stack(levels, -1).to(torch.uint8)
        return to_rgb(*levels, self.gains)


def each_kind(pictures: Rows, make: Callable[[list[int]], Tensor]) -> Tensor:
    """What ``make`` gives for rows of one kind, pictures in planes or in RGB, put together for all rows."""
    planar = [row for row, picture in enumerate(pictures) if isinstance(picture.host, Planes)]
    others = [row for row, picture in enumerate(pictures) if not isinstance(picture.host, Planes)]
    if not planar or not others:
        return make(planar or others)
    parts = torch.cat([make(planar), make(others)])
    return parts[np.argsort(planar + others).tolist()]


def stacked(pictures: Rows) -> Stack:
    """The stack of ``pictures``, which are all of one kind, each as often as it is among them."""
    flat, starts = _together(pictures)
    start = torch.tensor(starts, device=flat.device)[:, None, None]
    size = torch.tensor([picture.shape[:2] for picture in pictures], device=flat.device)[:, :, None, None]
    high, wide = size[:, 0], size[:, 1]
    planes = [picture.host for picture in pictures if isinstance(picture.host, Planes)]
    if not planes:
        red, green, blue = (Plane(start=start + k, wide=wide, high=high, step=3) for k in range(3))
        return Stack(flat=flat, planes=(red, green, blue), gains=None)
    half_wide, half_high = (wide + 1) // 2, (high + 1) // 2
    y = Plane(start=start, wide=wide, high=high)
    u = Plane(start=start + wide * high, wide=half_wide, high=half_high)
    v = Plane(start=u.start + half_wide * half_high, wide=half_wide, high=half_high)
    gains = np.stack([one.coefficients for one in planes])
    return Stack(flat=flat, planes=(y, u, v), gains=torch.from_numpy(gains).to(flat.device))


def _together(pictures: Rows) -> tuple[Tensor, list[int]]:
    """The bytes of all pictures, each once, and where each row's begin."""
    at: dict[int, int] = {}
    parts: list[Tensor] = []
    total = 0
    for picture in pictures:
        if id(picture) not in at:
            at[id(picture)] = total
            parts.append(picture.bytes())
            total += parts[-1].numel()
    return parts[0] if len(parts) == 1 else torch.cat(parts), [at[id(picture)] for picture in pictures]


def _within(index: Tensor, count: Tensor) -> Tensor:
    return torch.minimum(index.clamp_min(0), count - 1)


def to_rgb(y: Tensor, u: Tensor, v: Tensor, gains: Tensor) -> Tensor:
    """``kernels.colours.to_rgb`` to the last bit: int32 [N, H, W] each and ``Planes.coefficients`` [N, 6]; uint8."""
    gain = gains[:, :, None, None].int()
    light = ((y - gain[:, 1]) * gain[:, 0]) >> ONE
    blueness, redness = u - _MIDDLE, v - _MIDDLE
    red = light + ((gain[:, 2] * redness) >> ONE)
    green = light + ((gain[:, 3] * blueness) >> ONE) + ((gain[:, 4] * redness) >> ONE)
    blue = light + ((gain[:, 5] * blueness) >> ONE)
    return torch.stack([red, green, blue], -1).clamp_(0, 255).to(torch.uint8)
