"""3D poses over time with what a set has beside them, as frozen values; splits are by subject."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from stream3d.errors import ShapeError
from stream3d.geometry import Camera
from stream3d.skeleton import Layout, conversion, convert
from train.data.values import Float32

SPACES = ("camera", "world", "root")


@dataclass(frozen=True, kw_only=True, slots=True)
class MotionClip:
    """One take of one person, seen by one camera where the set has pictures.

    ``joints`` float32 [T, J, 3] metres in ``layout``'s order, NaN = missing. ``space`` is ``camera`` (x right, y down,
    z forward), ``world`` (z up) or ``root`` (camera axes, the pelvis at 0). ``keypoints`` float32 [T, K, 3] = x, y in
    pixels, confidence, of the same frames in ``keypoint_layout``'s order, or None. ``camera`` are its intrinsics, or
    None. ``view`` names the camera, ``fps`` is the true rate of the frames.

    Raises:
        ShapeError: an array does not fit, or a name or rate is none.
    """

    joints: Float32
    layout: Layout
    space: str
    fps: float
    subject: str
    action: str
    view: str = ""
    keypoints: Float32 | None = None
    keypoint_layout: Layout | None = None
    camera: Camera | None = None

    def __post_init__(self) -> None:
        if self.joints.dtype != np.float32 or self.joints.shape[1:] != (self.layout.size, 3):
            said = f"{self.joints.dtype} {list(self.joints.shape)}"
            raise ShapeError(f"joints of {self.layout.name} are float32 [T, {self.layout.size}, 3], not {said}")
        if self.space not in SPACES or not self.subject or not self.fps > 0 or np.isinf(self.joints).any():
            said = f"space {self.space!r}, subject {self.subject!r}, {self.fps} fps"
            raise ShapeError(f"a clip needs finite joints, a space of {SPACES}, a subject and fps > 0, not {said}")
        if (self.keypoints is None) != (self.keypoint_layout is None):
            raise ShapeError("keypoints and their layout belong together")
        if self.keypoints is not None and self.keypoint_layout is not None:
            wanted = (len(self), self.keypoint_layout.size, 3)
            if self.keypoints.dtype != np.float32 or self.keypoints.shape != wanted:
                said = f"{self.keypoints.dtype} {list(self.keypoints.shape)}"
                raise ShapeError(f"keypoints of {self.keypoint_layout.name} are float32 {list(wanted)}, not {said}")

    def __len__(self) -> int:
        return len(self.joints)

    def to(self, layout: Layout) -> MotionClip:
        """The same clip with joints and keypoints in another layout.

        Raises:
            LayoutError: the two layouts share too little.
        """
        known = self.keypoints is not None and self.keypoint_layout is not None
        return replace(
            self,
            joints=convert_joints(self.joints, self.layout, layout),
            layout=layout,
            keypoints=convert(self.keypoints, self.keypoint_layout, layout) if known else None,  # type: ignore[arg-type]
            keypoint_layout=layout if known else None,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class MotionSet:
    """``clips`` of a set called ``name``; clips of ``held_out`` subjects are for tests only."""

    name: str
    clips: tuple[MotionClip, ...]
    held_out: frozenset[str]

    def __len__(self) -> int:
        return len(self.clips)

    @property
    def subjects(self) -> tuple[str, ...]:
        """Everybody in the set."""
        return tuple(sorted({clip.subject for clip in self.clips}))

    @property
    def minutes(self) -> float:
        """Length of all motion; what several cameras saw counts once."""
        once = {(clip.subject, clip.action): len(clip) / clip.fps for clip in self.clips}
        return sum(once.values()) / 60

    def train(self) -> Iterator[MotionClip]:
        """Clips of the subjects to train on."""
        return (clip for clip in self.clips if clip.subject not in self.held_out)

    def test(self) -> Iterator[MotionClip]:
        """Clips of the subjects that are held out."""
        return (clip for clip in self.clips if clip.subject in self.held_out)


def convert_joints(joints: Float32, source: Layout, target: Layout) -> Float32:
    """3D joints [..., J, 3] of one layout as joints [..., J', 3] of another, by the tables of stream3d.skeleton.

    A joint that the source does not know is NaN.

    Raises:
        LayoutError: the two layouts share too little.
    """
    if source is target:
        return joints
    out = np.full((*joints.shape[:-2], target.size, 3), np.nan, np.float32)
    for joint, parts in enumerate(conversion(source, target)):
        if parts:
            out[..., joint, :] = joints[..., list(parts), :].mean(axis=-2)
    return out


def merged(name: str, sets: Iterable[MotionSet]) -> MotionSet:
    """Several sets as one; who is held out in one of them is held out of all."""
    sets = tuple(sets)
    held = frozenset[str]().union(*(some.held_out for some in sets))
    return MotionSet(name=name, clips=tuple(clip for some in sets for clip in some.clips), held_out=held)
