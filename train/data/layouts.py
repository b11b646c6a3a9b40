"""Joint orders that only data sets use, in the one vocabulary of stream3d.skeleton, so that its tables convert them.

Where two sets give one name to places that differ on the body, the difference is said here; training has to bear it as
a bias per joint (``train/augment.py``).
"""

from __future__ import annotations

from stream3d.errors import LayoutError
from stream3d.skeleton import LAYOUTS, Layout, layout_of

# ``mpii_poses.npy``: MPII's joints laid out in h36m17's places. Place 7 (there the spine) holds MPII's thorax, place 8
# (there the thorax) its upper neck, place 9 nothing labelled: the midpoint of upper neck and head top.
MPII17 = layout_of(
    "mpii17",
    "pelvis right_hip<pelvis right_knee<right_hip right_ankle<right_knee left_hip<pelvis left_knee<left_hip"
    " left_ankle<left_knee thorax<pelvis upper_neck<thorax nose<upper_neck head_top<nose left_shoulder<thorax"
    " left_elbow<left_shoulder left_wrist<left_elbow right_shoulder<thorax right_elbow<right_shoulder"
    " right_wrist<right_elbow",
)
# Human3.6M's own skeleton, the order of its D3_Positions: Spine (11) stands on the hips, Spine1 (12) halfway up the
# back, Neck (13) between the shoulders, Head (14) at the base of the skull, its Site (15) on the crown. The field calls
# 14 "Neck/Nose"; it is our ``nose``, about 6 cm behind the tip that COCO means. 11, 16, 20, 24, 28 repeat others.
_H36M_ARM = (
    " {0}_collar<thorax {0}_shoulder<{0}_collar {0}_elbow<{0}_shoulder {0}_wrist<{0}_elbow {0}_thumb_root<{0}_wrist"
    " {0}_thumb<{0}_thumb_root {0}_hand<{0}_wrist {0}_hand_end<{0}_hand"
)
_H36M_LEG = " {0}_hip<pelvis {0}_knee<{0}_hip {0}_ankle<{0}_knee {0}_toe_base<{0}_ankle {0}_toe_end<{0}_toe_base"
H36M32 = layout_of(
    "h36m32",
    "pelvis" + _H36M_LEG.format("right") + _H36M_LEG.format("left")
    + " spine_root<pelvis spine<spine_root thorax<spine nose<thorax head_top<nose"
    + _H36M_ARM.format("left") + _H36M_ARM.format("right"),
)  # fmt: skip
# Human3.6M without the nose, as SimpleBaseline (Martinez et al. 2017) and Stacked Hourglass comparisons have it.
H36M16 = layout_of(
    "h36m16",
    "pelvis right_hip<pelvis right_knee<right_hip right_ankle<right_knee left_hip<pelvis left_knee<left_hip"
    " left_ankle<left_knee spine<pelvis thorax<spine head_top<thorax left_shoulder<thorax left_elbow<left_shoulder"
    " left_wrist<left_elbow right_shoulder<thorax right_elbow<right_shoulder right_wrist<right_elbow",
)
# MPI-INF-3DHP, The Captury's skeleton: ``neck`` is the throat, which h36m17 takes as thorax; ``head`` is the joint
# between neck and crown, which the field takes for Human3.6M's 9 (our ``nose``); ``spine`` was chosen by its authors
# to lie where Human3.6M's does. How far the joints of the two sets differ has not been measured here.
_CAPTURY_ARM = (
    " {0}_clavicle<neck {0}_shoulder<{0}_clavicle {0}_elbow<{0}_shoulder {0}_wrist<{0}_elbow {0}_hand<{0}_wrist"
)
_CAPTURY_LEG = " {0}_hip<pelvis {0}_knee<{0}_hip {0}_ankle<{0}_knee {0}_foot<{0}_ankle {0}_toe<{0}_foot"
MPI_INF_3DHP28 = layout_of(
    "mpi_inf_3dhp28",
    "spine3<spine2 spine4<spine3 spine2<spine spine<pelvis pelvis neck<spine4 nose<neck head_top<nose"
    + _CAPTURY_ARM.format("left") + _CAPTURY_ARM.format("right")
    + _CAPTURY_LEG.format("left") + _CAPTURY_LEG.format("right"),
)  # fmt: skip
# Its authors' 17 "relevant" ones of these, the order of the test set and of the community's files.
MPI_INF_3DHP17 = layout_of(
    "mpi_inf_3dhp17",
    "head_top<nose neck<spine right_shoulder<neck right_elbow<right_shoulder right_wrist<right_elbow"
    " left_shoulder<neck left_elbow<left_shoulder left_wrist<left_elbow right_hip<pelvis right_knee<right_hip"
    " right_ankle<right_knee left_hip<pelvis left_knee<left_hip left_ankle<left_knee pelvis spine<pelvis nose<neck",
)
# HumanEva: ``pelvis`` is the lower end of the torso, near the hips; ``thorax`` in the 15 is the mean of the torso's
# upper and the head's lower end; the head's upper end is ``head_top``, though it lies a little below the crown.
HUMANEVA15 = layout_of(
    "humaneva15",
    "pelvis thorax<pelvis left_shoulder<thorax left_elbow<left_shoulder left_wrist<left_elbow right_shoulder<thorax"
    " right_elbow<right_shoulder right_wrist<right_elbow left_hip<pelvis left_knee<left_hip left_ankle<left_knee"
    " right_hip<pelvis right_knee<right_hip right_ankle<right_knee head_top<thorax",
)
# The same with both ends of every part: an elbow or knee is the far end of one part, ``…_below`` the near end of the
# next, up to a few centimetres away; ``thorax`` is the torso's upper end, ``head_base`` the head's lower.
_EVA_LIMBS = (
    " {0}_shoulder<thorax {0}_elbow<{0}_shoulder {0}_elbow_below<{0}_elbow {0}_wrist<{0}_elbow_below",
    " {0}_hip<pelvis {0}_knee<{0}_hip {0}_knee_below<{0}_knee {0}_ankle<{0}_knee_below",
)
HUMANEVA20 = layout_of(
    "humaneva20",
    "pelvis thorax<pelvis head_base<thorax" + _EVA_LIMBS[0].format("left") + _EVA_LIMBS[0].format("right")
    + _EVA_LIMBS[1].format("left") + _EVA_LIMBS[1].format("right") + " head_top<head_base",
)  # fmt: skip
_ALL = (MPII17, H36M32, H36M16, MPI_INF_3DHP28, MPI_INF_3DHP17, HUMANEVA15, HUMANEVA20)
DATA_LAYOUTS: dict[str, Layout] = {layout.name: layout for layout in _ALL}


def layout_named(name: str) -> Layout:
    """A layout of stream3d, or one that only a data set uses.

    Raises:
        LayoutError: there is none of this name.
    """
    known = {**LAYOUTS, **DATA_LAYOUTS}
    if name not in known:
        raise LayoutError(f"unknown layout {name!r}; known are {', '.join(known)}")
    return known[name]
