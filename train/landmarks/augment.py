"""Crops of people as run time never makes them on purpose: shifted, turned, coarse, blurred, cut off, half hidden."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from stream3d.nets.blazepose import LANDMARK_SIZE
from stream3d.pose2d.crops import crop
from stream3d.pose2d.regions import image_from_crop
from stream3d.skeleton import BLAZEPOSE33
from train.detector.augment import recoloured

Float32 = npt.NDArray[np.float32]
UInt8 = npt.NDArray[np.uint8]

_COARSEST = 32  # pixels that a region has at least
_GUESSED = 0.3  # weight of the place of a joint that is hidden by what was put before it


def _swapped(name: str) -> str:
    side, _, part = name.partition("_")
    return {"left": f"right_{part}", "right": f"left_{part}"}.get(side, name)


MIRRORED = np.array([*(BLAZEPOSE33.names.index(_swapped(name)) for name in BLAZEPOSE33.names), *range(33, 39)])
"""Which of the 39 points each becomes in a mirror."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Augmentation:
    """How regions and crops differ from right ones.

    ``shift`` and ``scale`` are standard deviations in sides and of the log, ``turn`` in radians, of the share
    ``upright``; the others lie anyhow. ``by_box`` is the share of regions round boxes instead of circles, ``coarse``
    of crops with fewer pixels, ``cut`` of pictures that end within the region, ``hidden`` of crops with something
    before the person; ``blur`` and ``grey`` are shares too, ``colour`` is the strength.
    """

    by_box: float = 0.4
    shift: float = 0.05
    scale: float = 0.15
    turn: float = 0.2
    upright: float = 0.9
    coarse: float = 0.35
    cut: float = 0.15
    hidden: float = 0.25
    blur: float = 0.12
    grey: float = 0.05
    colour: float = 0.25


@dataclass(kw_only=True)
class Crop:
    """A crop uint8 [256, 256, 3] and what is known of it, in its pixels; see ``targets.Targets``."""

    picture: UInt8
    points: Float32
    sure: Float32
    depth: Float32
    deep: Float32
    seen: Float32
    judged: Float32
    scale: float


def jittered(region: Float32, rng: np.random.Generator, how: Augmentation) -> Float32:
    """A region [4] that is somewhat off."""
    out = region.astype(np.float64)
    out[:2] += rng.normal(0, how.shift, 2) * region[2]
    out[2] *= np.exp(rng.normal(0, how.scale))
    out[3] += rng.normal(0, how.turn) if rng.random() < how.upright else rng.uniform(-np.pi, np.pi)
    return out.astype(np.float32)


def photographed(photo: UInt8, region: Float32, rng: np.random.Generator, how: Augmentation) -> UInt8:
    """The crop of a region [4], perhaps with fewer pixels."""
    if rng.random() >= how.coarse:
        return crop(photo, region[None])[0]
    least = min(1.0, _COARSEST / min(float(region[2]), LANDMARK_SIZE))
    size = round(min(float(region[2]), LANDMARK_SIZE) * np.exp(rng.uniform(np.log(min(least, 0.999)), 0)))
    small = crop(photo, region[None], width=max(size, 8), height=max(size, 8))[0]
    out: UInt8 = cv2.resize(small, (LANDMARK_SIZE, LANDMARK_SIZE), interpolation=cv2.INTER_LINEAR).astype(np.uint8)
    return out


def into_crop(points: Float32, region: Float32) -> Float32:
    """Image points [N, 2] in pixels of the crop of a region [4]."""
    matrix = cv2.invertAffineTransform(image_from_crop(region, LANDMARK_SIZE))
    return ((points - 0.5) @ matrix[:, :2].T + matrix[:, 2] + 0.5).astype(np.float32)


def cut_off(made: Crop, photo: UInt8, region: Float32, rng: np.random.Generator) -> UInt8:
    """The photograph with one side cut away within the region; joints beyond are no longer seen."""
    axis, before = int(rng.integers(2)), rng.random() < 0.5
    at = float(region[axis]) + float(region[2]) * rng.uniform(0.0, 0.45) * (-1 if before else 1)
    edge = int(np.clip(round(at), 8, photo.shape[1 - axis] - 8))
    x, y = made.points.T
    beyond = (np.array((x, y)[axis]) < edge) if before else (np.array((x, y)[axis]) >= edge)
    _hide(made, beyond)
    keep = slice(edge, None) if before else slice(None, edge)
    left = photo[:, keep] if axis == 0 else photo[keep]
    out = np.pad(left, [_missing(photo, left, 0, before), _missing(photo, left, 1, before), (0, 0)], mode="edge")
    return np.ascontiguousarray(out)


def _missing(photo: UInt8, left: UInt8, axis: int, before: bool) -> tuple[int, int]:
    missing = photo.shape[axis] - left.shape[axis]
    return (missing, 0) if before else (0, missing)


def _hide(made: Crop, which: npt.NDArray[np.bool_]) -> None:
    made.seen[which] = 0.0
    made.sure[which] *= _GUESSED
    made.deep[which] = 0.0


def half_hidden(made: Crop, other: UInt8, rng: np.random.Generator) -> None:
    """Lay a piece of another photograph over a part of the crop."""
    wide, high = (int(v) for v in rng.uniform(0.1, 0.45, 2) * LANDMARK_SIZE)
    x, y = (int(v) for v in rng.uniform(0.1, 0.9, 2) * (LANDMARK_SIZE - np.array([wide, high])))
    rows, columns = other.shape[:2]
    top, left = int(rng.integers(max(rows - high, 1))), int(rng.integers(max(columns - wide, 1)))
    piece = other[top : top + high, left : left + wide]
    made.picture[y : y + piece.shape[0], x : x + piece.shape[1]] = piece
    inside = (made.points >= (x, y)).all(1) & (made.points < (x + piece.shape[1], y + piece.shape[0])).all(1)
    _hide(made, inside)


def mirrored(made: Crop) -> None:
    """Left and right exchanged, in place."""
    made.picture = np.ascontiguousarray(made.picture[:, ::-1])
    made.points = made.points[MIRRORED] * np.array([-1, 1], np.float32) + np.array([LANDMARK_SIZE, 0], np.float32)
    for name in ("sure", "depth", "deep", "seen", "judged"):
        setattr(made, name, getattr(made, name)[MIRRORED])


def finished(picture: UInt8, rng: np.random.Generator, how: Augmentation) -> UInt8:
    """Blurred and discoloured."""
    return recoloured(picture, rng, grey=how.grey, blur=how.blur, colour=how.colour)
