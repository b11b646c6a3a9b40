"""Every rig's joints as the 17 of h36m17 and two points more that 2D nets give.

A target joint is a weighted mean of the rig's own joints. The face hangs on the head: its directions are the head's,
its distances are those of a grown-up and scale with the torso. CMU's forearms end short of the wrist, so they are
prolonged. ``nose`` follows Human3.6M, whose joint 9 lies between neck and nose; ``true_nose`` is the tip that BlazePose
and COCO mean; ``upper_neck`` is MPII's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stream3d.errors import LayoutError
from stream3d.skeleton import H36M17
from train.mocap.motion import Float32, Float64, Motion

POINTS = (*H36M17.names, "true_nose", "upper_neck")
TORSO_M = 0.49
# Forward and up of upper_neck in metres for a torso of TORSO_M (pelvis to thorax).
FACE = {"nose": (0.06, 0.02), "true_nose": (0.11, 0.045), "upper_neck": (0.0, 0.0)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Rig:
    """``joints`` maps targets to ``weight*source`` words; a left limb is the right one's name with ``sides`` swapped.

    ``head_turn`` is the joint whose orientation turns the face (rest pose: -y forward, z up); ``lost_m`` metres are
    missing above ``lost_at`` and are put back along that bone.
    """

    joints: dict[str, str]
    sides: tuple[str, str]
    head_turn: str
    head_top_m: float = 0.0
    lost_at: str = ""
    lost_m: float = 0.0


_ASF = Rig(
    joints={
        "spine": "0.9*lowerback 0.1*upperback",
        "thorax": "0.5*thorax 0.5*lowerneck",
        "upper_neck": "1*upperneck",
        "head_top": "1.5*head -0.5*upperneck",
        "right_hip": "1*rhipjoint",
        "right_knee": "1*rfemur",
        "right_ankle": "1*rtibia",
        "right_shoulder": "1*rclavicle",
        "right_elbow": "1*rhumerus",
        "right_wrist": "1.28*rradius -0.28*rhumerus",
    },
    sides=("r", "l"),
    head_turn="head",
)
_BVH_LIMBS = {
    "right_hip": "1*RightUpLeg",
    "right_knee": "1*RightLeg",
    "right_ankle": "1*RightFoot",
    "right_shoulder": "1*RightArm",
    "right_elbow": "1*RightForeArm",
    "right_wrist": "1.28*RightHand -0.28*RightForeArm",
}
_BVH = Rig(
    joints={
        "spine": "0.9*Spine 0.1*Spine1",
        "thorax": "0.5*Neck 0.5*Neck1",
        "upper_neck": "1*Head",
        "head_top": "1.5*Head_end -0.5*Head",
        **_BVH_LIMBS,
    },
    sides=("Right", "Left"),
    head_turn="Head",
    lost_at="Spine1",
    lost_m=0.117,
)
_BVH_131 = Rig(
    joints={
        "spine": "0.9*Chest 0.1*Chest2",
        "thorax": "0.5*lowerneck 0.5*Neck",
        "upper_neck": "1*Head",
        "head_top": "1.5*Head_end -0.5*Head",
        "right_hip": "1*RightHip",
        "right_knee": "1*RightKnee",
        "right_ankle": "1*RightAnkle",
        "right_shoulder": "1*RightShoulder",
        "right_elbow": "1*RightElbow",
        "right_wrist": "1.28*RightWrist -0.28*RightElbow",
    },
    sides=("Right", "Left"),
    head_turn="Head",
    lost_at="Chest2",
    lost_m=0.117,
)
_POSER = Rig(
    joints={
        "spine": "0.6*abdomen 0.4*chest",
        "thorax": "0.25*chest 0.75*neck",
        "upper_neck": "1*head",
        "right_hip": "1*rThigh",
        "right_knee": "1*rShin",
        "right_ankle": "1*rFoot",
        "right_shoulder": "1*rShldr",
        "right_elbow": "1*rForeArm",
        "right_wrist": "1*rHand",
    },
    sides=("r", "l"),
    head_turn="head",
    head_top_m=0.14,
)
# Reallusion's character, which CMU's subject 06 was put on. The neck's joint lies above the shoulders, the head's at
# the base of the skull; the crown is where the eyes, 8 cm above that joint, have it.
_ICLONE = Rig(
    joints={
        "spine": "1*CC_Base_Spine02",
        "thorax": "0.6*CC_Base_NeckTwist01 0.2*CC_Base_L_Clavicle 0.2*CC_Base_R_Clavicle",
        "upper_neck": "1*CC_Base_Head",
        "right_hip": "1*CC_Base_R_Thigh",
        "right_knee": "1*CC_Base_R_Calf",
        "right_ankle": "1*CC_Base_R_Foot",
        "right_shoulder": "1*CC_Base_R_Upperarm",
        "right_elbow": "1*CC_Base_R_Forearm",
        "right_wrist": "1*CC_Base_R_Hand",
    },
    sides=("CC_Base_R", "CC_Base_L"),
    head_turn="CC_Base_Head",
    head_top_m=0.18,
)
_BIPED_LIMBS = {**_BVH_LIMBS, "right_wrist": "1*RightHand"}
# Animated Drawings, ``jesse_dance``: a rig with fingers.
_FINGERED = Rig(
    joints={
        "spine": "1*Spine1",
        "thorax": "0.75*Neck 0.25*Spine2",
        "upper_neck": "1*Head",
        **_BIPED_LIMBS,
    },
    sides=("Right", "Left"),
    head_turn="Head",
    head_top_m=0.15,  # its end site points sideways
)
# Animated Drawings, ``dab``, ``jumping``, ``wave_hello``, ``zombie``: z points up, and the unit is nobody's metre.
_FAIR = Rig(
    joints={
        "spine": "0.5*Spine1 0.5*Spine2",
        "thorax": "0.8*Neck 0.2*Spine3",
        "upper_neck": "1*Head",
        "head_top": "1*Head_end",
        **_BIPED_LIMBS,
    },
    sides=("Right", "Left"),
    head_turn="Head",
)
# The joint that gives a rig away, the rarer ones first.
RIGS = {
    "CC_Base_Head": _ICLONE,
    "LeftInHandIndex": _FINGERED,
    "RightHandThumb1": _FAIR,
    "rhipjoint": _ASF,
    "RightUpLeg": _BVH,
    "RightHip": _BVH_131,
    "rButtock": _POSER,
}


def rig_of(motion: Motion) -> Rig:
    """The table for this motion's joints.

    Raises:
        LayoutError: no table knows them.
    """
    for telling, rig in RIGS.items():
        if telling in motion.names:
            return rig
    raise LayoutError(f"no table maps a rig with joints {', '.join(motion.names[:8])}, … to h36m17")


def _mean_of(words: str, motion: Motion, joints: Float64) -> Float64:
    out = np.zeros((len(motion), 3))
    for word in words.split():
        weight, _, name = word.partition("*")
        out += float(weight) * joints[:, motion.names.index(name)]
    return out


def _restored(motion: Motion, rig: Rig) -> Float64:
    """Joints with the lost bone put back: all that hangs above it moves up along it."""
    joints = motion.joints.astype(np.float64)
    if not rig.lost_at:
        return joints
    above = {motion.names.index(rig.lost_at)}
    for joint, parent in enumerate(motion.parents):
        if parent in above:
            above.add(joint)
    lift = motion.rotations[:, motion.names.index(rig.lost_at)] @ np.array([0.0, 0.0, rig.lost_m])
    moved = sorted(above - {motion.names.index(rig.lost_at)})
    joints[:, moved] += lift[:, None]
    return joints


def add_face(points: dict[str, Float64], forward: Float64, up: Float64) -> None:
    """Put the FACE points in front of ``upper_neck`` [T, 3], along unit vectors [T, 3]."""
    torso = np.linalg.norm(points["thorax"] - points["pelvis"], axis=-1, keepdims=True)
    for name, (ahead, above) in FACE.items():
        points[name] = points["upper_neck"] + (ahead * forward + above * up) * (torso / TORSO_M)


def to_points(motion: Motion) -> Float32:
    """The POINTS float32 [T, 19, 3] of a motion, metres, world space, z up.

    Raises:
        LayoutError: the rig is not one of RIGS.
    """
    rig = rig_of(motion)
    joints = _restored(motion, rig)
    right, left = rig.sides
    points = {}
    for name, words in rig.joints.items():
        points[name] = _mean_of(words, motion, joints)
        if name.startswith("right_"):
            twin = words.replace(f"*{right}", f"*{left}")
            points[name.replace("right", "left")] = _mean_of(twin, motion, joints)
    points["pelvis"] = (points["left_hip"] + points["right_hip"]) / 2
    turn = motion.rotations[:, motion.names.index(rig.head_turn)]
    if rig.head_top_m:
        points["head_top"] = points["upper_neck"] + rig.head_top_m * turn[..., 2]
    add_face(points, forward=-turn[..., 1], up=turn[..., 2])
    return np.stack([points[name] for name in POINTS], 1).astype(np.float32)
