"""Where a root-relative skeleton stands in camera space."""

from __future__ import annotations

import numpy as np

from stream3d.geometry import solve_root
from stream3d.lift.features import Float32, root_rays

NEAREST_M, FARTHEST_M = 0.3, 100.0
# Bones seen from random sides appear at about 0.8 of their length.
_FORESHORTENED = 0.8
# A joint this far off its ray, in metres, counts half.
_OFF_RAY_M = 0.08


def _off_rays(joints: Float32, root: Float32, rays: Float32) -> Float32:
    """Distances [P, J] in metres of placed joints to their rays, at the joints' depths."""
    placed = joints + root[:, None]
    gap = placed[..., :2] - rays * placed[..., 2:]
    return np.asarray(np.linalg.norm(gap, axis=-1), np.float32)


def _by_size(rays: Float32, weights: Float32, size: Float32) -> Float32:
    """Roots [P, 3] by apparent size alone, which always exists."""
    root = root_rays(rays, weights > 0)
    depth = np.clip(_FORESHORTENED / size, NEAREST_M, FARTHEST_M)[:, None]
    return np.concatenate([root * depth, depth], -1).astype(np.float32)


def place(joints: Float32, rays: Float32, weights: Float32, size: Float32) -> Float32:
    """Roots float32 [P, 3], metres, camera space, of root-relative ``joints`` [P, 17, 3] in camera axes.

    Weighted least squares against the ``rays`` [P, 17, 2], twice, the second time with joints that lie off their rays
    counting less (Cauchy weights). Where that gives no place in front of the camera, the depth is that at which the
    body has its apparent ``size`` [P] (rays per metre).
    """
    root = solve_root(joints, rays, weights)
    off = _off_rays(joints, root, np.nan_to_num(rays))
    kinder = weights / (1 + np.square(np.nan_to_num(off) / np.float32(_OFF_RAY_M)))
    root = solve_root(joints, rays, kinder)
    sound = np.isfinite(root).all(-1) & (root[:, 2] >= NEAREST_M) & (root[:, 2] <= FARTHEST_M)
    return np.where(sound[:, None], root, _by_size(rays, weights, size)).astype(np.float32)
