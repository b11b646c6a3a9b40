"""Where a root-relative skeleton stands in camera space."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from stream3d.geometry import solve_root
from stream3d.lift.features import Bool, Float32
from stream3d.skeleton import H36M17


@dataclass(frozen=True, kw_only=True, slots=True)
class Sight:
    """What was seen of the people of a frame, in h36m17 order.

    ``rays`` float32 [..., 17, 2], finite also where unseen; ``confidence`` float32 [..., 17], 0 = unseen; ``trusted``
    bool [..., 17], the seen joints that mean the same place in 2D and 3D.
    """

    rays: Float32
    confidence: Float32
    trusted: Bool


NEAREST_M, FARTHEST_M = 0.3, 100.0
# A joint this far off its ray, in metres, counts half.
_OFF_RAY_M = 0.08
_ROUNDS = 2
# Time constant of the moves towards the rays.
_STEADY_S = 0.15
# So many standard deviations off its ray a joint counts half.
_GONE_WRONG = np.float32(4.0)
_PARENTS = np.array([parent for parent, _ in H36M17.bones])
_CHILDREN = np.array([child for _, child in H36M17.bones])


def _middle(values: Float32, weights: Float32) -> Float32:
    """Weighted median over the last axis."""
    order = np.argsort(values, axis=-1)
    total = np.cumsum(np.take_along_axis(weights, order, -1), -1)
    place = (total < total[..., -1:] / 2).sum(-1, keepdims=True)
    place = np.minimum(place, values.shape[-1] - 1)
    return np.asarray(np.take_along_axis(values, np.take_along_axis(order, place, -1), -1)[..., 0], np.float32)


def _by_medians(joints: Float32, rays: Float32, seen: Bool, size: Float32) -> Float32:
    """Roots [P, 3] that a few wild joints cannot move.

    The depth is the median over the bones of flat length over apparent length, or one over ``size`` where no bone is
    seen; the rest are medians over the joints. They always exist.
    """
    both = seen[:, _PARENTS] & seen[:, _CHILDREN]
    flat = np.linalg.norm(joints[:, _PARENTS, :2] - joints[:, _CHILDREN, :2], axis=-1)
    apparent = np.linalg.norm(rays[:, _PARENTS] - rays[:, _CHILDREN], axis=-1)
    depth = _middle(flat / np.maximum(apparent, np.float32(1e-6)), np.where(both, flat, np.float32(0)))
    depth = np.where((both & (flat > 0)).any(-1), depth, 1 / size)
    depth = np.clip(depth, NEAREST_M, FARTHEST_M).astype(np.float32)
    aside = rays * (joints[..., 2:] + depth[:, None, None]) - joints[..., :2]
    weights = seen.astype(np.float32)
    return np.stack([_middle(aside[..., 0], weights), _middle(aside[..., 1], weights), depth], -1)


def _off_rays(joints: Float32, root: Float32, rays: Float32) -> Float32:
    """Distances [P, J] in metres of placed joints to their rays, at the joints' depths."""
    placed = joints + root[:, None]
    return np.asarray(np.linalg.norm(placed[..., :2] - rays * placed[..., 2:], axis=-1), np.float32)


def towards_rays(joints: Float32, rays: Float32, sigma: Float32, trusted: Bool, noise_m: float) -> Float32:
    """How far, float32 [P, 17, 2] metres in x and y, camera-space ``joints`` [P, 17, 3] should move towards their rays.

    The depth is the net's; across, net and keypoint are two measurements of one place and are weighed by their
    variances: the keypoint's is ``noise_m`` squared, the net's that of half its ``sigma`` [P, 17], most of which lies
    in depth. A joint far off its ray by both counts is a keypoint gone wrong and moves less (Cauchy weight). Only
    ``trusted`` [P, 17] joints move, those that mean the same place in 2D and 3D.
    """
    across = np.square(sigma / 2)
    both = across + np.float32(noise_m) ** 2
    gap = rays * joints[..., 2:] - joints[..., :2]
    sure = 1 / (1 + np.square(gap).sum(-1) / (_GONE_WRONG**2 * both))
    share = np.where(trusted, across / both * sure, np.float32(0))
    return np.asarray(share[..., None] * gap, np.float32)


def standing(joints: Float32, sigma: Float32, sight: Sight, size: Float32, noise_m: float) -> tuple[Float32, Float32]:
    """The people in camera space, float32 [P, 17, 3] metres, and how far their joints should still move, [P, 17, 2].

    ``joints`` [P, 17, 3] are relative to the pelvis in camera axes, ``sigma`` [P, 17] theirs, ``size`` [P] the apparent
    size in rays per metre, ``noise_m`` what keypoints are off by at the body; without it the pelvis, whose sigma is
    next to nothing, would decide alone where a person stands.
    """
    weights = np.asarray(sight.confidence / (np.square(sigma) + np.float32(noise_m) ** 2), np.float32)
    placed = joints + place(joints, sight.rays, weights, size)[:, None]
    return placed, towards_rays(placed, sight.rays, sigma, sight.trusted, noise_m)


def steadied(before: Float32, now: Float32, step_s: float) -> Float32:
    """A move [..., 2] low-passed: noise of keypoints changes from frame to frame, the net's own error hardly."""
    return np.asarray(before + (1 - math.exp(-step_s / _STEADY_S)) * (now - before), np.float32)


def place(joints: Float32, rays: Float32, weights: Float32, size: Float32) -> Float32:
    """Roots float32 [P, 3], metres, camera space, of root-relative ``joints`` [P, 17, 3] in camera axes.

    ``rays`` [P, 17, 2] are finite, also where ``weights`` [P, 17] are 0 (unseen); ``size`` [P] is the apparent size in
    rays per metre. Weighted least squares against the rays, a few times over, in which a joint off its ray counts less
    (Cauchy weights, starting from medians). Where that gives no place in front of the camera the medians stand.
    """
    root = start = _by_medians(joints, rays, weights > 0, size)
    for _ in range(_ROUNDS):
        off = _off_rays(joints, root, rays) / np.float32(_OFF_RAY_M)
        found = solve_root(joints, rays, weights / (1 + np.square(off)))
        sound = np.isfinite(found).all(-1) & (found[:, 2] >= NEAREST_M) & (found[:, 2] <= FARTHEST_M)
        root = np.where(sound[:, None], found, start).astype(np.float32)
    return root
