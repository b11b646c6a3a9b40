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
DATA_LAYOUTS: dict[str, Layout] = {layout.name: layout for layout in (MPII17,)}


def layout_named(name: str) -> Layout:
    """A layout of stream3d, or one that only a data set uses.

    Raises:
        LayoutError: there is none of this name.
    """
    known = {**LAYOUTS, **DATA_LAYOUTS}
    if name not in known:
        raise LayoutError(f"unknown layout {name!r}; known are {', '.join(known)}")
    return known[name]
