"""Joints bent as no body bends, told from 17 joint places alone; everything is relative to the body's own frames.

Ranges are those of the American Academy of Orthopaedic Surgeons ("Joint motion: method of measuring and recording",
1965; elbow 0-150, knee 0-135, hip flexion 120, extension 30, abduction 45, shoulder extension 60, thoracolumbar
flexion 80, extension 25, lateral 35, rotation 45, neck 45 degrees), widened for what places of joints add: soft tissue,
shoulder girdle and pelvis move too, and a joint's place is not its axis. As in Akhter and Black 2015 ("Pose-conditioned
joint angle limits for 3D human pose reconstruction") the way in which a knee or elbow may bend depends on where thigh
or upper arm point. Captured motion of healthy bodies stays within: of CMU's held-out subjects 0.01 % of joints do not,
of the training motion 0.1 %, most of them in a few broken takes.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stream3d.skeleton import H36M17

Array = npt.NDArray[np.floating]
Bool = npt.NDArray[np.bool_]

_J = {name: index for index, name in enumerate(H36M17.names)}
# A hinge that is nearly straight, or a limb that points far from where it usually does, has no direction to bend in.
_BENT_DEG, _USUAL_DEG = 20.0, 90.0


@dataclass(frozen=True, kw_only=True, slots=True)
class _Limb:
    """A ball joint and the hinge below it.

    Directions are (outwards, forwards, upwards) of the trunk: ``usual`` of the upper bone, ``bends`` of the lower one
    when the hinge bends there. Degrees: ``cone`` around ``usual``, how far the upper bone may point ``behind`` and
    ``across`` the body, the hinge's ``flexion`` and its ``turn`` off ``bends``.
    """

    ball: str
    hinge: str
    end: str
    usual: tuple[float, float, float]
    bends: tuple[float, float, float]
    cone: float
    behind: float
    across: float
    flexion: float
    turn: float


_LEG = _Limb(
    ball="hip",
    hinge="knee",
    end="ankle",
    usual=(0.15, 0.6, -0.78),
    bends=(0.0, -1.0, 0.0),
    cone=125.0,
    behind=45.0,
    across=50.0,
    flexion=165.0,
    turn=100.0,
)
_ARM = _Limb(
    ball="shoulder",
    hinge="elbow",
    end="wrist",
    usual=(0.5, 0.4, -0.75),
    bends=(0.0, 1.0, 0.0),
    cone=145.0,
    behind=65.0,
    across=45.0,
    flexion=165.0,
    turn=110.0,
)
_SPINE_BEND, _SPINE_BACK, _SPINE_SIDE, _SPINE_TURN, _NECK_BEND = 80.0, 35.0, 45.0, 55.0, 65.0
JOINTS = (*(f"{side}_{j}" for side in ("left", "right") for j in ("hip", "knee", "shoulder", "elbow")), "spine", "neck")


def _unit(vectors: Array) -> Array:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9))


def _degrees(cosine: Array) -> Array:
    return np.asarray(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def _bone(pose: Array, start: str, end: str) -> Array:
    return _unit(pose[..., _J[end], :] - pose[..., _J[start], :])


def _frame(right: Array, up: Array) -> Array:
    """Rows right, forward, up [..., 3, 3] of a part of the trunk."""
    up = _unit(up - (up * right).sum(-1, keepdims=True) * right)
    return np.stack([right, np.cross(up, right), up], -2)


def _swung(start: Array, end: Array, vector: Array) -> Array:
    """``vector`` turned by the shortest rotation that takes ``start`` to ``end`` (unit vectors, not opposite)."""
    axis = np.cross(start, end)
    first = np.cross(axis, vector)
    cosine = (start * end).sum(-1, keepdims=True)
    return np.asarray(vector + first + np.cross(axis, first) / np.maximum(1 + cosine, 1e-6))


def _limb(pose: Array, trunk: Array, side: str, limb: _Limb) -> tuple[Bool, Bool]:
    """Whether the ball joint and the hinge [...] of one limb are beyond their limits."""
    outwards = np.array([1 if side == "right" else -1, 1, 1])
    names = [f"{side}_{joint}" for joint in (limb.ball, limb.hinge, limb.end)]
    upper, lower = (
        np.einsum("...ij,...j->...i", trunk, _bone(pose, a, b)) * outwards for a, b in itertools.pairwise(names)
    )
    usual = _unit(np.array(limb.usual))
    bends = np.array(limb.bends)
    bends = _unit(bends - bends @ usual * usual)
    away = _degrees(upper @ usual)
    aside, ahead = (np.degrees(np.arcsin(np.clip(upper[..., axis], -1, 1))) for axis in (0, 1))
    ball = (away > limb.cone) | (ahead < -limb.behind) | (aside < -limb.across)
    flexion = _degrees((upper * lower).sum(-1))
    way = _unit(lower - (lower * upper).sum(-1, keepdims=True) * upper)
    turn = _degrees((way * _swung(np.broadcast_to(usual, upper.shape), upper, bends)).sum(-1))
    wrong_way = (turn > limb.turn) & (flexion > _BENT_DEG) & (away < _USUAL_DEG)
    return ball, np.asarray((flexion > limb.flexion) | wrong_way)


def _spine(pelvis: Array, chest: Array, lower: Array, upper: Array) -> Bool:
    """Whether the trunk [...] is bent or turned too far; bones [..., 3] below and above the spine joint."""
    within = np.einsum("...ij,...j->...i", pelvis, upper)
    right = np.einsum("...ij,...j->...i", pelvis, chest[..., 0, :])
    forward = np.degrees(np.arctan2(within[..., 1], within[..., 2]))
    aside = np.degrees(np.arcsin(np.clip(within[..., 0], -1, 1)))
    turn = np.degrees(np.arctan2(right[..., 1], right[..., 0]))
    bend = _degrees((lower * upper).sum(-1))
    far = (bend > _SPINE_BEND) | (forward < -_SPINE_BACK) | (np.abs(aside) > _SPINE_SIDE)
    return np.asarray(far | (np.abs(turn) > _SPINE_TURN))


def violations(pose: Array) -> Bool:
    """Which of JOINTS, bool [..., 10], are bent beyond their limits in poses [..., 17, 3] of h36m17.

    Any right-handed space and any unit will do.
    """
    lower, upper = _bone(pose, "pelvis", "spine"), _bone(pose, "spine", "thorax")
    pelvis = _frame(_bone(pose, "left_hip", "right_hip"), lower)
    chest = _frame(_bone(pose, "left_shoulder", "right_shoulder"), upper)
    out = []
    for side in ("left", "right"):
        out += [*_limb(pose, pelvis, side, _LEG), *_limb(pose, chest, side, _ARM)]
    neck = _degrees((upper * _bone(pose, "thorax", "head_top")).sum(-1)) > _NECK_BEND
    return np.stack([*out, _spine(pelvis, chest, lower, upper), neck], -1)
