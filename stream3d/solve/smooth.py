"""Smoothing of 3D skeletons over time, person by person, with true time steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from stream3d.errors import LayoutError, SettingsError
from stream3d.kernels import kalman_bank, one_euro
from stream3d.solve.filters import Filters
from stream3d.solve.kalman import KalmanFilters
from stream3d.solve.one_euro import OneEuroFilters
from stream3d.solve.settings import KalmanSettings, SmoothSettings
from stream3d.values import Poses3D

SMOOTHERS = ("one-euro", "kalman", "none")


def make_smoother(
    name: str, settings: SmoothSettings | None = None, kalman: KalmanSettings | None = None
) -> Callable[[Poses3D], Poses3D]:
    """The smoother called ``name``, warm: ``one-euro``, ``kalman``, or ``none``, which hands everything through.

    ``settings`` are of the first, ``kalman`` of the second.

    Raises:
        SettingsError: there is no smoother of that name.
    """
    if name in ("one-euro", "kalman"):
        smoother = Smoother((settings or SmoothSettings()) if name == "one-euro" else (kalman or KalmanSettings()))
        smoother.warm()
        return smoother
    if name == "none":
        return _unchanged
    raise SettingsError(f"unknown smoother {name!r}; known are {', '.join(SMOOTHERS)}")


def _unchanged(poses: Poses3D) -> Poses3D:
    return poses


class Smoother:
    """Smoothing of skeletons, One-Euro or Kalman as the settings are; keeps the past of every (source, person).

    The pelvis and the joints relative to it are filtered apart, and the pelvis apart along and across the line of
    sight: its depth is the noisiest number there is, and smoothing it hard this way never moves the skeleton off its
    picture. Call it with the frames of a source in the order of their times. A person without a pelvis is handed
    through.
    """

    def __init__(self, settings: SmoothSettings | KalmanSettings) -> None:
        self._settings = settings
        self._sources: dict[str, Filters] = {}

    def warm(self) -> None:
        """Compile the kernel before the first frame."""
        (one_euro if isinstance(self._settings, SmoothSettings) else kalman_bank).warm()

    def __call__(self, poses: Poses3D) -> Poses3D:
        """The same people with smoothed ``joints``; all else is handed through.

        Raises:
            LayoutError: the layout has no pelvis.
        """
        if "pelvis" not in poses.layout.names:
            raise LayoutError(f"smoothing needs a pelvis, which {poses.layout.name} does not have")
        people = self._sources.get(poses.source_id)
        if people is None or people.joints != poses.layout.size:
            people = self._sources[poses.source_id] = self._filters(poses.layout.size)
        rows = people.rows(poses.person, poses.pts)
        if len(rows) == 0:
            return poses
        joints = np.asarray(poses.joints, np.float64)
        pelvis = joints[:, poses.layout.names.index("pelvis")]
        smooth = people.relative(rows, joints - pelvis[:, None], poses.sigma, poses.pts)
        smooth += people.pelvis(rows, pelvis, poses.pts)[:, None]
        known = np.isfinite(pelvis.sum(axis=1))[:, None, None]
        return replace(poses, joints=np.where(known, smooth, joints).astype(np.float32))

    def _filters(self, joints: int) -> Filters:
        if isinstance(self._settings, SmoothSettings):
            return OneEuroFilters(joints, self._settings)
        return KalmanFilters(joints, self._settings)
