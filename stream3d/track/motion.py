"""Prediction with uncertainty: regions and keypoints that move on at their speed."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from stream3d.kernels.following import correct

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

CENTRE, SIZE, TURN, POINTS = range(4)  # what is predicted together
# How hard the speed is driven (a second's standard deviation of its change), and the standard deviations of what the
# net says and of a newcomer's speed. Centre and points in sides of the region, size as its logarithm, turn in radians.
_DRIVES = np.array([3.0, 1.0, 4.0, 6.0])
_NOISES = np.array([0.012, 0.03, 0.04, 0.015])
_SPEEDS = np.array([0.8, 0.3, 0.5, 1.5])
_BY_SIDE = np.array([True, False, False, True])
_STRAIGHT_S = 0.25  # nobody is expected to go straight on for much longer than this
_LEAP = 9.0  # squared error over its variance at which the motion itself must have changed
_CALM, _STIR = 0.15, 0.3  # share of the drive left to something calm; weight of a new error


class Motion:
    """Kalman filters of a region and of the keypoints as a group, whose speeds drift, with true time steps.

    ``values`` and ``speeds`` float64 [2 + J, 2]: centre; logarithm of the side, rotation; keypoints. How hard speeds
    are driven follows how large the errors were lately, so that what stands still is steady and what moves is followed
    (Bar-Shalom, Li, Kirubarajan: Estimation with Applications to Tracking and Navigation, 2001, sections 6.2 and 11.6:
    white noise acceleration, adjusted).
    """

    __slots__ = ("_states", "speeds", "values")

    def __init__(self, region: Float32, points: Float32) -> None:
        self.values = _packed(region, points)
        self.speeds = np.zeros_like(self.values)
        scale = np.where(_BY_SIDE, float(region[2]), 1.0)
        zero = np.zeros(4)
        self._states = np.stack([(_NOISES * scale) ** 2, zero, (_SPEEDS * scale) ** 2, zero + 1.0], 1)

    def ahead(self, step_s: float) -> Float64:
        """The values expected a time later."""
        return self.values + self.speeds * reach(step_s)

    def spread(self, step_s: float, side: float, group: int) -> float:
        """The variance of what is expected of a group a time later: squared sides for CENTRE and POINTS."""
        place, tie, sway, _ = self._states[group].tolist()
        scale = side if _BY_SIDE[group] else 1.0
        drive = float(_DRIVES[group]) * step_s * step_s / 2
        return float((place + step_s * (2 * tie + step_s * sway)) / (scale * scale) + drive * drive)

    def correct(self, region: Float32, points: Float32, step_s: float, *, side: float, crowded: bool) -> None:
        """Take what was seen ``step_s`` > 0 later.

        ``crowded`` says that it may be another's: then it counts less, and no leap is believed.
        """
        seen = _packed(region, points)
        ahead = self.values[1, 1] + self.speeds[1, 1] * reach(step_s)
        seen[1, 1] = ahead + math.remainder(seen[1, 1] - ahead, 2 * math.pi)
        scale = np.where(_BY_SIDE, side, 1.0)
        noises = np.stack([_DRIVES * scale, _NOISES * scale * (2.0 if crowded else 1.0)], 1)
        habits = (_CALM, _STIR, math.inf if crowded else _LEAP)
        correct((self.values, self.speeds, self._states), seen, (step_s, reach(step_s)), noises, habits)


def _packed(region: Float32, points: Float32) -> Float64:
    out = np.empty((2 + len(points), 2))
    x, y, side, turn = region.tolist()
    out[0, 0], out[0, 1], out[1, 0], out[1, 1] = x, y, math.log(side), turn
    out[2:] = points
    return out


def reach(step_s: float) -> float:
    """For how many seconds of going straight on a time ahead counts."""
    if step_s <= _STRAIGHT_S:
        return step_s
    return _STRAIGHT_S + _STRAIGHT_S * (1 - math.exp(1 - step_s / _STRAIGHT_S))
