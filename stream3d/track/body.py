"""What the tracker knows of bodies: how far joints may stray, and which hang on which."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from stream3d.skeleton import Layout

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]

SCALE = 0.3  # root of a body's area in the picture over the side of its region: COCO's object scale
# Standard deviations of annotators over the object scale (COCO's keypoint evaluation); by joint, or the nearest joint.
_SIGMAS = {
    "nose": 0.026,
    "eye": 0.025,
    "ear": 0.035,
    "mouth": 0.03,
    "head_top": 0.06,
    "shoulder": 0.079,
    "elbow": 0.072,
    "wrist": 0.062,
    "pinky": 0.07,
    "index": 0.07,
    "thumb": 0.07,
    "hip": 0.107,
    "knee": 0.087,
}
_OTHER_SIGMA = 0.089  # ankles, feet, spine
_HEAD = ("nose", "eye", "ear", "mouth", "head_top", "upper_neck")
_HANDS = ("wrist", "pinky", "index", "thumb")
_FEET = ("ankle", "heel", "foot_index", "big_toe", "small_toe")


@dataclass(frozen=True, kw_only=True, slots=True)
class Limb:
    """A joint that may be taken for another person's: what it hangs on, and what is lost with it.

    ``joint`` and ``parents`` are indices (the root is the mean of the parents); ``lost`` are the joint and all beyond
    it; ``kind`` is the same for joints that can be taken for each other.
    """

    kind: str
    joint: int
    parents: Int64
    lost: Int64


@dataclass(frozen=True, kw_only=True, slots=True)
class Body:
    """A layout as the tracker sees it: ``spread`` float64 [J] of COCO's similarity in sides of a region, and limbs.

    ``trunk`` int64 [4] are the shoulders and the hips; ``joints`` [L], ``roots`` [2, L] and ``kinds`` [L] are where
    ``limbs`` end and begin, and which can be taken for each other.
    """

    spread: Float64
    trunk: Int64
    limbs: tuple[Limb, ...]
    joints: Int64
    roots: Int64
    kinds: Int64


@cache
def body_of(layout: Layout) -> Body:
    """The body of a layout."""
    names = layout.names

    def find(*words: str, side: str = "") -> list[int]:
        return [i for i, name in enumerate(names) if name.startswith(side) and name.removeprefix(side) in words]

    limbs = []
    for side in ("left_", "right_"):
        for joint, parent, beyond in (
            ("elbow", "shoulder", ("elbow", *_HANDS)),
            ("wrist", "elbow", _HANDS),
            ("knee", "hip", ("knee", *_FEET)),
            ("ankle", "knee", _FEET),
        ):
            if find(joint, side=side):
                root = np.array(find(parent, side=side) * 2)
                lost = np.array(find(*beyond, side=side))
                limbs.append(Limb(kind=joint, joint=find(joint, side=side)[0], parents=root, lost=lost))
    shoulders = names.index("left_shoulder"), names.index("right_shoulder")
    if "nose" in names:
        head = [i for i, name in enumerate(names) if any(word in name for word in _HEAD)]
        limbs.append(Limb(kind="nose", joint=names.index("nose"), parents=np.array(shoulders), lost=np.array(head)))
    return Body(
        spread=2 * SCALE * np.array([_sigma(name) for name in names]),
        trunk=np.array([*shoulders, names.index("left_hip"), names.index("right_hip")]),
        limbs=tuple(limbs),
        joints=np.array([limb.joint for limb in limbs]),
        roots=np.ascontiguousarray(np.array([limb.parents for limb in limbs]).T),
        kinds=np.array([("elbow", "wrist", "knee", "ankle", "nose").index(limb.kind) for limb in limbs]),
    )


def _sigma(name: str) -> float:
    plain = name.removeprefix("left_").removeprefix("right_")
    return next((sigma for word, sigma in _SIGMAS.items() if plain.startswith(word)), _OTHER_SIGMA)
