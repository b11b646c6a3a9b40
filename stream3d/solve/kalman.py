"""Kalman filters of everybody in a source."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stream3d.kernels.chi_square import chi_square_limit
from stream3d.kernels.kalman_bank import KalmanBank, KalmanModel
from stream3d.kernels.one_euro import Int64
from stream3d.solve.filters import NEAREST_M, Float64, direction_of, place_of
from stream3d.solve.rows import Rows
from stream3d.solve.settings import KalmanSettings

_LEAST_NOISE_M = 0.001  # the pelvis relative to itself has no sigma


class KalmanFilters:
    """Kalman filters of one source, and which of their rows belongs to whom."""

    def __init__(self, joints: int, settings: KalmanSettings) -> None:
        self.joints = joints
        self._settings = settings
        body, depth = model_of(settings, 3), model_of(settings, 1, drift=settings.depth_drift_mps2)
        self._relative = KalmanBank(points=joints, axes=3, model=body)
        self._direction = KalmanBank(points=1, axes=2, model=model_of(settings, 2))
        self._depth = KalmanBank(points=1, axes=1, model=depth)
        self.rows = Rows([self._relative, self._direction, self._depth], settings.max_gap_s)

    def relative(self, rows: Int64, joints: Float64, sigma: npt.NDArray[np.float32], time_s: float) -> Float64:
        """Joints [P, J, 3] relative to the pelvis, whose ``sigma`` [P, J] m may be NaN, filtered."""
        return self._relative(rows, joints, time_s=time_s, noise=noise_of(sigma, self._settings))[0]

    def pelvis(self, rows: Int64, pelvis: Float64, time_s: float) -> Float64:
        """The pelvis [P, 3] in camera space, filtered as direction and depth."""
        settings = self._settings
        depth = self._depth(rows, pelvis[:, None, 2:], time_s=time_s, noise=settings.depth_noise_m)[0][:, 0]
        scale = 1.0 / np.fmax(depth[:, 0], NEAREST_M)  # of a direction, for a metre across the line of sight
        across = self._direction(
            rows,
            direction_of(pelvis)[:, None],
            time_s=time_s,
            noise=(settings.pelvis_noise_m * scale)[:, None],
            scale=scale,
        )[0][:, 0]
        return place_of(across, depth)


def model_of(settings: KalmanSettings, axes: int, drift: float | None = None) -> KalmanModel:
    """How points of ``axes`` axes move, in metres."""
    return KalmanModel(
        drift=settings.drift_mps2 if drift is None else drift,
        speed=settings.speed_mps,
        acceleration=settings.acceleration_mps2,
        gate=chi_square_limit(axes, settings.gate_probability),
        leap=settings.leap_mps,
        max_gap_s=settings.max_gap_s,
        predict_s=settings.predict_s,
        max_rejected=settings.max_rejected,
    )


def noise_of(sigma: npt.NDArray[np.float32], settings: KalmanSettings) -> Float64:
    """The standard deviation of measurements, m per axis, of what has ``sigma``; where that is NaN, the setting."""
    noise = np.asarray(sigma, np.float64) * settings.noise_per_sigma
    return np.where(np.isfinite(noise), np.fmax(noise, _LEAST_NOISE_M), settings.noise_m)
