"""Other bodies, and the errors that 2D nets make. Everything is vectorised over a batch of windows.

Points are POINTS of train.mocap.h36m: h36m17, then the true nose and the upper neck.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stream3d.skeleton import H36M17

Float32 = npt.NDArray[np.float32]
Bool = npt.NDArray[np.bool_]
Rng = np.random.Generator

STATURE_M = 1.70
# Stature over the summed lengths of shin, thigh, back, neck and head: what is left is the foot and the crown.
_STATURE_PER_CHAIN = 1.06
_J = {name: index for index, name in enumerate(H36M17.names)}
_TRUE_NOSE, _UPPER_NECK = 17, 18
_LEGS = [_J[f"{side}_{joint}"] for side in ("left", "right") for joint in ("knee", "ankle")]
_FEET = [_J["left_ankle"], _J["right_ankle"]]
_HIPS = [_J["pelvis"], _J["left_hip"], _J["right_hip"]]
_ARMS = {side: [_J[f"{side}_elbow"], _J[f"{side}_wrist"]] for side in ("left", "right")}
MIRROR = np.array([*H36M17.mirror, _TRUE_NOSE, _UPPER_NECK])

NET_TYPES = ("h36m", "coco", "mpii", "halpe", "body25")
_HAS_SPINE = np.array([True, False, False, False, False])
_HAS_HEAD_TOP = np.array([True, False, True, True, False])
_HAS_TRUE_NOSE = np.array([False, True, False, True, True])
_HAS_PELVIS = np.array([True, False, True, True, True])
_HAS_THORAX = np.array([True, False, True, True, True])


@dataclass(frozen=True, kw_only=True, slots=True)
class Augmentation:
    """How much is done to each window; lengths in metres at the body, the rest are chances.

    ``bone_sd``, ``hip_sd`` and ``shoulder_sd`` are relative; ``noise_sd`` is per joint and frame, ``bias_sd`` per joint
    and window, both times a level drawn per window, 0.1 to 1.8, in the share ``wide`` of windows up to 4; ``measured``
    is the share of BlazePose's windows (kind ``coco``) whose errors are drawn as ``train.errors2d`` measured them, not
    by these; ``focal_sd`` is that of the log of the focal length's error;
    ``crossed`` is the chance of a trunk on another's legs, ``limb_sd_deg`` how far limbs are turned, ``seated``,
    ``bowed`` and ``tilted`` the chances of people who are made to sit, bow and lie (``train.limbs``);
    ``net_types`` are the chances of NET_TYPES; ``endings``, of people who leave within a net's lookahead, matter only
    to nets that look ahead.
    """

    bone_sd: float = 0.10
    hip_sd: float = 0.25
    shoulder_sd: float = 0.15
    noise_sd: float = 0.014
    bias_sd: float = 0.022
    outliers: float = 0.02
    outlier_sd: float = 0.15
    slips: float = 0.01
    wide: float = 0.0
    measured: float = 0.0
    missing: float = 0.20
    cut_off: float = 0.25
    beginnings: float = 0.15
    endings: float = 0.15
    clean: float = 0.15
    focal_sd: float = 0.2
    crossed: float = 0.0
    limb_sd_deg: float = 0.0
    seated: float = 0.0
    bowed: float = 0.0
    tilted: float = 0.0
    net_types: tuple[float, ...] = (0.36, 0.44, 0.06, 0.07, 0.07)


def stature(points: Float32) -> Float32:
    """Stature in metres float32 [...] that goes with the bones of ``points`` [..., T, J, 3]: their mean over time."""

    def bone(a: str, b: str) -> Float32:
        return np.linalg.norm(points[..., _J[a], :] - points[..., _J[b], :], axis=-1).mean(-1)

    middle = bone("pelvis", "spine") + bone("spine", "thorax") + bone("thorax", "nose") + bone("nose", "head_top")
    legs = sum(bone(f"{s}_hip", f"{s}_knee") + bone(f"{s}_knee", f"{s}_ankle") for s in ("left", "right")) / 2
    return np.asarray(_STATURE_PER_CHAIN * (middle + legs), np.float32)


def bone_factors(rng: Rng, count: int, how: Augmentation) -> Float32:
    """Factors [B, 17] of each joint's bone to its parent, the same on both sides."""
    sd = np.full(17, how.bone_sd)
    sd[[_J["left_hip"], _J["right_hip"]]] = how.hip_sd
    sd[[_J["left_shoulder"], _J["right_shoulder"]]] = how.shoulder_sd
    factors = 1 + sd * np.clip(rng.standard_normal((count, 17)), -2.5, 2.5)
    right = [j for j in range(17) if H36M17.side(j) == "right"]
    factors[:, right] = factors[:, [H36M17.mirror[j] for j in right]]
    return factors.astype(np.float32)


def with_bones(points: Float32, factors: Float32) -> Float32:
    """``points`` [B, T, 19, 3] in the same pose with bones ``factors`` [B, 17] times as long."""
    out = points.copy()
    f = factors[:, None, :, None]
    for parent, child in H36M17.bones:
        out[:, :, child] = out[:, :, parent] + (points[:, :, child] - points[:, :, parent]) * f[:, :, child]
    nose, thorax = _J["nose"], _J["thorax"]
    out[:, :, _TRUE_NOSE] = out[:, :, nose] + (points[:, :, _TRUE_NOSE] - points[:, :, nose]) * f[:, :, nose]
    out[:, :, _UPPER_NECK] = out[:, :, thorax] + (points[:, :, _UPPER_NECK] - points[:, :, thorax]) * f[:, :, nose]
    return out


