"""A captured motion as one value: global joint positions and bone orientations over time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stream3d.errors import ShapeError

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

Z_UP_FROM_Y_UP: Float64 = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])


@dataclass(frozen=True, kw_only=True, slots=True)
class Motion:
    """One take of one person.

    ``joints`` float32 [T, J, 3] metres, world space, z up (NaN = not captured); ``rotations`` float32 [T, J, 3, 3] turn
    each bone from the file's rest pose into this frame, both seen in world axes (identity throughout = rest pose);
    ``parents`` [J] are indices, -1 for the root; ``subject`` and ``trial`` are the file's own names.

    Raises:
        ShapeError: the arrays do not fit the names, or the frame rate is not positive.
    """

    joints: Float32
    rotations: Float32
    names: tuple[str, ...]
    parents: tuple[int, ...]
    fps: float
    subject: str
    trial: str

    def __post_init__(self) -> None:
        frames, joints = len(self.joints), len(self.names)
        if self.joints.shape != (frames, joints, 3) or self.rotations.shape != (frames, joints, 3, 3):
            said = f"joints {list(self.joints.shape)} and rotations {list(self.rotations.shape)}"
            raise ShapeError(
                f"a motion of {joints} joints must be [T, {joints}, 3] and [T, {joints}, 3, 3], not {said}"
            )
        if len(self.parents) != joints or not self.fps > 0:
            raise ShapeError(f"a motion needs {joints} parents and fps > 0, not {len(self.parents)} and {self.fps}")

    def __len__(self) -> int:
        return len(self.joints)

    def every(self, step: int) -> Motion:
        """The same motion at ``fps / step``, by leaving frames out."""
        return Motion(
            joints=self.joints[::step],
            rotations=self.rotations[::step],
            names=self.names,
            parents=self.parents,
            fps=self.fps / step,
            subject=self.subject,
            trial=self.trial,
        )
