"""Smoothing of 2D keypoints over time, as they are shown and saved; the lifter takes them as the net said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from stream3d.kernels.one_euro import OneEuroBank
from stream3d.solve.rows import Rows
from stream3d.values import Tracks2D

Float32 = npt.NDArray[np.float32]

_MIN_CUTOFF_HZ, _SPEED_CUTOFF_HZ = 0.5, 3.0  # of what stands still; of the speed
_BETA_HZ = 80.0  # more cut-off for every height of the person per second
_MAX_GAP_S = 2.0
_LEAST_PX = 8.0  # nobody is smaller than this


def make_keypoint_smoother(name: str) -> Callable[[Tracks2D], Tracks2D]:
    """The smoother of 2D keypoints that belongs to the smoother of 3D skeletons called ``name``: One-Euro or none."""
    return unchanged if name == "none" else KeypointSmoother()


def unchanged(tracks: Tracks2D) -> Tracks2D:
    """The same."""
    return tracks


class KeypointSmoother:
    """One-Euro smoothing of keypoints, whose cut-off rises with speed in heights of the person per second.

    Somebody still trembles less than half as much as the net does; what moves evenly lags by at most 0.2 % of the
    height (v / (2 pi beta v)). Keeps the past of every (source, person); call it with the frames of a source in the
    order of their times.
    """

    def __init__(self) -> None:
        self._sources: dict[str, tuple[OneEuroBank, Rows, int]] = {}

    def __call__(self, tracks: Tracks2D) -> Tracks2D:
        """The same people with smoothed x, y; scores and what was not seen are handed through."""
        joints = tracks.layout.size
        bank, rows, known = self._sources.get(tracks.source_id) or self._begin(tracks.source_id, joints)
        if known != joints:
            bank, rows, _ = self._begin(tracks.source_id, joints)
        chosen = rows(tracks.person, tracks.pts)
        if not len(tracks):
            return tracks
        places = tracks.keypoints[..., :2]
        rise = np.repeat((_BETA_HZ / _heights(places))[:, None], joints, axis=1)
        keypoints = tracks.keypoints.copy()
        keypoints[..., :2] = bank(chosen, places, time_s=tracks.pts, min_cutoff_hz=_MIN_CUTOFF_HZ, beta=rise)
        return replace(tracks, keypoints=keypoints)

    def _begin(self, source_id: str, joints: int) -> tuple[OneEuroBank, Rows, int]:
        bank = OneEuroBank(points=joints, axes=2, speed_cutoff_hz=_SPEED_CUTOFF_HZ, max_gap_s=_MAX_GAP_S)
        self._sources[source_id] = bank, Rows([bank], _MAX_GAP_S), joints
        return self._sources[source_id]


def _heights(places: Float32) -> npt.NDArray[np.float64]:
    """The greater extent [P] px of poses [P, J, 2]."""
    extent = np.fmax.reduce(places, axis=1) - np.fmin.reduce(places, axis=1)
    return np.asarray(np.fmax(extent.max(axis=1), _LEAST_PX), np.float64)
