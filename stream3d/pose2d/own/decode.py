"""From what nets answer to boxes and points in pixels of their input: arrays in, arrays out.

A pixel's centre lies at +0.5, as everywhere.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from stream3d.pose2d.detect import iou

Float32 = npt.NDArray[np.float32]
Int64 = npt.NDArray[np.int64]

_FLOOR = 1e-10  # of what a logarithm is taken
_FARTHEST = 1.0  # cells that refinement may move a peak by, along either axis


@cache
def grid(width: int, height: int, strides: tuple[int, ...]) -> tuple[Float32, Float32]:
    """Of YOLOX's cells: the left upper corners float32 [N, 2] in cells of their own stride, and the strides [N, 1]."""
    corners, sizes = [], []
    for stride in strides:
        y, x = np.mgrid[: math.ceil(height / stride), : math.ceil(width / stride)]
        corners.append(np.stack([x.ravel(), y.ravel()], 1))
        sizes.append(np.full((x.size, 1), stride))
    return np.concatenate(corners).astype(np.float32), np.concatenate(sizes).astype(np.float32)


def boxes_of_cells(raw: Float32, corners: Float32, strides: Float32) -> Float32:
    """Boxes [N, 4] = x0, y0, x1, y1 in pixels from ``raw`` [N, 4] = x, y, log width, log height in cells.

    Ge et al. 2021, "YOLOX: Exceeding YOLO Series in 2021", section 2.1.
    """
    return boxes_of_centres(np.concatenate([(raw[:, :2] + corners) * strides, np.exp(raw[:, 2:]) * strides], 1))


def boxes_of_centres(centred: Float32) -> Float32:
    """Boxes [N, 4] = x0, y0, x1, y1 from centre x, y, width, height."""
    middle, half = centred[:, :2], centred[:, 2:4] / 2
    return np.concatenate([middle - half, middle + half], 1).astype(np.float32)


def suppressed(boxes: Float32, scores: Float32, overlap: float) -> Int64:
    """Rows [M] of ``boxes`` [N, 4] that stay, best first: none shares more than ``overlap`` (IoU) with a better one."""
    rest = np.argsort(-scores, kind="stable")
    keep = []
    while len(rest):
        best, rest = int(rest[0]), rest[1:]
        keep.append(best)
        rest = rest[iou(boxes[best], boxes[rest]) <= overlap]
    return np.array(keep, np.int64)


def peaks_of_bins(x: Float32, y: Float32, *, split_ratio: float, parabola: bool) -> Float32:
    """Points [P, J, 3] = x, y, score from bins [P, J, width * split_ratio] and [P, J, height * split_ratio].

    The score is the lower of the two maxima. Li et al. 2022, "SimCC", section 3.
    """
    out = np.empty((*x.shape[:2], 3), np.float32)
    for axis, bins in enumerate((x, y)):
        best = bins.argmax(-1)
        at = best + (_parabola(bins, best) if parabola else 0.0)
        out[..., axis] = at / split_ratio + 0.5
    out[..., 2] = np.minimum(x.max(-1), y.max(-1))
    return out


def _parabola(bins: Float32, best: Int64) -> Float32:
    """How far [P, J] from the best bin the parabola through it and its neighbours peaks; 0 at the ends."""
    inner = np.clip(best, 1, bins.shape[-1] - 2)
    before, here, after = (np.take_along_axis(bins, (inner + k)[..., None], -1)[..., 0] for k in (-1, 0, 1))
    bend = before - 2 * here + after
    step = np.where(bend < 0, (before - after) / np.where(bend < 0, 2 * bend, 1), 0)
    return np.where(inner == best, np.clip(step, -0.5, 0.5), 0).astype(np.float32)


def peaks_of_maps(maps: Float32, *, refine: Literal["none", "quarter", "dark"], blur: int) -> Float32:
    """Points [P, J, 3] = column, row of the cell (fractions with a refinement), score from ``maps`` [P, J, h, w]."""
    people, joints, rows, columns = maps.shape
    flat = maps.reshape(people, joints, -1)
    best = flat.argmax(-1)
    column, row = best % columns, best // columns
    out = np.stack([column, row, np.take_along_axis(flat, best[..., None], -1)[..., 0]], -1).astype(np.float32)
    if refine == "none":
        return out
    for p, j in np.ndindex(people, joints):
        x, y = int(column[p, j]), int(row[p, j])
        if 0 < x < columns - 1 and 0 < y < rows - 1:
            out[p, j, :2] += _quarter(maps[p, j], x, y) if refine == "quarter" else _dark(maps[p, j], x, y, blur)
    return out


def _quarter(heat: Float32, x: int, y: int) -> tuple[float, float]:
    """A quarter of a cell towards the better neighbour (Newell et al. 2016, "Stacked Hourglass Networks")."""
    dx, dy = heat[y, x + 1] - heat[y, x - 1], heat[y + 1, x] - heat[y - 1, x]
    return 0.25 * float(np.sign(dx)), 0.25 * float(np.sign(dy))


def _dark(heat: Float32, x: int, y: int, blur: int) -> tuple[float, float]:
    """To the peak of the Gaussian whose second-order expansion is that of the map at its best cell.

    Zhang et al. 2020, "Distribution-Aware Coordinate Representation", equations 6 to 9.
    """
    reach = 1 + blur // 2
    left, top = max(0, x - reach), max(0, y - reach)
    near = heat[top : y + reach + 1, left : x + reach + 1]
    if blur:
        near = np.asarray(cv2.GaussianBlur(near, (blur, blur), 0, borderType=cv2.BORDER_CONSTANT), np.float32)
    x, y = x - left, y - top
    log = np.log(np.maximum(near[y - 1 : y + 2, x - 1 : x + 2], _FLOOR)).astype(np.float64)
    slope = np.array([log[1, 2] - log[1, 0], log[2, 1] - log[0, 1]]) / 2
    across, down = log[1, 2] - 2 * log[1, 1] + log[1, 0], log[2, 1] - 2 * log[1, 1] + log[0, 1]
    mixed = (log[2, 2] - log[2, 0] - log[0, 2] + log[0, 0]) / 4
    fall = across * down - mixed * mixed
    if not (across < 0 and fall > 0):
        return 0.0, 0.0
    dx, dy = (mixed * slope[1] - down * slope[0]) / fall, (mixed * slope[0] - across * slope[1]) / fall
    return float(np.clip(dx, -_FARTHEST, _FARTHEST)), float(np.clip(dy, -_FARTHEST, _FARTHEST))


def pixels_of_cells(cells: Float32, *, size: tuple[int, int], grid_size: tuple[int, int], convention: str) -> Float32:
    """Where in a crop of ``size`` (width, height) cells [..., 2] of a map of ``grid_size`` (columns, rows) lie."""
    across, down = np.array(size, np.float32), np.array(grid_size, np.float32)
    if convention == "corners":
        return (cells * (across - 1) / (down - 1) + 0.5).astype(np.float32)
    if convention == "centres":
        return ((cells + 0.5) * across / down).astype(np.float32)
    return (cells * across / down + 0.5).astype(np.float32)


def belief(scores: Float32, even: float) -> Float32:
    """Scores of a net as 0..1 on the scale on which 0.5 is as likely as not, which is ``even`` on the net's own."""
    low, high = 0.5 * scores / even, 0.5 + 0.5 * (scores - even) / (1 - even)
    return np.clip(np.where(scores < even, low, high), 0.0, 1.0).astype(np.float32)
