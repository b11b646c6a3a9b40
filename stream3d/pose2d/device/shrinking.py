"""The detectors' pictures, as ``crops.framed`` makes them, of pictures on a device: to the last bit.

OpenCV shrinks bytes in integers (its ``resize``, bilinear): weights of 1/2048, and four bits cut off between the pass
over the columns and the one over the rows. What a detector says hangs on such levels enough to move regions by pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from stream3d.planes import Planes
from stream3d.pose2d.crops import Layout, laid_out
from stream3d.pose2d.device.stack import Plane, Rows, each_kind, stacked
from stream3d.pose2d.device.uploads import Uploaded

Int64 = npt.NDArray[np.int64]

_ONE = 2048  # 11 bits, of one pass
_CUT, _REST = 4, 16  # bits that are cut off after the first pass, and in the second; two are left to round by


def framed(pictures: Sequence[Uploaded], height: int, width: int) -> tuple[Tensor, list[Layout]]:
    """Each of ``pictures`` in the middle of a black one, uint8 [N, height, width, 3] RGB, and how it lies there."""
    layouts = [laid_out(picture.shape, height, width) for picture in pictures]
    out = torch.zeros((len(pictures), height, width, 3), dtype=torch.uint8, device=pictures[0].pixels.device)
    places = [(one.left, one.top, one.wide, one.high) for one in layouts]
    for place in dict.fromkeys(places):
        left, top, wide, high = place
        rows = [row for row, one in enumerate(places) if one == place]
        out[rows, top : top + high, left : left + wide] = shrunk([pictures[row] for row in rows], high, wide)
    return out, layouts


def shrunk(pictures: Rows, high: int, wide: int) -> Tensor:
    """``pictures`` in another size, uint8 [N, high, wide, 3] RGB."""
    return each_kind(pictures, lambda which: _shrunk([pictures[row] for row in which], high, wide))


def _shrunk(pictures: Rows, high: int, wide: int) -> Tensor:
    stack = stacked(pictures)
    sizes = np.array([picture.shape[:2] for picture in pictures])
    whole = _Passes.between(sizes, (high, wide), stack.flat.device)
    half = _Passes.between((sizes + 1) // 2, (high, wide), stack.flat.device)
    planar = isinstance(pictures[0].host, Planes)
    colour = half if planar else whole
    first, second, third = stack.planes
    return stack.rgb((whole.run(stack.flat, first), colour.run(stack.flat, second), colour.run(stack.flat, third)))


@dataclass(frozen=True, slots=True)
class _Passes:
    """Of each picture the columns and rows that a pixel is made of, and their weights: int64 [4, N, 1 or H, W or 1]."""

    across: Tensor
    down: Tensor

    @classmethod
    def between(cls, sizes: Int64, size: tuple[int, int], device: torch.device) -> _Passes:
        """From pictures of ``sizes`` [N, 2] (rows, columns) to ``size``."""
        down = np.stack([_weights(int(rows), size[0], at_edge=True) for rows in sizes[:, 0]], 1)
        across = np.stack([_weights(int(columns), size[1], at_edge=False) for columns in sizes[:, 1]], 1)
        return cls(torch.from_numpy(across[:, :, None, :]).to(device), torch.from_numpy(down[:, :, :, None]).to(device))

    def run(self, flat: Tensor, plane: Plane) -> Tensor:
        """The levels int32 [N, H, W] of a plane in its new size."""
        left, right, less, more = self.across
        top, bottom, upper, lower = self.down.unbind()
        above, below = (
            (plane.take(flat, left, row).int() * less.int() + plane.take(flat, right, row).int() * more.int()) >> _CUT
            for row in (top, bottom)
        )
        sum_of_both: Tensor = ((above * upper.int()) >> _REST) + ((below * lower.int()) >> _REST)
        return (sum_of_both + 2) >> 2


@lru_cache(maxsize=64)
def _weights(old: int, new: int, *, at_edge: bool) -> Int64:
    """int64 [4, new]: the two of ``old`` samples that each of ``new`` is made of, and their weights.

    Outside the first and last sample OpenCV weighs columns by 1 and 0, and rows as inside (``at_edge``).
    """
    place = np.asarray((np.arange(new) + 0.5) * (old / new) - 0.5, np.float32)
    first = np.floor(place)
    share = place - first
    if not at_edge:
        share = np.where((first < 0) | (first >= old - 1), np.float32(0), share)
    weights = np.rint((np.float32(1) - share) * _ONE), np.rint(share * _ONE)
    index = first.astype(np.int64)
    return np.stack([index.clip(0, old - 1), (index + 1).clip(0, old - 1), *(w.astype(np.int64) for w in weights)])
