"""Views of pictures on a device: any affine map of each, for all rows of a batch in one pass, converted to RGB."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from stream3d.planes import ONE, Planes
from stream3d.pose2d.device.uploads import Uploaded

Float64 = npt.NDArray[np.float64]
Size = tuple[int, int]

_MIDDLE = 128


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """Where one row of a batch looks: at ``picture``, by maps [2, 3] from its pixel indices to those of the planes.

    ``light`` is the map into y, or into RGB pixels; ``colour`` the one into u and v.
    """

    picture: Uploaded
    light: Float64
    colour: Float64


@dataclass(frozen=True, kw_only=True, slots=True)
class _Plane:
    """One plane of each row's picture: where it starts, how wide and high it is, int64 [N, 1, 1]; bytes of a pixel."""

    start: Tensor
    wide: Tensor
    high: Tensor
    step: int = 1


def rgb(views: Sequence[View], size: Size, *, smooth: bool) -> Tensor:
    """What the ``views`` show, uint8 [N, *size, 3]; the edge is repeated outside the pictures.

    Brightness, and RGB, is bilinear; colour in u and v too if ``smooth``, else it is the nearest sample.
    """
    planar = [row for row, view in enumerate(views) if isinstance(view.picture.host, Planes)]
    others = [row for row in range(len(views)) if row not in set(planar)]
    if not planar or not others:
        return _alike(views, size, smooth=smooth)
    out = torch.empty((len(views), *size, 3), dtype=torch.uint8, device=views[0].picture.pixels.device)
    for rows in (planar, others):
        out[rows] = _alike([views[row] for row in rows], size, smooth=smooth)
    return out


def _alike(views: Sequence[View], size: Size, *, smooth: bool) -> Tensor:
    flat, starts = _together(views)
    device = flat.device
    shapes = torch.tensor([view.picture.shape[:2] for view in views], device=device)[:, :, None, None]
    start = torch.tensor(starts, device=device)[:, None, None]
    high, wide = shapes[:, 0], shapes[:, 1]
    light = _places(np.stack([view.light for view in views]), size, device)
    whole = _Plane(start=start, wide=wide, high=high, step=3)
    if not isinstance(views[0].picture.host, Planes):
        levels = [_bilinear(flat[channel:], whole, *light) for channel in range(3)]
        return torch.stack(levels, -1).to(torch.uint8)
    colour = _places(np.stack([view.colour for view in views]), size, device)
    half_wide, half_high = (wide + 1) // 2, (high + 1) // 2
    take = _bilinear if smooth else _nearest
    y = _bilinear(flat, _Plane(start=start, wide=wide, high=high), *light)
    u = _Plane(start=start + wide * high, wide=half_wide, high=half_high)
    v = _Plane(start=u.start + half_wide * half_high, wide=half_wide, high=half_high)
    gains = np.stack([view.picture.host.coefficients for view in views if isinstance(view.picture.host, Planes)])
    return to_rgb(y, take(flat, u, *colour), take(flat, v, *colour), torch.from_numpy(gains).to(device))


def _together(views: Sequence[View]) -> tuple[Tensor, list[int]]:
    """The bytes of all pictures one behind the other, and where each row's begin."""
    at: dict[int, int] = {}
    parts: list[Tensor] = []
    total = 0
    for view in views:
        if id(view.picture) not in at:
            at[id(view.picture)] = total
            parts.append(view.picture.bytes())
            total += parts[-1].numel()
    return parts[0] if len(parts) == 1 else torch.cat(parts), [at[id(view.picture)] for view in views]


def _places(maps: Float64, size: Size, device: torch.device) -> tuple[Tensor, Tensor]:
    """Columns and rows float32 [N, *size] that ``maps`` [N, 2, 3] give for every pixel."""
    matrix = torch.from_numpy(maps.astype(np.float32)).to(device)[..., None, None]
    j = torch.arange(size[0], dtype=torch.float32, device=device)[:, None]
    i = torch.arange(size[1], dtype=torch.float32, device=device)
    x = matrix[:, 0, 0] * i + (matrix[:, 0, 1] * j + matrix[:, 0, 2])
    y = matrix[:, 1, 0] * i + (matrix[:, 1, 1] * j + matrix[:, 1, 2])
    return x, y


def _nearest(flat: Tensor, plane: _Plane, x: Tensor, y: Tensor) -> Tensor:
    return _taken(flat, plane, (x + 0.5).floor().long(), (y + 0.5).floor().long()).int()


def _bilinear(flat: Tensor, plane: _Plane, x: Tensor, y: Tensor) -> Tensor:
    """Levels int32, rounded."""
    left, top = x.floor(), y.floor()
    right, down = x - left, y - top
    column, row = left.long(), top.long()
    here, beside, below, across = (
        _taken(flat, plane, column + k, row + m).float() for k, m in ((0, 0), (1, 0), (0, 1), (1, 1))
    )
    return (torch.lerp(torch.lerp(here, beside, right), torch.lerp(below, across, right), down) + 0.5).int()


def _taken(flat: Tensor, plane: _Plane, column: Tensor, row: Tensor) -> Tensor:
    """The samples uint8 at ``column`` and ``row``, those of the edge outside."""
    column, row = _within(column, plane.wide), _within(row, plane.high)
    return flat[plane.start + (row * plane.wide + column) * plane.step]


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
