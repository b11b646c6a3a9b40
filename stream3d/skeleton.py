"""Joint layouts as values: names, parents, mirror pairs; conversion by table, never by the number of joints.

The names are one vocabulary over all layouts, so the same name means the same place on the body. ``h36m17``'s joint 9,
which the field calls "Neck/Nose", is ``nose`` here; its joint 8, the root of the neck, is ``thorax``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from stream3d.errors import LayoutError, ShapeError

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """A named order of joints.

    ``names`` [J] are unique; ``parents`` [J] are indices, -1 for a root; ``mirror`` [J] is each joint's left-right twin
    (itself on the midline).
    """

    name: str
    names: tuple[str, ...]
    parents: tuple[int, ...]

    @property
    def size(self) -> int:
        """Number of joints J."""
        return len(self.names)

    @property
    def mirror(self) -> tuple[int, ...]:
        """Index [J] of each joint's left-right twin."""
        return tuple(self.names.index(_twin(name)) for name in self.names)

    @property
    def bones(self) -> tuple[tuple[int, int], ...]:
        """(parent, child) index pairs, one per joint that has a parent."""
        return tuple((parent, child) for child, parent in enumerate(self.parents) if parent >= 0)

    def side(self, joint: int) -> str:
        """``left``, ``right`` or ``middle``."""
        prefix = self.names[joint].split("_")[0]
        return prefix if prefix in ("left", "right") else "middle"


def _twin(name: str) -> str:
    side, _, rest = name.partition("_")
    return {"left": f"right_{rest}", "right": f"left_{rest}"}.get(side, name)


def layout_of(name: str, tree: str) -> Layout:
    """A layout from ``joint<parent`` words; a word without ``<`` is a root."""
    names, parents = [], []
    for word in tree.split():
        joint, _, parent = word.partition("<")
        names.append(joint)
        parents.append(parent)
    index = {joint: i for i, joint in enumerate(names)}
    return Layout(name=name, names=tuple(names), parents=tuple(index[p] if p else -1 for p in parents))


H36M17 = layout_of(
    "h36m17",
    "pelvis right_hip<pelvis right_knee<right_hip right_ankle<right_knee left_hip<pelvis left_knee<left_hip"
    " left_ankle<left_knee spine<pelvis thorax<spine nose<thorax head_top<nose left_shoulder<thorax"
    " left_elbow<left_shoulder left_wrist<left_elbow right_shoulder<thorax right_elbow<right_shoulder"
    " right_wrist<right_elbow",
)
COCO17 = layout_of(
    "coco17",
    "nose left_eye<nose right_eye<nose left_ear<left_eye right_ear<right_eye left_shoulder right_shoulder"
    " left_elbow<left_shoulder right_elbow<right_shoulder left_wrist<left_elbow right_wrist<right_elbow"
    " left_hip<left_shoulder right_hip<right_shoulder left_knee<left_hip right_knee<right_hip left_ankle<left_knee"
    " right_ankle<right_knee",
)
MPII16 = layout_of(
    "mpii16",
    "right_ankle<right_knee right_knee<right_hip right_hip<pelvis left_hip<pelvis left_knee<left_hip"
    " left_ankle<left_knee pelvis thorax<pelvis upper_neck<thorax head_top<upper_neck right_wrist<right_elbow"
    " right_elbow<right_shoulder right_shoulder<thorax left_shoulder<thorax left_elbow<left_shoulder"
    " left_wrist<left_elbow",
)
BODY25 = layout_of(
    "body25",
    "nose<neck neck<pelvis right_shoulder<neck right_elbow<right_shoulder right_wrist<right_elbow left_shoulder<neck"
    " left_elbow<left_shoulder left_wrist<left_elbow pelvis right_hip<pelvis right_knee<right_hip"
    " right_ankle<right_knee left_hip<pelvis left_knee<left_hip left_ankle<left_knee right_eye<nose left_eye<nose"
    " right_ear<right_eye left_ear<left_eye left_big_toe<left_ankle left_small_toe<left_big_toe left_heel<left_ankle"
    " right_big_toe<right_ankle right_small_toe<right_big_toe right_heel<right_ankle",
)
HALPE26 = layout_of(
    "halpe26",
    "nose<head_top left_eye<nose right_eye<nose left_ear<left_eye right_ear<right_eye left_shoulder<neck"
    " right_shoulder<neck left_elbow<left_shoulder right_elbow<right_shoulder left_wrist<left_elbow"
    " right_wrist<right_elbow left_hip<pelvis right_hip<pelvis left_knee<left_hip right_knee<right_hip"
    " left_ankle<left_knee right_ankle<right_knee head_top<neck neck<pelvis pelvis left_big_toe<left_ankle"
    " right_big_toe<right_ankle left_small_toe<left_big_toe right_small_toe<right_big_toe left_heel<left_ankle"
    " right_heel<right_ankle",
)
BLAZEPOSE33 = layout_of(
    "blazepose33",
    "nose left_eye_inner<nose left_eye<left_eye_inner left_eye_outer<left_eye right_eye_inner<nose"
    " right_eye<right_eye_inner right_eye_outer<right_eye left_ear<left_eye_outer right_ear<right_eye_outer"
    " left_mouth<nose right_mouth<nose left_shoulder right_shoulder left_elbow<left_shoulder"
    " right_elbow<right_shoulder left_wrist<left_elbow right_wrist<right_elbow left_pinky<left_wrist"
    " right_pinky<right_wrist left_index<left_wrist right_index<right_wrist left_thumb<left_wrist"
    " right_thumb<right_wrist left_hip<left_shoulder right_hip<right_shoulder left_knee<left_hip right_knee<right_hip"
    " left_ankle<left_knee right_ankle<right_knee left_heel<left_ankle right_heel<right_ankle"
    " left_foot_index<left_heel right_foot_index<right_heel",
)
LAYOUTS: dict[str, Layout] = {layout.name: layout for layout in (H36M17, COCO17, MPII16, BODY25, HALPE26, BLAZEPOSE33)}

