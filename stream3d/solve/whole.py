"""Smoothing of one person's whole track, without lag."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

import numpy as np
import numpy.typing as npt

from stream3d.errors import SettingsError
from stream3d.kernels.one_euro import check_positive
from stream3d.kernels.zero_lag import both_ways, fitted
from stream3d.solve.filters import NEAREST_M, direction_of, place_of
from stream3d.solve.kalman import model_of, noise_of
from stream3d.solve.lowpass import butterworth_sections, polynomial_hat
from stream3d.solve.outliers import outliers
from stream3d.solve.series import Even, smooth_series
from stream3d.solve.settings import KalmanSettings

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
WHOLE = ("butterworth", "savgol", "none")


@dataclass(frozen=True, kw_only=True, slots=True)
class WholeSettings:
    """How finished tracks are smoothed; nothing lags, for the future of every frame is known.

    ``method`` is ``butterworth``, run forwards and backwards, that leaves half the power at ``cutoff_hz`` (at
    ``depth_cutoff_hz`` for the distance of the pelvis, which one camera sees worst) and whose ``order`` is that of both
    runs together; ``savgol``, a polynomial of ``degree`` fitted round every frame to ``window_s`` (``depth_window_s``)
    seconds; or ``none``. Order 4 at 6 Hz is the convention for human movement (Winter, Biomechanics and Motor Control
    of Human Movement).

    Gaps of at most ``fill_s`` between two frames in which a joint was seen are filled (0: none). Unless ``outliers`` is
    False, what ``gate`` rejects both forwards and backwards counts as unseen.

    Raises:
        SettingsError: a value out of its range.
    """

    method: Literal["butterworth", "savgol", "none"] = "butterworth"
    cutoff_hz: float = 6.0
    depth_cutoff_hz: float = 1.5
    order: int = 4
    window_s: float = 0.3
    depth_window_s: float = 0.8
    degree: int = 3
    fill_s: float = 0.2
    outliers: bool = True
    gate: KalmanSettings = field(default_factory=KalmanSettings)

    def __post_init__(self) -> None:
        if self.method not in WHOLE:
            raise SettingsError(f"unknown smoothing {self.method!r} of whole tracks; known are {', '.join(WHOLE)}")
        check_positive(
            cutoff_hz=self.cutoff_hz,
            depth_cutoff_hz=self.depth_cutoff_hz,
            window_s=self.window_s,
            depth_window_s=self.depth_window_s,
        )
        if not 0 <= self.fill_s < math.inf:
            raise SettingsError(f"fill_s must be 0 or more seconds, not {self.fill_s}")
        butterworth_sections(cutoff_hz=1.0, rate_hz=4.0, order=self.order)  # refuses a bad order
        polynomial_hat(self.degree + 1 + self.degree % 2, self.degree)  # and a bad degree

    def even(self, *, depth: bool = False) -> Even | None:
        """The filter of evenly sampled columns."""
        if self.method == "none":
            return None
        if self.method == "butterworth":
            cutoff_hz = self.depth_cutoff_hz if depth else self.cutoff_hz
            return partial(butterworth, cutoff_hz=cutoff_hz, order=self.order)
        return partial(savgol, window_s=self.depth_window_s if depth else self.window_s, degree=self.degree)


def butterworth(columns: Float64, rate_hz: float, *, cutoff_hz: float = 6.0, order: int = 4) -> Float64:
    """Even ``columns`` [N, C] through a Butterworth low-pass run forwards and backwards.

    Raises:
        SettingsError: the cut-off is not below half the rate.
    """
    sections = butterworth_sections(cutoff_hz=cutoff_hz, rate_hz=rate_hz, order=order)
    pad = max(3 * (2 * len(sections) + 1), math.ceil(rate_hz / cutoff_hz))  # what SciPy takes, or a period
    return np.asarray(both_ways(np.ascontiguousarray(columns), sections, min(pad, len(columns) - 1)))


def savgol(columns: Float64, rate_hz: float, *, window_s: float = 0.3, degree: int = 3) -> Float64:
    """Even ``columns`` [N, C], a polynomial fitted to the odd number of samples nearest to ``window_s`` round each."""
    window = max(2 * round((window_s * rate_hz - 1) / 2) + 1, degree + 1 + degree % 2)
    window = min(window, len(columns) - 1 + len(columns) % 2)
    if window <= degree:
        return columns
    return np.asarray(fitted(np.ascontiguousarray(columns), polynomial_hat(window, degree)))


def smooth_whole(
    times: Float64,
    joints: Float32,
    sigma: Float32,
    *,
    pelvis: int,
    settings: WholeSettings,
    usual_s: float | None = None,
) -> tuple[Float64, int]:
    """The ``joints`` [T, J, 3] m of one person at rising ``times`` [T] s, smoothed, and how many were outliers.

    As the smoothers of live streams do, it filters the pelvis apart along and across the line of sight, and the joints
    relative to it. NaN is unseen; ``sigma`` [T, J] m, NaN where unknown, is for the gate; ``usual_s`` is the step
    between frames where it is known, else the median of ``times``. A frame whose pelvis is unknown and cannot be filled
    is handed through.
    """
    given = joints.astype(np.float64)
    root, gate = given[:, pelvis], settings.gate
    one, near = np.ones(len(times)), 1.0 / np.fmax(root[:, 2], NEAREST_M)
    signal = partial(_signal, times, settings=settings, usual_s=usual_s)
    far_noise, side_noise = np.full((len(times), 1), gate.depth_noise_m), (gate.pelvis_noise_m * near)[:, None]
    depth, far = signal(root[:, None, 2:], (far_noise, one), drift=gate.depth_drift_mps2)
    across, aside = signal(direction_of(root)[:, None], (side_noise, near))
    relative, off = signal(given - root[:, None], (noise_of(sigma, gate), one))
    smooth = relative + place_of(across[:, 0], depth[:, 0])[:, None]
    lost = np.isnan(root.sum(axis=1))[:, None, None] & np.isnan(smooth)
    return np.where(lost, given, smooth), far + aside + off


def _signal(
    times: Float64,
    values: Float64,
    spread: tuple[Float64, Float64],
    *,
    settings: WholeSettings,
    usual_s: float | None,
    drift: float | None = None,
) -> tuple[Float64, int]:
    """``values`` [T, P, A] gated, filled and smoothed, and how many outliers there were; ``spread``: noise, scale.

    ``drift`` is given for depth alone.
    """
    values, found = values.copy(), 0
    if settings.outliers:
        model = model_of(settings.gate, values.shape[2], drift=drift)
        wrong = outliers(times, values, noise=spread[0], scale=spread[1], model=model)
        values[wrong], found = np.nan, int(wrong.sum())
    even = settings.even(depth=drift is not None)
    return smooth_series(times, values, even=even, fill_s=settings.fill_s, usual_s=usual_s), found
