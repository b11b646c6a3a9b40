"""What people look like and how they are built."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from stream3d.kernels import following as kernels
from stream3d.track.body import Body

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]


class Figures:
    """A row for everybody, NaN where unknown.

    ``looks`` float32 [N, D] are appearances when nobody was near, ``nows`` those of the moment; ``bones`` float64
    [N, L] the greatest lengths of limbs in sides of the region.
    """

    __slots__ = ("bones", "looks", "nows")

    def __init__(self) -> None:
        self.looks, self.nows = np.zeros((0, 0), np.float32), np.zeros((0, 0), np.float32)
        self.bones = np.zeros((0, 0))

    def add(self, seen: Float32, limbs: int) -> None:
        """Newcomers with the appearances ``seen`` [P, D] and so many limbs."""
        self._widen(seen.shape[1], limbs)
        if not seen.shape[1]:
            seen = np.full((len(seen), self.looks.shape[1]), np.nan, np.float32)
        self.looks, self.nows = np.concatenate([self.looks, seen]), np.concatenate([self.nows, seen])
        self.bones = np.concatenate([self.bones, np.full((len(seen), limbs), np.nan)])

    def keep(self, rows: Int64) -> None:
        """Keep only these, in this order."""
        self.looks, self.nows, self.bones = self.looks[rows], self.nows[rows], self.bones[rows]

    def pass_on(self, one: int, other: int) -> None:
        """What was known of one is the other's; of the one nothing is known but what they look like now."""
        self.looks[other], self.bones[other] = self.looks[one], self.bones[one]
        self.looks[one], self.bones[one] = self.nows[one], np.nan

    def exchange(self, one: int, other: int) -> None:
        """What was known of each is the other's."""
        for known in (self.looks, self.bones):
            known[[one, other]] = known[[other, one]]

    def appear(self, rows: Int64, seen: Float32, steps_s: Float64, within_s: Float64) -> list[float]:
        """Take the appearances ``seen`` [P, D] of ``rows`` [P] so much time later.

        ``within_s`` [P] is the time constant for the whole, infinite where it is not to be learned. Returns how alike
        everybody and their memory are, NaN where unknown.
        """
        if not seen.shape[1]:
            return [math.nan] * len(rows)
        self._widen(seen.shape[1], self.bones.shape[1])
        alike: list[float] = kernels.appear(self.looks, self.nows, rows, seen, steps_s, within_s).tolist()
        return alike

    def measure(self, rows: Int64, keypoints: Float32, sides: Float64, body: Body) -> None:
        """Learn from poses [P, J, 3] of regions of so many px how long limbs can be; nothing where that is 0."""
        kernels.measure(self.bones, rows, keypoints, sides, (body.joints, body.roots))

    def likeness(self, seen: Float32) -> Float64:
        """How alike everybody and the appearances ``seen`` [R, D] are, float64 [N, R], NaN where unknown."""
        if self.looks.shape[1] != seen.shape[1] or not seen.shape[1]:
            return np.full((len(self.looks), len(seen)), np.nan)
        unknown = np.isnan(self.looks[:, :1])
        known = np.where(unknown, self.nows, self.looks) if unknown.any() else self.looks
        return np.asarray(known @ seen.T, np.float64)

    def _widen(self, size: int, limbs: int) -> None:
        """Appearances of another size are of another kind; what was known of the old kind says nothing."""
        if size and self.looks.shape[1] != size:
            self.looks = np.full((len(self.looks), size), np.nan, np.float32)
            self.nows = self.looks.copy()
        if self.bones.shape[1] != limbs:
            self.bones = np.full((len(self.bones), limbs), np.nan)
