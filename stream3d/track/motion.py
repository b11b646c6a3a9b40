"""Prediction with uncertainty: regions and keypoints that move on at their speed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stream3d.kernels import motion as kernels

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]


class Motions:
    """Kalman filters of people's regions and of their keypoints as a group, whose speeds drift, with true time steps.

    A row for everybody: ``values`` and ``speeds`` float64 [N, 2 + J, 2]: centre; logarithm of the side, rotation;
    keypoints. ``times`` float64 [N] are when they were last seen, seconds. How hard speeds are driven follows how large
    the errors were lately, so that what stands still is steady and what moves is followed (Bar-Shalom, Li, Kirubarajan:
    Estimation with Applications to Tracking and Navigation, 2001, sections 6.2 and 11.6: white noise acceleration,
    adjusted).
    """

    __slots__ = ("speeds", "states", "times", "values")

    def __init__(self) -> None:
        self.values, self.speeds = np.zeros((0, 2, 2)), np.zeros((0, 2, 2))
        self.states, self.times = np.zeros((0, 4, 4)), np.zeros(0)

    def __len__(self) -> int:
        return len(self.values)

    @property
    def filters(self) -> kernels.Motion:
        """As the kernels take them."""
        return self.values, self.speeds, self.states

    def add(self, regions: Float32, keypoints: Float32, pts: float) -> None:
        """Begin to follow the poses [P, J, 3] of regions [P, 4]."""
        values, states = _begun(regions, keypoints)
        speeds = np.zeros_like(values)
        if len(self):  # before the first newcomer nobody knows how many joints there are
            values, speeds = np.concatenate([self.values, values]), np.concatenate([self.speeds, speeds])
            states = np.concatenate([self.states, states])
        self.values, self.speeds, self.states = values, speeds, states
        self.times = np.append(self.times, np.full(len(regions), pts))

    def restart(self, row: int, region: Float32, keypoints: Float32, pts: float) -> None:
        """Begin anew with somebody: the past says nothing any more."""
        values, states = _begun(region[None], keypoints[None])
        self.values[row], self.speeds[row], self.states[row], self.times[row] = values[0], 0.0, states[0], pts

    def keep(self, rows: Int64) -> None:
        """Keep only these, in this order."""
        self.values, self.speeds, self.states = self.values[rows], self.speeds[rows], self.states[rows]
        self.times = self.times[rows]

    def regions(self, rows: Int64 | list[int]) -> list[list[float]]:
        """The regions of ``rows`` [P] when last seen."""
        regions = self.values[rows, :2].reshape(-1, 4)
        regions[:, 2] = np.exp(regions[:, 2])
        said: list[list[float]] = regions.tolist()
        return said

    def expected(self, pts: float) -> Float64:
        """The regions [N, 4] at another time."""
        return kernels.expected(self.filters, self.times, pts)

    def correct(self, rows: Int64, regions: Float32, keypoints: Float32, pts: float, crowded: Bool) -> None:
        """Take the poses [P, J, 3] of regions [P, 4] that ``rows`` [P] were seen in at ``pts``.

        ``crowded`` [P] says that it may be another's: then it counts less, and no leap is believed.
        """
        kernels.correct(self.filters, self.times, rows, (regions, keypoints), pts, crowded)


def _begun(regions: Float32, keypoints: Float32) -> tuple[Float64, Float64]:
    """Values [P, 2 + J, 2] and states [P, 4, 4] of newcomers."""
    values = np.empty((len(regions), 2 + keypoints.shape[1], 2))
    values[:, 0] = regions[:, :2]
    values[:, 1, 0], values[:, 1, 1] = np.log(regions[:, 2].astype(np.float64)), regions[:, 3]
    values[:, 2:] = keypoints[..., :2]
    scale = np.where(kernels.BY_SIDE, regions[:, 2:3].astype(np.float64), 1.0)
    states = np.zeros((len(regions), 4, 4))
    states[:, :, kernels.PLACE] = (kernels.NOISES * scale) ** 2
    states[:, :, kernels.SWAY] = (kernels.SPEEDS * scale) ** 2
    states[:, :, kernels.STIR] = 1.0
    return values, states
