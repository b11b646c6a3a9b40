"""Poses that nobody struck, made of those that were: other arms and legs, and one person's trunk on another's legs.

Points are POINTS of train.mocap.h36m, [B, T, 19, 3], metres, z up; what is done to a window is done to all its frames,
so that it still moves as it did.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stream3d.skeleton import H36M17
from train.augment import Float32, Rng
from train.evaluation.limits import JOINTS, violations
from train.mocap.h36m import POINTS

Float64 = npt.NDArray[np.float64]
_J = {name: index for index, name in enumerate(POINTS)}
_HIPS = _J["left_hip"], _J["right_hip"]
_LEGS = [_J[f"{side}_{joint}"] for side in ("left", "right") for joint in ("hip", "knee", "ankle")]
_ABOVE = [joint for joint in range(len(POINTS)) if joint not in (*_LEGS, _J["pelvis"])]
_CHAINS = [
    (side, chain) for side in ("left", "right") for chain in (("shoulder", "elbow", "wrist"), ("hip", "knee", "ankle"))
]
# A joint to turn about, and all that hangs on it.
_LIMBS = [
    turned
    for side, (ball, hinge, end) in _CHAINS
    for turned in (
        (_J[f"{side}_{ball}"], [_J[f"{side}_{hinge}"], _J[f"{side}_{end}"]]),
        (_J[f"{side}_{hinge}"], [_J[f"{side}_{end}"]]),
    )
]
# Limits are looked at in every n-th frame, for to look is what costs.
_JUDGED_EVERY = 6
# Hips more upright than this, as the sine of their angle with the ground, have no heading.
_UPRIGHT = 0.7


def rotations(vectors: Float64) -> Float64:
    """Rotation matrices [..., 3, 3] of rotation vectors [..., 3] in radians (Rodrigues' formula)."""
    angle = np.linalg.norm(vectors, axis=-1)[..., None, None]
    x, y, z = np.moveaxis(vectors / np.maximum(angle[..., 0], 1e-12), -1, 0)
    zero = np.zeros_like(x)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(*x.shape, 3, 3)
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def swung(points: Float32, rng: Rng, spread_deg: float) -> Float32:
    """Limbs turned about their upper joints by random angles, where no limit is seen broken that was kept.

    ``spread_deg`` is the mean of the standard deviations, which differ from row to row: most people are hardly changed,
    a few beyond recognition.
    """
    out = points.copy()
    spread = np.radians(spread_deg) * rng.exponential(1.0, (len(points), 1))
    for joint, below in _LIMBS:
        turn = rotations(spread * rng.standard_normal((len(points), 3))).astype(np.float32)
        moved = out[:, :, below] - out[:, :, [joint]]
        out[:, :, below] = out[:, :, [joint]] + moved @ turn[:, None]
    worse = broken(out) > broken(points)
    for side, (ball, hinge, end) in _CHAINS:
        rows = worse[:, [JOINTS.index(f"{side}_{ball}"), JOINTS.index(f"{side}_{hinge}")]].any(1)
        back = [_J[f"{side}_{hinge}"], _J[f"{side}_{end}"]]
        out[:, :, back] = np.where(rows[:, None, None, None], points[:, :, back], out[:, :, back])
    return out


def seated(points: Float32, rng: Rng, chance: float) -> Float32:
    """Some rows with both thighs lifted and both knees bent alike, as one sits, squats or kneels, where limits let it.

    Thighs turn about the line through the hips by 30 to 120 degrees, shins back by 0 to 150.
    """
    rows = np.flatnonzero(rng.random(len(points)) < chance)
    after = points[rows]
    for joint, by_deg in (("hip", rng.uniform(30, 120, len(rows))), ("knee", -rng.uniform(0, 150, len(rows)))):
        turn = _about_hips(points[rows], by_deg)
        for side in ("left", "right"):
            at, below = next((at, below) for at, below in _LIMBS if at == _J[f"{side}_{joint}"])
            after[:, :, below] = after[:, :, [at]] + (after[:, :, below] - after[:, :, [at]]) @ turn
    return _where_sound(points, rows, after)


def bowed(points: Float32, rng: Rng, chance: float) -> Float32:
    """Some rows with all above the hips bent forwards at them by up to 90 degrees, where limits let it."""
    rows = np.flatnonzero(rng.random(len(points)) < chance)
    turn = _about_hips(points[rows], -rng.uniform(0, 90, len(rows)))
    after = points[rows]
    pelvis = after[:, :, :1]
    after[:, :, _ABOVE] = pelvis + (after[:, :, _ABOVE] - pelvis) @ turn
    return _where_sound(points, rows, after)


def _about_hips(points: Float32, angle_deg: Float64) -> Float32:
    """Turns [B, T, 3, 3] of row vectors about the line through the hips: what hangs goes forwards, what stands back."""
    across = points[:, :, _HIPS[1]] - points[:, :, _HIPS[0]]
    right = across / np.maximum(np.linalg.norm(across, axis=-1, keepdims=True), 1e-6)
    return np.swapaxes(rotations(np.radians(angle_deg)[:, None, None] * right), -1, -2).astype(np.float32)


def _where_sound(points: Float32, rows: npt.NDArray[np.intp], after: Float32) -> Float32:
    """``points`` with ``rows`` replaced by ``after`` where no limit is seen broken that was kept."""
    sound = (broken(after) <= broken(points[rows])).all(1)
    out = points.copy()
    out[rows[sound]] = after[sound]
    return out


def tilted(points: Float32, rng: Rng, chance: float) -> Float32:
    """Some rows turned as a whole about a random level line by up to 90 degrees either way: people who lie or lean."""
    rows = np.flatnonzero(rng.random(len(points)) < chance)
    line = rng.uniform(0, 2 * np.pi, len(rows))
    angle = np.radians(rng.uniform(-90, 90, len(rows)))
    turn = rotations(np.stack([angle * np.cos(line), angle * np.sin(line), 0 * line], -1)).astype(np.float32)
    out = points.copy()
    centre = points[rows, -1:, :1]
    out[rows] = centre + (points[rows] - centre) @ turn[:, None]
    return out


def broken(points: Float32) -> npt.NDArray[np.int64]:
    """In how many frames [B, 10] of those looked at each of JOINTS is beyond its limits."""
    return np.asarray(violations(points[:, ::-_JUDGED_EVERY, :17]).sum(1))


def heading(points: Float32) -> tuple[Float32, npt.NDArray[np.bool_]]:
    """Where hips [B, T] face, radians about the vertical, and whether that can be told throughout, [B]."""
    across = points[:, :, _HIPS[1]] - points[:, :, _HIPS[0]]
    steep = np.abs(across[..., 2]) > _UPRIGHT * np.linalg.norm(across, axis=-1)
    return np.arctan2(across[..., 1], across[..., 0]).astype(np.float32), ~steep.any(1)


def crossed(points: Float32, rng: Rng, chance: float) -> Float32:
    """Some rows with the trunk, arms and head of another row on their own legs, turned to where their hips face."""
    partner = rng.permutation(len(points))
    angle, clear = heading(points)
    turn = angle - angle[partner]
    c, s, zero = np.cos(turn), np.sin(turn), np.zeros_like(turn)
    about = np.stack([c, s, zero, -s, c, zero, zero, zero, zero + 1], -1).reshape(*turn.shape, 3, 3)
    pelvis, other = points[:, :, :1], points[partner]
    moved = points.copy()
    scale = _leg(points) / np.maximum(_leg(other), 1e-3)
    moved[:, :, _ABOVE] = pelvis + scale[:, None, None, None] * ((other - other[:, :, :1])[:, :, _ABOVE] @ about)
    rows = (rng.random(len(points)) < chance) & clear & clear[partner]
    rows &= (broken(moved) <= broken(points)).all(1)
    return np.where(rows[:, None, None, None], moved, points)


def _leg(points: Float32) -> Float32:
    """The length [B] of both thighs and shins."""
    bones = [(p, c) for p, c in H36M17.bones if H36M17.names[c].endswith(("knee", "ankle"))]
    return np.asarray(sum(np.linalg.norm(points[:, 0, c] - points[:, 0, p], axis=-1) for p, c in bones), np.float32)
