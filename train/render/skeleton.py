"""The 31-bone skeleton that a figure hangs on, and the pose in which its meshes are made.

World axes: z up, the figure faces -y, its left is +x; metres. A joint named after a bone is the bone's far end.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from train.mocap.kinematics import axis_rotation, forward
from train.mocap.motion import Motion

Float64 = npt.NDArray[np.float64]

# Offsets from the parent in the rest pose (arms out, legs apart): a man of 1.73 m.
_REST = {
    "root": ("", (0.0, 0.0, 0.0)),
    "lhipjoint": ("root", (0.0925, -0.035, -0.101)),
    "lfemur": ("lhipjoint", (0.1466, 0.0, -0.4027)),
    "ltibia": ("lfemur", (0.1400, 0.0, -0.3847)),
    "lfoot": ("ltibia", (0.0119, -0.1208, -0.0333)),
    "ltoes": ("lfoot", (0.0, -0.0628, 0.0)),
    "lowerback": ("root", (0.0, 0.008, 0.116)),
    "upperback": ("lowerback", (0.0, 0.0033, 0.1165)),
    "thorax": ("upperback", (0.0, -0.0005, 0.1167)),
    "lowerneck": ("thorax", (0.0, -0.0084, 0.0885)),
    "upperneck": ("lowerneck", (0.0, 0.0056, 0.0881)),
    "head": ("upperneck", (0.0, 0.003, 0.0918)),
    "lclavicle": ("thorax", (0.1986, 0.0040, 0.0468)),
    "lhumerus": ("lclavicle", (0.2792, 0.0, 0.0)),
    "lradius": ("lhumerus", (0.1896, 0.0, 0.0)),
    "lwrist": ("lradius", (0.0588, 0.0, 0.0)),
    "lhand": ("lwrist", (0.0393, 0.0, 0.0)),
    "lfingers": ("lhand", (0.0317, 0.0, 0.0)),
    "lthumb": ("lwrist", (0.0321, -0.0321, 0.0)),
}
HIPS = ("lhipjoint", "rhipjoint")
SIDES = {"l": 1.0, "r": -1.0}
_ARM = ("humerus", "radius", "wrist", "hand", "fingers", "thumb")
_LEG = ("femur", "tibia", "foot", "toes")
_ARM_DOWN_RAD = np.radians(50.0)
_LEG_IN_RAD = np.radians(15.0)
REFERENCE_TRUNK_M = 0.4968
# CMU's forearm and wrist bones together reach into the palm; the joint itself lies this far along the second of them.
_WRIST_SHARE = 0.62


@dataclass(frozen=True, kw_only=True, slots=True)
class Skeleton:
    """Bones with constant lengths: ``offsets`` float64 [J, 3] metres from the parent in the rest pose."""

    names: tuple[str, ...]
    parents: tuple[int, ...]
    offsets: Float64

    def index(self, name: str) -> int:
        """Place of a bone."""
        return self.names.index(name)

    def place(self, root: Float64, rotations: Float64) -> Float64:
        """Joints [T, J, 3] for roots [T, 3] and bone orientations [T, J, 3, 3], both in world axes."""
        return forward(root, rotations, self.offsets, self.parents)

    def scaled(self, factor: float) -> Skeleton:
        """The same proportions, larger or smaller."""
        return Skeleton(names=self.names, parents=self.parents, offsets=self.offsets * factor)

    @property
    def scale(self) -> float:
        """Size beside the standard skeleton, by the distance from the hips to the shoulders."""
        joints = self.place(np.zeros((1, 3)), np.broadcast_to(np.eye(3), (1, len(self.names), 3, 3)))[0]
        hips = joints[[self.index(name) for name in HIPS]].mean(0)
        shoulders = joints[[self.index("lclavicle"), self.index("rclavicle")]].mean(0)
        return float(shoulders[2] - hips[2]) / REFERENCE_TRUNK_M


def standard() -> Skeleton:
    """A symmetric skeleton of a man of 1.73 m."""
    rows: dict[str, tuple[str, tuple[float, ...]]] = {}
    for name, (parent, offset) in _REST.items():
        rows[name] = (parent, offset)
        if name[0] == "l" and name not in ("lowerback", "lowerneck"):
            above = "r" + parent[1:] if parent[0] == "l" else parent
            rows["r" + name[1:]] = (above, (-offset[0], *offset[1:]))
    names = tuple(rows)
    parents = tuple(names.index(parent) if parent else -1 for parent, _ in rows.values())
    return Skeleton(names=names, parents=parents, offsets=np.array([offset for _, offset in rows.values()]))


def skeleton_of(motion: Motion) -> Skeleton:
    """The skeleton that moves in a take, its wrists put back to where the hand bends."""
    bone = motion.joints - motion.joints[:, [max(parent, 0) for parent in motion.parents]]
    local = np.einsum("tjba,tjb->tja", motion.rotations, bone)
    offsets = np.median(local, 0).astype(np.float64)
    offsets[[motion.names.index(side + "wrist") for side in SIDES]] *= _WRIST_SHARE
    return Skeleton(names=motion.names, parents=motion.parents, offsets=offsets)


def making_pose(skeleton: Skeleton) -> Float64:
    """Rotations [J, 3, 3] of the pose in which meshes are made: arms half down, legs nearly together, feet flat."""
    out = np.tile(np.eye(3), (len(skeleton.names), 1, 1))
    for side, sign in SIDES.items():
        for bones, angle in ((_ARM, _ARM_DOWN_RAD), (_LEG, _LEG_IN_RAD)):
            out[[skeleton.index(side + bone) for bone in bones]] = axis_rotation("y", np.float64(sign * angle))
        for bone, drop in (("foot", 0.336), ("toes", 0.08)):
            j = skeleton.index(side + bone)
            way = out[j] @ skeleton.offsets[j]
            now = np.arctan2(-way[2], -way[1])
            out[j] = axis_rotation("x", np.float64(np.arcsin(drop) - now)) @ out[j]
    return out
