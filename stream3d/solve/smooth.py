"""Smoothing of 3D skeletons over time, person by person, with true time steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from stream3d.errors import LayoutError, SettingsError
from stream3d.kernels.one_euro import Int64, OneEuroBank, warm
from stream3d.solve.rows import Rows
from stream3d.solve.settings import SmoothSettings
from stream3d.values import Poses3D

SMOOTHERS = ("one-euro", "none")

# Nearer than this the line of sight is no longer a useful axis; the pelvis is then filtered across it in metres.
_NEAREST_M = 0.1


def make_smoother(name: str, settings: SmoothSettings | None = None) -> Callable[[Poses3D], Poses3D]:
    """The smoother called ``name``, warm: ``one-euro``, or ``none``, which hands everything through.

    Raises:
        SettingsError: there is no smoother of that name.
    """
    if name == "one-euro":
        smoother = Smoother(settings or SmoothSettings())
        smoother.warm()
        return smoother
    if name == "none":
        return _unchanged
    raise SettingsError(f"unknown smoother {name!r}; known are {', '.join(SMOOTHERS)}")


def _unchanged(poses: Poses3D) -> Poses3D:
    return poses


class Smoother:
    """One-Euro smoothing of skeletons; keeps the past of every (source, person).

    The pelvis and the joints relative to it are filtered apart, and the pelvis apart along and across the line of
    sight: its depth is the noisiest number there is, and smoothing it hard this way never moves the skeleton off its
    picture. Call it with the frames of a source in the order of their times. A person without a pelvis is handed
    through.
    """

    def __init__(self, settings: SmoothSettings) -> None:
        self._settings = settings
        self._sources: dict[str, _People] = {}

    def warm(self) -> None:
        """Compile the kernel before the first frame."""
        warm()

    def __call__(self, poses: Poses3D) -> Poses3D:
        """The same people with smoothed ``joints``; all else is handed through.

        Raises:
            LayoutError: the layout has no pelvis.
        """
        if "pelvis" not in poses.layout.names:
            raise LayoutError(f"smoothing needs a pelvis, which {poses.layout.name} does not have")
        people = self._sources.get(poses.source_id)
        if people is None or people.joints != poses.layout.size:
            people = self._sources[poses.source_id] = _People(poses.layout.size, self._settings)
        rows = people.rows(poses.person, poses.pts)
        if len(rows) == 0:
            return poses
        joints = np.asarray(poses.joints, np.float64)
        pelvis = joints[:, poses.layout.names.index("pelvis")]
        smooth = people.relative(rows, joints - pelvis[:, None], poses.pts)
        smooth += people.pelvis(rows, pelvis, poses.pts)[:, None]
        known = np.isfinite(pelvis.sum(axis=1))[:, None, None]
        return replace(poses, joints=np.where(known, smooth, joints).astype(np.float32))


class _People:
    """The filters of one source, and which of their rows belongs to whom."""

    def __init__(self, joints: int, settings: SmoothSettings) -> None:
        self.joints = joints
        self._settings = settings
        speed, gap_s = settings.speed_cutoff_hz, settings.max_gap_s
        self._relative = OneEuroBank(points=joints, axes=3, speed_cutoff_hz=speed, max_gap_s=gap_s)
        self._direction = OneEuroBank(points=1, axes=2, speed_cutoff_hz=speed, max_gap_s=gap_s)
        self._depth = OneEuroBank(points=1, axes=1, speed_cutoff_hz=settings.depth_speed_cutoff_hz, max_gap_s=gap_s)
        self.rows = Rows([self._relative, self._direction, self._depth], gap_s)

    def relative(self, rows: Int64, joints: npt.NDArray[np.float64], time_s: float) -> npt.NDArray[np.float64]:
        """Joints [P, J, 3] relative to the pelvis, filtered."""
        low, rise = self._settings.min_cutoff_hz, self._settings.beta_hz_per_mps
        return self._relative(rows, joints, time_s=time_s, min_cutoff_hz=low, beta=rise)

    def pelvis(self, rows: Int64, pelvis: npt.NDArray[np.float64], time_s: float) -> npt.NDArray[np.float64]:
        """The pelvis [P, 3] in camera space, filtered as direction and depth."""
        settings = self._settings
        depth = self._depth(
            rows,
            pelvis[:, None, 2:],
            time_s=time_s,
            min_cutoff_hz=settings.depth_min_cutoff_hz,
            beta=settings.depth_beta_hz_per_mps,
        )[:, 0]
        scale = np.fmax(pelvis[:, 2:], _NEAREST_M)  # turns a direction into metres across the line of sight
        across = self._direction(
            rows,
            (pelvis[:, :2] / scale)[:, None],
            time_s=time_s,
            min_cutoff_hz=settings.min_cutoff_hz,
            beta=settings.beta_hz_per_mps * np.fmax(depth, _NEAREST_M),
        )[:, 0]
        return np.concatenate((across * np.fmax(depth, _NEAREST_M), depth), axis=1)
