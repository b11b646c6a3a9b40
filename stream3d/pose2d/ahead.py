"""What was read of a frame before it was known where everybody is in the one before."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stream3d.pose2d.protocol import Found, Landmarks

Float32 = npt.NDArray[np.float32]
Int64 = npt.NDArray[np.int64]

_NEAR, _SIZE, _TURN = 0.02, 0.03, 0.04
"""Sides, share of the side, and radians by which a crop may be off the one that is wanted and still be taken for it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ahead:
    """Poses ``seen`` in guessed ``regions`` float32 [R, 4], a row for each, and whom the detector ``found`` if asked.

    ``seen`` is None where there was nobody to guess. With ``patient`` nobody waits for the detector on this frame:
    whom it ``found`` is what it said of an earlier one, and where it has said nothing it is not asked.
    """

    regions: Float32
    seen: Landmarks | None = None
    found: Found | None = None
    patient: bool = False

    def rows(self, wanted: Float32) -> Int64:
        """int64 [N]: in which guess each of the ``wanted`` regions [N, 4] was read, -1 for none.

        A guess serves if its centre is within 0.02 sides, its side within 3 % and its turn within 0.04 of the wanted
        one: a tenth of what a pose may lie off its crop before it is read again.
        """
        if self.seen is None or not len(wanted):
            return np.full(len(wanted), -1, np.int64)
        guess, side = self.regions[None], wanted[:, None, 2]
        off = np.hypot(guess[..., 0] - wanted[:, None, 0], guess[..., 1] - wanted[:, None, 1]) / side
        turn = np.abs((guess[..., 3] - wanted[:, None, 3] + math.pi) % (2 * math.pi) - math.pi)
        fits = (off < _NEAR) & (np.abs(guess[..., 2] / side - 1) < _SIZE) & (turn < _TURN)
        best = np.where(fits, off, np.inf).argmin(1)
        return np.where(fits.any(1), best, -1)