def mirrored(points: Float32, which: Bool) -> Float32:
    """``points`` [B, T, 19, 3] with the rows of ``which`` [B] reflected, left and right exchanged."""
    out = points.copy()
    out[which] = points[which][:, :, MIRROR] * np.array([-1, 1, 1], np.float32)
    return out


def noise(rng: Rng, shape: tuple[int, int, int], how: Augmentation) -> tuple[Float32, Float32]:
    """Errors [B, T, J, 2] in metres at the body, and the confidence [B, T, J] that a net might state for them.

    Half of the windows come from nets whose confidence says nothing (always 1); in the others an error grows as the
    confidence falls.
    """
    count, frames, joints = shape
    level = rng.uniform(0.1, 1.8, (count, 1, 1)) * (rng.random((count, 1, 1)) >= how.clean)
    if how.wide > 0:
        level = np.where(rng.random(level.shape) < how.wide, rng.uniform(0.1, 4.0, level.shape), level)
    telling = rng.random((count, 1, 1)) < 0.5
    doubt = np.where(telling, rng.random((count, 1, joints)) ** 3, 0.0)
    spread = (level * (1 + 3 * doubt)).astype(np.float32)[..., None]
    start, end = rng.standard_normal((2, count, 1, joints, 2), np.float32) * np.float32(how.bias_sd)
    ramp = np.linspace(0, 0.5, frames, dtype=np.float32)[None, :, None, None]
    error = rng.standard_normal((count, frames, joints, 2), np.float32) * np.float32(how.noise_sd)
    error += start + ramp * (end - start)
    error *= spread
    stated = np.broadcast_to((1 - 0.8 * doubt).astype(np.float32), shape).copy()
    wild = np.nonzero((rng.random(shape, np.float32) < how.outliers) & (level > 0))
    error[wild] += rng.standard_normal((len(wild[0]), 2), np.float32) * np.float32(how.outlier_sd)
    told = telling[wild[0], 0, 0] & (rng.random(len(wild[0])) < 0.7)
    stated[wild] -= np.float32(0.4) * told
    return error, np.maximum(stated, np.float32(0.05))


def slip_sides(rng: Rng, rays: Float32, chance: float) -> Float32:
    """Left and right legs, or arms, taken for each other in a few frames; ``rays`` [B, T, J, 2]."""
    out = rays.copy()
    for part in ("hip knee ankle", "shoulder elbow wrist"):
        left = [_J[f"left_{joint}"] for joint in part.split()]
        right = [_J[f"right_{joint}"] for joint in part.split()]
        order = np.arange(rays.shape[2])
        order[left + right] = right + left
        hit = rng.random(rays.shape[:2], np.float32) < chance
        out[hit] = out[hit][:, order]
    return out


def hidden(rng: Rng, shape: tuple[int, int, int], how: Augmentation) -> Bool:
    """Joints [B, T, J] that go unseen: scattered ones, some for a whole window, and bodies cut off by the picture."""
    count, frames, joints = shape
    rate = rng.uniform(0, 0.35, (count, 1, 1)) * (rng.random((count, 1, 1)) < how.missing)
    out = rng.random(shape, np.float32) < rate
    whole = rng.uniform(0, 0.3, (count, 1, 1)) * (rng.random((count, 1, 1)) < how.missing)
    out |= rng.random((count, 1, joints)) < whole
    cut = rng.random(count) < how.cut_off
    kind = rng.integers(0, 5, count)
    since = rng.integers(0, frames, count) * (rng.random(count) < 0.4)
    begun = np.arange(frames) >= since[:, None]
    for number, part in enumerate((_LEGS, [*_LEGS, *_HIPS], _FEET, _ARMS["left"], _ARMS["right"])):
        rows = cut & (kind == number)
        out[:, :, part] |= (rows[:, None] & begun)[..., None]
    return out


def as_net(kind: npt.NDArray[np.int64], rays: Float32, confidence: Float32) -> tuple[Float32, Float32]:
    """What h36m17 gets from a net of type ``kind`` [B]: as ``stream3d.skeleton.convert`` does it.

    ``rays`` [B, T, 19, 2] and ``confidence`` [B, T, 19] (0 = unseen) become [B, T, 17, …].
    """
    xy, sure = rays.copy(), confidence.copy()
    sure[..., _J["spine"]] *= _HAS_SPINE[kind][:, None]
    _made_of(xy, sure, _J["nose"], [_TRUE_NOSE], _HAS_TRUE_NOSE[kind])
    _made_of(xy, sure, _J["nose"], [_UPPER_NECK, _J["head_top"]], kind == NET_TYPES.index("mpii"))
    sure[..., _J["head_top"]] *= _HAS_HEAD_TOP[kind][:, None]
    _made_of(xy, sure, _J["pelvis"], [_J["left_hip"], _J["right_hip"]], ~_HAS_PELVIS[kind])
    _made_of(xy, sure, _J["thorax"], [_J["left_shoulder"], _J["right_shoulder"]], ~_HAS_THORAX[kind])
    return xy[:, :, :17], sure[:, :, :17]


def _made_of(xy: Float32, sure: Float32, joint: int, parts: list[int], rows: Bool) -> None:
    """Replace a joint in some rows by the mean of others, unseen unless all of them are seen."""
    xy[rows, :, joint] = xy[rows][:, :, parts].mean(2)
    sure[rows, :, joint] = sure[rows][:, :, parts].min(2)
