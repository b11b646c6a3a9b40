"""Virtual cameras that look at captured motion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, slots=True)
class CameraRanges:
    """Where virtual cameras stand: angles in degrees, distance in metres, focal length in picture widths."""

    elevation: tuple[float, float] = (-20.0, 45.0)
    roll: float = 5.0
    distance: tuple[float, float] = (2.0, 8.0)
    focal: tuple[float, float] = (0.8, 2.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Cameras:
    """A batch of them.

    ``turn`` float32 [B, 3, 3] is camera_from_world; ``root`` [B, 3] where the person stands, metres, camera space;
    ``edge`` [B, 2] the ray at the picture's right and lower edge.
    """

    turn: Float32
    root: Float32
    edge: Float32


def look(azimuth: Float32, elevation: Float32, roll: Float32) -> Float32:
    """camera_from_world [B, 3, 3] in a z-up world; radians; a positive elevation looks down from above."""
    ca, sa, ce, se = np.cos(azimuth), np.sin(azimuth), np.cos(elevation), np.sin(elevation)
    right = np.stack([ca, sa, np.zeros_like(ca)], -1)
    forward = np.stack([-sa * ce, ca * ce, -se], -1)
    down = np.cross(forward, right)
    cr, sr = np.cos(roll)[:, None], np.sin(roll)[:, None]
    return np.stack([cr * right + sr * down, cr * down - sr * right, forward], 1).astype(np.float32)


def random_cameras(rng: np.random.Generator, count: int, ranges: CameraRanges | None = None) -> Cameras:
    """``count`` cameras that have the person's root in the picture, seen from all around."""
    r = ranges or CameraRanges()
    turn = look(
        rng.uniform(-np.pi, np.pi, count),
        np.radians(rng.uniform(*r.elevation, count)),
        np.radians(rng.uniform(-r.roll, r.roll, count)),
    )
    width = 0.5 / rng.uniform(*r.focal, count)
    edge = np.stack([width, width * rng.choice([9 / 16, 3 / 4, 1.0, 16 / 9], count)], -1)
    ray = edge * rng.uniform((-0.8, -0.5), (0.8, 0.5), (count, 2))
    towards = np.concatenate([ray, np.ones((count, 1))], -1)
    towards /= np.linalg.norm(towards, axis=-1, keepdims=True)
    root = towards * rng.uniform(*r.distance, (count, 1))
    return Cameras(turn=turn, root=root.astype(np.float32), edge=edge.astype(np.float32))


def seen_by(points: Float32, cameras: Cameras, origin: Float32) -> Float32:
    """``points`` [B, T, J, 3] of the world in camera space, with ``origin`` [B, 3] standing at ``cameras.root``."""
    turned = (points - origin[:, None, None]) @ np.swapaxes(cameras.turn, 1, 2)[:, None]
    return turned + cameras.root[:, None, None]
