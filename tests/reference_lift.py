"""The maths of the lift room once more, plainly and in double precision, for its kernels to be held against."""

from __future__ import annotations

import numpy as np

from stream3d.geometry import centring_rotation, rotate_rays
from stream3d.lift.features import BONE_A, BONE_B, BONE_M
from stream3d.skeleton import H36M17

J = {name: index for index, name in enumerate(H36M17.names)}
PARENTS = [parent for parent, _ in H36M17.bones]
CHILDREN = [child for _, child in H36M17.bones]


def root_of(rays: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Root [2] of one frame's rays [17, 2]."""
    hips = [J["left_hip"], J["right_hip"]]
    top = [j for j in (J["thorax"], J["left_shoulder"], J["right_shoulder"]) if seen[j]]
    if seen[hips].all():
        return rays[hips].mean(0)
    if seen[J["pelvis"]]:
        return rays[J["pelvis"]]
    if seen[hips].any():
        return rays[[j for j in hips if seen[j]]][0]
    if top:
        below = [0.0]
        for a, b, factor in (("left_shoulder", "right_shoulder", 1.3), ("thorax", "nose", 2.6)):
            if seen[J[a]] and seen[J[b]]:
                below.append(factor * np.linalg.norm(rays[J[a]] - rays[J[b]]))
        return rays[top].mean(0) + np.array([0.0, max(below)])
    return rays[seen].mean(0) if seen.any() else np.zeros(2)


def size_of(rays: np.ndarray, seen: np.ndarray) -> float:
    """Apparent size over one window of rays [T, 17, 2]."""
    both = seen[:, BONE_A] & seen[:, BONE_B]
    lengths = np.linalg.norm(rays[:, BONE_A] - rays[:, BONE_B], axis=-1)
    return max(lengths[both].sum() / max(np.broadcast_to(BONE_M, both.shape)[both].sum(), 1e-6), 1e-3)


def features_of(
    rays: np.ndarray, confidence: np.ndarray, time: np.ndarray, lookahead: int
) -> tuple[np.ndarray, np.ndarray]:
    """Features [T, 55] and the answered frame's turn [3, 3] of one window."""
    rays = np.asarray(rays, np.float64)
    seen = (confidence > 0) & np.isfinite(rays).all(-1)
    present = seen.any(-1)
    roots = np.stack([root_of(r, s) for r, s in zip(rays, seen, strict=True)])
    turns = centring_rotation(roots)
    centred = rotate_rays(np.where(seen[..., None], rays, roots[:, None]), turns)
    centred = np.where(seen[..., None], centred, 0.0)
    size, answered = size_of(centred, seen), len(rays) - 1 - lookahead
    out = np.zeros((len(rays), 55))
    for t in np.flatnonzero(present):
        out[t, :51] = np.concatenate([centred[t] / size, (confidence[t] * seen[t])[:, None]], -1).ravel()
        out[t, 51] = 10 * (time[t] - time[t - 1]) if t > 0 and present[t - 1] else 0.0
        out[t, 52] = np.log(4 * size)
        out[t, 53:] = rotate_rays(roots[None, t], turns[answered])[0] / size
    return np.clip(out, -5, 5), turns[answered]


def solved_root(joints: np.ndarray, rays: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Root [3] of joints [17, 3] by weighted least squares over X + tx = u (Z + tz) and Y + ty = v (Z + tz)."""
    rows, right = [], []
    for joint, ray, weight in zip(joints, rays, np.sqrt(weights), strict=True):
        for axis in range(2):
            row = np.zeros(3)
            row[axis], row[2] = weight, -weight * ray[axis]
            rows.append(row)
            right.append(weight * (ray[axis] * joint[2] - joint[axis]))
    return np.linalg.lstsq(np.array(rows), np.array(right), rcond=None)[0]


def middle(values: np.ndarray, weights: np.ndarray) -> float:
    """Weighted median."""
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    return float(values[order][np.flatnonzero(total >= total[-1] / 2)[0]])


def medians(joints: np.ndarray, rays: np.ndarray, seen: np.ndarray, size: float) -> np.ndarray:
    """The root [3] from which the fit starts."""
    flat = np.linalg.norm(joints[PARENTS, :2] - joints[CHILDREN, :2], axis=-1)
    apparent = np.linalg.norm(rays[PARENTS] - rays[CHILDREN], axis=-1)
    share = np.where(seen[PARENTS] & seen[CHILDREN], flat, 0)
    depth = middle(flat / np.maximum(apparent, 1e-6), share) if share.sum() > 0 else 1 / size
    depth = float(np.clip(depth, 0.3, 100.0))
    aside = rays * (joints[:, 2:] + depth) - joints[:, :2]
    return np.array([middle(aside[:, 0], seen.astype(float)), middle(aside[:, 1], seen.astype(float)), depth])


def standing(
    joints: np.ndarray, sigma: np.ndarray, rays: np.ndarray, confidence: np.ndarray, size: float, noise_m: float
) -> tuple[np.ndarray, np.ndarray]:
    """One person's placed joints [17, 3] and moves [17, 2], all seen joints trusted."""
    joints, sigma, rays, confidence = (np.asarray(a, np.float64) for a in (joints, sigma, rays, confidence))
    weights = confidence / (sigma**2 + noise_m**2)
    root = start = medians(joints, rays, weights > 0, size)
    for _ in range(2):
        placed = joints + root
        off = np.linalg.norm(placed[:, :2] - rays * placed[:, 2:], axis=-1) / 0.08
        found = solved_root(joints, rays, weights / (1 + off**2))
        root = found if (weights > 0).sum() >= 2 and 0.3 <= found[2] <= 100.0 else start
    placed = joints + root
    both = (sigma / 2) ** 2 + noise_m**2
    gap = rays * placed[:, 2:] - placed[:, :2]
    sure = 1 / (1 + (gap**2).sum(-1) / (16 * both))
    share = np.where(weights > 0, (sigma / 2) ** 2 / both * sure, 0)
    return placed, share[:, None] * gap
