"""What the filters of one source's people do, whichever kind they are."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from stream3d.kernels.one_euro import Int64
from stream3d.solve.rows import Rows

Float64 = npt.NDArray[np.float64]

# Nearer than this the line of sight is no longer a useful axis; the pelvis is then filtered across it in metres.
NEAREST_M = 0.1


class Filters(Protocol):
    """Filters of ``joints`` joints and the pelvis of everybody in one source; ``rows`` says which row is whose."""

    joints: int
    rows: Rows

    def relative(self, rows: Int64, joints: Float64, sigma: npt.NDArray[np.float32], time_s: float) -> Float64:
        """Joints [P, J, 3] relative to the pelvis, whose ``sigma`` [P, J] m may be NaN, filtered."""
        ...

    def pelvis(self, rows: Int64, pelvis: Float64, time_s: float) -> Float64:
        """The pelvis [P, 3] in camera space, filtered apart along and across the line of sight."""
        ...


def place_of(across: Float64, depth: Float64) -> Float64:
    """The pelvis [P, 3] of its direction x / z, y / z [P, 2] and its ``depth`` [P, 1] m."""
    return np.concatenate((across * np.fmax(depth, NEAREST_M), depth), axis=1)


def direction_of(pelvis: Float64) -> Float64:
    """The direction x / z, y / z [P, 2] in which the ``pelvis`` [P, 3] m is seen."""
    return np.asarray(pelvis[:, :2] / np.fmax(pelvis[:, 2:], NEAREST_M))
