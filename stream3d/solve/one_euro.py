"""One-Euro filters of everybody in a source."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stream3d.kernels.one_euro import Int64, OneEuroBank
from stream3d.solve.filters import NEAREST_M, Float64, direction_of, place_of
from stream3d.solve.rows import Rows
from stream3d.solve.settings import SmoothSettings


class OneEuroFilters:
    """One-Euro filters of one source, and which of their rows belongs to whom."""

    def __init__(self, joints: int, settings: SmoothSettings) -> None:
        self.joints = joints
        self._settings = settings
        speed, gap_s = settings.speed_cutoff_hz, settings.max_gap_s
        self._relative = OneEuroBank(points=joints, axes=3, speed_cutoff_hz=speed, max_gap_s=gap_s)
        self._direction = OneEuroBank(points=1, axes=2, speed_cutoff_hz=speed, max_gap_s=gap_s)
        self._depth = OneEuroBank(points=1, axes=1, speed_cutoff_hz=settings.depth_speed_cutoff_hz, max_gap_s=gap_s)
        self.rows = Rows([self._relative, self._direction, self._depth], gap_s)

    def relative(
        self,
        rows: Int64,
        joints: Float64,
        sigma: npt.NDArray[np.float32],  # noqa: ARG002 - One-Euro goes by speed alone
        time_s: float,
    ) -> Float64:
        """Joints [P, J, 3] relative to the pelvis, filtered."""
        low, rise = self._settings.min_cutoff_hz, self._settings.beta_hz_per_mps
        return self._relative(rows, joints, time_s=time_s, min_cutoff_hz=low, beta=rise)

    def pelvis(self, rows: Int64, pelvis: Float64, time_s: float) -> Float64:
        """The pelvis [P, 3] in camera space, filtered as direction and depth."""
        settings = self._settings
        depth = self._depth(
            rows,
            pelvis[:, None, 2:],
            time_s=time_s,
            min_cutoff_hz=settings.depth_min_cutoff_hz,
            beta=settings.depth_beta_hz_per_mps,
        )[:, 0]
        across = self._direction(
            rows,
            direction_of(pelvis)[:, None],
            time_s=time_s,
            min_cutoff_hz=settings.min_cutoff_hz,
            beta=settings.beta_hz_per_mps * np.fmax(depth, NEAREST_M),  # of metres across the line of sight
        )[:, 0]
        return place_of(across, depth)
