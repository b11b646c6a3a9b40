"""Points in the world from several cameras, some of which may be wrong."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from benchmarks.qualisys import View
from stream3d.geometry import pixels_to_rays

Floats = npt.NDArray[np.float64]

# An error of so many pixels counts half.
OFF_PX = 8.0
_ROUNDS = 12
_FEWEST_VIEWS = 2


def triangulated(pixels: Floats, weights: Floats, views: Sequence[View]) -> tuple[Floats, Floats]:
    """World points [N, 3] in metres from ``pixels`` [N, C, 2], and their reprojection errors [N, C] in pixels.

    ``weights`` [N, C] >= 0, 0 or NaN pixels = unseen. Linear triangulation (Hartley and Zisserman 2004, section 12.2)
    of every pair of cameras; of these the point that most cameras like best; from there Gauss-Newton on the weighted
    reprojection error with Cauchy weights. NaN where fewer than two cameras saw a point, and as the error of an unseen
    one.
    """
    every = [pixels_to_rays(pixels[:, c], view.camera) for c, view in enumerate(views)]
    rays: Floats = np.stack(every, 1).astype(np.float64)
    seen = np.isfinite(rays).all(-1) & (weights > 0)
    rays, weights = np.where(seen[..., None], rays, 0.0), np.where(seen, weights, 0.0)
    points = _best_of_pairs(rays, weights, views)
    for _ in range(_ROUNDS):
        points += _step(points, rays, weights, views)
    off, _ = _residuals(points, rays, views)
    enough = seen.sum(1) >= _FEWEST_VIEWS
    errors = np.where(seen & enough[:, None], np.linalg.norm(off, axis=-1), np.nan)
    return np.where(enough[:, None], points, np.nan), errors


def _linear(rays: Floats, weights: Floats, views: Sequence[View]) -> Floats:
    """Least squares [N, 3] over ``(ray * forward - across) · (point - position) = 0`` of rays [N, C, 2]."""
    rows, right = [], []
    for c, view in enumerate(views):
        x, y, z = view.camera_from_world
        for k, axis in enumerate((x, y)):
            row = rays[:, c, k, None] * z - axis
            rows.append(row * weights[:, c, None])
            right.append((row @ view.position) * weights[:, c])
    matrix, values = np.stack(rows, 1), np.stack(right, 1)
    normal = np.einsum("nki,nkj->nij", matrix, matrix) + 1e-12 * np.eye(3)
    return np.linalg.solve(normal, np.einsum("nki,nk->ni", matrix, values)[..., None])[..., 0]


def _best_of_pairs(rays: Floats, weights: Floats, views: Sequence[View]) -> Floats:
    best = np.zeros((len(rays), 3))
    least = np.full(len(rays), np.inf)
    for pair in itertools.combinations(range(len(views)), 2):
        both = np.zeros_like(weights)
        both[:, pair] = weights[:, pair]
        points = _linear(rays, both, views)
        off, front = _residuals(points, rays, views)
        cost = (weights * np.log1p(np.square(off / OFF_PX).sum(-1))).sum(1)
        usable = (both > 0).sum(1) == _FEWEST_VIEWS
        better = usable & (front | (weights == 0)).all(1) & (cost < least)
        best, least = np.where(better[:, None], points, best), np.where(better, cost, least)
    return best


def _residuals(points: Floats, rays: Floats, views: Sequence[View]) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Pixels [N, C, 2] between rays and points, and which points [N, C] lie in front of which camera."""
    seen_from = np.stack([view.from_world(points) for view in views], 1)
    depth = np.maximum(seen_from[..., 2:], 1e-3)
    focal = np.array([[view.camera.fx, view.camera.fy] for view in views])
    return (seen_from[..., :2] / depth - rays) * focal, seen_from[..., 2] > 1e-3


def _step(points: Floats, rays: Floats, weights: Floats, views: Sequence[View]) -> Floats:
    """One Gauss-Newton step [N, 3], at most half a metre long."""
    off, _ = _residuals(points, rays, views)
    sure = weights / (1 + np.square(off / OFF_PX).sum(-1))
    normal = np.tile(1e-6 * np.eye(3), (len(points), 1, 1))
    right = np.zeros((len(points), 3))
    for c, view in enumerate(views):
        p = view.from_world(points)
        z = np.maximum(p[:, 2:], 1e-3)
        for k, focal in enumerate((view.camera.fx, view.camera.fy)):
            # The derivative of focal * p_k / z by the world point.
            row = focal * (view.camera_from_world[k] - p[:, k, None] / z * view.camera_from_world[2]) / z
            normal += sure[:, c, None, None] * row[:, :, None] * row[:, None]
            right -= (sure[:, c] * off[:, c, k])[:, None] * row
    step = np.linalg.solve(normal, right[..., None])[..., 0]
    return np.asarray(step * np.minimum(1, 0.5 / np.maximum(np.linalg.norm(step, axis=-1, keepdims=True), 1e-9)))
