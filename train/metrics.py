"""Errors of 3D poses, in the unit of the poses. Arrays [..., J, 3]; a metric's answer has the leading shape."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating]


def mpjpe(pose: Array, truth: Array) -> Array:
    """Mean per-joint position error [...] (Ionescu et al. 2014, protocol 1): align the roots before."""
    return np.asarray(np.linalg.norm(pose - truth, axis=-1).mean(-1))


def n_mpjpe(pose: Array, truth: Array) -> Array:
    """MPJPE [...] after the best scaling about the root (Rhodin et al. 2018, section 5)."""
    scale = (pose * truth).sum((-2, -1)) / np.maximum((pose * pose).sum((-2, -1)), 1e-12)
    return mpjpe(scale[..., None, None] * pose, truth)


def procrustes(pose: Array, truth: Array) -> Array:
    """``pose`` moved, turned and scaled as near to ``truth`` as it goes (Umeyama 1991), never mirrored."""
    pose_mean, truth_mean = pose.mean(-2, keepdims=True), truth.mean(-2, keepdims=True)
    x, y = pose - pose_mean, truth - truth_mean
    u, s, vt = np.linalg.svd(np.swapaxes(x, -1, -2) @ y)
    sign = np.sign(np.linalg.det(u @ vt))
    u = u.copy()
    u[..., -1] *= sign[..., None]
    s = s.copy()
    s[..., -1] *= sign
    scale = s.sum(-1) / np.maximum((x * x).sum((-2, -1)), 1e-12)
    return np.asarray(scale[..., None, None] * (x @ u @ vt) + truth_mean)


def pa_mpjpe(pose: Array, truth: Array) -> Array:
    """MPJPE [...] after Procrustes alignment (protocol 2)."""
    return mpjpe(procrustes(pose, truth), truth)


def acceleration_error(poses: Array, truth: Array) -> Array:
    """Mean norm of the acceleration's error per frame² [T - 2] of [T, J, 3] (Kanazawa et al. 2019, section 5)."""
    return mpjpe(np.diff(poses, n=2, axis=0), np.diff(truth, n=2, axis=0))


def asymmetry(poses: Array, bones: list[tuple[int, int]], twins: list[tuple[int, int]]) -> Array:
    """Mean relative difference [...] of the lengths of mirror bones."""
    left = np.linalg.norm(np.stack([poses[..., a, :] - poses[..., b, :] for a, b in bones], -2), axis=-1)
    right = np.linalg.norm(np.stack([poses[..., a, :] - poses[..., b, :] for a, b in twins], -2), axis=-1)
    return np.asarray((2 * np.abs(left - right) / np.maximum(left + right, 1e-9)).mean(-1))


def bone_variation(poses: Array, bones: Sequence[tuple[int, int]]) -> Array:
    """Standard deviation over mean of each bone's length [B] over a clip [T, J, 3]: 0 for a body of bones."""
    lengths = np.linalg.norm(np.stack([poses[:, a] - poses[:, b] for a, b in bones], -2), axis=-1)
    return np.asarray(lengths.std(0) / np.maximum(lengths.mean(0), 1e-9))


def pck(errors: Array, thresholds: Array) -> Array:
    """Share [K] of ``errors`` [...] below each of ``thresholds`` [K] (Mehta et al. 2017: 150 mm)."""
    return np.searchsorted(np.sort(errors, axis=None), thresholds) / max(errors.size, 1)


def velocity_gaps(poses: Array, truth: Array, reach: int) -> Array:
    """How badly the velocities of ``poses`` [T, J, 3] fit those of ``truth`` some frames before.

    Sums of squares [2 * reach + 1, 3] by axis for a lag of -reach … reach frames, all over the same frames of
    ``poses``, so that clips can be added up; zeros where a clip is too short.
    """
    ours, theirs = np.diff(poses, axis=0), np.diff(truth, axis=0)
    last = len(ours) - reach
    if last <= reach:
        return np.zeros((2 * reach + 1, 3))
    lags = range(-reach, reach + 1)
    return np.stack([np.square(ours[reach:last] - theirs[reach - s : last - s]).sum((0, 1)) for s in lags])


def best_lag(gaps: Array) -> float | None:
    """The lag in frames at which ``gaps`` [2 * reach + 1] are least, between frames by a parabola.

    None where all are the same: nothing moved.
    """
    least = int(np.argmin(gaps))
    reach = len(gaps) // 2
    if np.ptp(gaps) <= 1e-12:
        return None
    if not 0 < least < len(gaps) - 1:
        return float(least - reach)
    before, at, after = gaps[least - 1 : least + 2]
    return float(least - reach + (before - after) / (2 * (before - 2 * at + after)))


def within(errors: Array, sigma: Array, deviations: Array) -> Array:
    """Share [K] of ``errors`` [...] smaller than each of ``deviations`` [K] times their own ``sigma`` [...]."""
    return pck(np.abs(errors) / np.maximum(sigma, 1e-9), deviations)
