"""Choreography: parts of takes cut out, turned, bent and blended into one movement.

World axes: z up, metres, the floor at z = 0. A person with heading 0 faces -y, towards the camera; headings are in
radians, counter-clockwise seen from above.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from train.mocap.kinematics import axis_rotation
from train.mocap.motion import Motion
from train.render.figure import Figure
from train.render.scene import FigureMotion
from train.render.skeleton import SIDES, Skeleton, skeleton_of

Float64 = npt.NDArray[np.float64]

# How high the joints of a flat foot stand above the sole, for the standard skeleton.
_STANDS_M = {"tibia": 0.082, "foot": 0.040, "toes": 0.035}


@dataclass(frozen=True, kw_only=True, slots=True)
class Clip:
    """A movement of one skeleton: ``root`` [T, 3] metres, ``local`` [T, J, 3, 3] each bone's rotation in its parent."""

    skeleton: Skeleton
    root: Float64
    local: Float64
    fps: float

    def __len__(self) -> int:
        return len(self.root)

    @property
    def rotations(self) -> Float64:
        """Orientations [T, J, 3, 3] in world axes."""
        out = np.empty_like(self.local)
        for joint, parent in enumerate(self.skeleton.parents):
            out[:, joint] = self.local[:, joint] if parent < 0 else out[:, parent] @ self.local[:, joint]
        return out

    @property
    def joints(self) -> Float64:
        """Joints [T, J, 3] in world axes, with bone lengths that never change."""
        return self.skeleton.place(self.root, self.rotations)

    @property
    def heading(self) -> Float64:
        """Where the hips face, radians [T], without jumps."""
        joints = self.joints
        hips = joints[:, self.skeleton.index("lhipjoint")] - joints[:, self.skeleton.index("rhipjoint")]
        return np.unwrap(np.arctan2(hips[:, 1], hips[:, 0]))


def part(motion: Motion, start_s: float, end_s: float, *, fps: float = 30.0) -> Clip:
    """The movement between two times of a take, at another frame rate that divides the take's."""
    taken = motion.every(round(motion.fps / fps))
    frames = slice(round(start_s * taken.fps), round(end_s * taken.fps))
    turned = taken.rotations[frames].astype(np.float64)
    local = turned.copy()
    for joint, parent in enumerate(taken.parents):
        if parent >= 0:
            local[:, joint] = np.swapaxes(turned[:, parent], -1, -2) @ turned[:, joint]
    root = taken.joints[frames, 0].astype(np.float64)
    return levelled(Clip(skeleton=skeleton_of(motion), root=root, local=local, fps=taken.fps))


def levelled(clip: Clip) -> Clip:
    """Lift or lower slowly so that the lower foot stands on the floor."""
    joints, size = clip.joints, clip.skeleton.scale
    gaps = [joints[:, clip.skeleton.index(s + bone), 2] - size * up for s in SIDES for bone, up in _STANDS_M.items()]
    drift = gaussian_filter1d(np.min(gaps, axis=0), 0.12 * clip.fps, mode="nearest")
    return replace(clip, root=clip.root - drift[:, None] * (0.0, 0.0, 1.0))


def turned(clip: Clip, angles: float | Float64) -> Clip:
    """Turn the way that is walked by ``angles`` (radians, one number or [T]); the first place stays."""
    turn = np.broadcast_to(axis_rotation("z", np.broadcast_to(np.float64(angles), len(clip))), (len(clip), 3, 3))
    steps = np.diff(clip.root, axis=0, prepend=clip.root[:1])
    root = clip.root[:1] + np.cumsum(np.einsum("tab,tb->ta", turn, steps), axis=0)
    local = clip.local.copy()
    local[:, 0] = turn @ local[:, 0]
    return replace(clip, root=root, local=local)


def facing(clip: Clip, heading: float) -> Clip:
    """Turn the whole movement so that it begins with this heading (the mean of its first tenth of a second)."""
    begin = clip.heading[: max(1, round(0.1 * clip.fps))].mean()
    return turned(clip, heading - begin)


def starting_at(clip: Clip, x: float, y: float) -> Clip:
    """Move the whole movement so that its root begins above (x, y)."""
    shift = np.array([x, y, 0.0]) - clip.root[0] * (1, 1, 0)
    return replace(clip, root=clip.root + shift)


def _slerp(first: Float64, second: Float64, share: Float64) -> Float64:
    """Rotations [T, J, 3, 3] on the shortest way from one to the other; ``share`` [T] goes from 0 to 1."""
    way = Rotation.from_matrix((np.swapaxes(first, -1, -2) @ second).reshape(-1, 3, 3)).as_rotvec()
    partly = Rotation.from_rotvec(way * np.repeat(share, first.shape[1])[:, None]).as_matrix()
    return first @ partly.reshape(first.shape)


def joined(first: Clip, second: Clip, *, blend_s: float = 0.4, ahead_m: float = 0.0, turn: float = 0.0) -> Clip:
    """``second`` after ``first``: its heading and place continue those of ``first``, and they fade over ``blend_s``.

    ``turn`` (radians) is added to the heading; ``ahead_m`` sets the second movement forward, for one who walks into it.
    """
    count = round(blend_s * first.fps)
    end = float(first.heading[-count:].mean())
    second = facing(second, end + turn)
    forth = np.array([np.sin(end), -np.cos(end), 0.0]) * ahead_m
    middle = first.root[-count:].mean(0) - second.root[:count].mean(0)
    second = replace(second, root=second.root + middle * (1, 1, 0) + forth)
    time = (np.arange(count) + 0.5) / count
    share = time * time * (3 - 2 * time)
    root = first.root[-count:] + share[:, None] * (second.root[:count] - first.root[-count:])
    local = _slerp(first.local[-count:], second.local[:count], share)
    return Clip(
        skeleton=first.skeleton,
        root=np.concatenate([first.root[:-count], root, second.root[count:]]),
        local=np.concatenate([first.local[:-count], local, second.local[count:]]),
        fps=first.fps,
    )


def worn_by(figure: Figure, clip: Clip) -> FigureMotion:
    """A figure that makes this movement; a larger skeleton of the same bones takes larger steps."""
    size = figure.skeleton.scale / clip.skeleton.scale
    anchor = clip.root[:1] * (1, 1, 0)
    root = anchor + (clip.root - anchor) * size
    grown = levelled(replace(clip, skeleton=figure.skeleton, root=root))
    return FigureMotion(figure=figure, joints=grown.joints, rotations=grown.rotations)