# What a joint may be made of where the source does not have it: the mean of these, all of which must be seen.
_MADE_OF: dict[str, tuple[tuple[str, ...], ...]] = {
    "pelvis": (("left_hip", "right_hip"),),
    "thorax": (("neck",), ("left_shoulder", "right_shoulder")),
    "neck": (("thorax",), ("left_shoulder", "right_shoulder")),
    "nose": (("upper_neck", "head_top"),),
    "left_big_toe": (("left_foot_index",),),
    "right_big_toe": (("right_foot_index",),),
}
# Without these a target pose would say nothing about the body, so the conversion does not exist.
_LIMBS = tuple(
    f"{side}_{joint}" for side in ("left", "right") for joint in ("shoulder", "elbow", "wrist", "hip", "knee")
)


@cache
def conversion(source: Layout, target: Layout) -> tuple[tuple[int, ...], ...]:
    """For each target joint the source joints whose mean it is; an empty tuple where the source knows none.

    Raises:
        LayoutError: the source lacks limbs that the target needs.
    """
    lacking = [j for j in _LIMBS if j in target.names and j not in source.names]
    if lacking:
        raise LayoutError(f"{source.name} cannot become {target.name}: it has no {', '.join(lacking)}")
    index = {name: i for i, name in enumerate(source.names)}

    def sources(joint: str) -> tuple[int, ...]:
        if joint in index:
            return (index[joint],)
        for parts in _MADE_OF.get(joint, ()):
            if all(part in index for part in parts):
                return tuple(index[part] for part in parts)
        return ()

    return tuple(sources(joint) for joint in target.names)


def convert(keypoints: FloatArray, source: Layout, target: Layout) -> FloatArray:
    """Keypoints of one layout as keypoints of another.

    ``keypoints`` float32 [..., J, 3] = x, y, score; returns float32 [..., J', 3]. A joint that the source does not
    know, or one of whose parts is NaN, is NaN with score 0; a joint made of several has the lowest of their scores.

    Raises:
        LayoutError: the two layouts share too little.
        ShapeError: the array is not [..., J, 3] of the source layout.

    >>> points = np.zeros((1, 17, 3), np.float32)
    >>> convert(points, COCO17, H36M17).shape
    (1, 17, 3)
    """
    if keypoints.ndim < 2 or keypoints.shape[-2:] != (source.size, 3):
        raise ShapeError(f"keypoints of {source.name} must be [..., {source.size}, 3], not {list(keypoints.shape)}")
    if source is target:
        return keypoints
    one, other, known = _pairs(source, target)
    first, second = keypoints[..., one, :], keypoints[..., other, :]
    out = np.empty(first.shape, np.float32)
    out[..., :2] = (first[..., :2] + second[..., :2]) / 2
    out[..., 2] = np.minimum(first[..., 2], second[..., 2])
    out[..., ~known, :2] = np.nan
    out[np.isnan(out[..., 0]), 2] = 0.0
    return out


@cache
def _pairs(
    source: Layout, target: Layout
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """For each target joint the two source joints whose mean it is, the same twice for one, and whether there are any.

    None is made of more than two.
    """
    parts = conversion(source, target)
    return (
        np.array([part[0] if part else 0 for part in parts]),
        np.array([part[-1] if part else 0 for part in parts]),
        np.array([bool(part) for part in parts]),
    )
