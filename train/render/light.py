"""Light for vertex colours: one large lamp, a bright ceiling, shadows of people on themselves and on the floor."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

_LAMP = np.array([-0.55, -0.80, 1.25])
TO_LAMP: Float64 = _LAMP / np.linalg.norm(_LAMP)
UP: Float64 = np.array([0.0, 0.0, 1.0])
_LAMP_COLOUR = np.array([1.00, 0.95, 0.87])
_CEILING = np.array([0.50, 0.52, 0.56])
_GROUND = np.array([0.25, 0.22, 0.19])
_CELL_M = 0.012
_BIAS_M = 0.03
_SPREAD_M = 1.2


def shaded(albedo: Float32, normals: Float32, open_sky: Float32, lit: Float32) -> Float64:
    """Colours float64 [N, 3], sRGB 0..1, of linear albedo [N, 3]; ``lit`` [N] is the share of the lamp that arrives."""
    facing = np.clip(normals @ TO_LAMP, 0.0, 1.0) * lit
    upward = 0.5 + 0.5 * normals[:, 2:3]
    around = (_GROUND + upward * (_CEILING - _GROUND)) * open_sky[:, None]
    bright = albedo * (around + facing[:, None] * _LAMP_COLOUR)
    return np.clip(bright, 0.0, 1.0) ** (1 / 2.2)


@dataclass(frozen=True, kw_only=True, slots=True)
class ShadowMap:
    """How high along ``toward`` the nearest-to-the-light surface stands in each cell of a plane across the light.

    ``height`` float64 [U, V] metres (-inf = nothing there); ``axes`` [2, 3] span the plane; ``corner`` [2] metres.
    """

    toward: Float64
    axes: Float64
    corner: Float64
    height: Float64

    def _cells(self, points: Float64, shift: tuple[int, int] = (0, 0)) -> tuple[npt.NDArray[np.int64], ...]:
        place = np.floor((points @ self.axes.T - self.corner) / _CELL_M).astype(np.int64) + shift
        return tuple(np.clip(place[:, i], 0, self.height.shape[i] - 1) for i in (0, 1))

    def on_bodies(self, points: Float32) -> Float32:
        """Share of light [N] that reaches points of the bodies that threw the map."""
        along = points @ self.toward + _BIAS_M
        taps = [(i, j) for i in (-3, -1, 1, 3) for j in (-3, -1, 1, 3)]
        free = sum((self.height[self._cells(points, tap)] < along).astype(np.float32) for tap in taps)
        return (free / len(taps)).astype(np.float32)

    def on_ground(self, points: Float64, sharp_m: float, soft_m: float) -> Float32:
        """Share of light [N] on points below: crisp next to the body, soft far behind it."""
        covered = np.isfinite(self.height)
        solid = covered.astype(np.float64)
        near, far = (gaussian_filter(solid, width / _CELL_M) for width in (sharp_m, soft_m))
        level = gaussian_filter(np.where(covered, self.height, 0.0), 3.0) / np.maximum(
            gaussian_filter(solid, 3.0), 1e-3
        )
        cells = self._cells(points)
        gap = np.clip((level[cells] - points @ self.toward) / _SPREAD_M, 0.0, 1.0)
        return (1.0 - (near[cells] + gap * (far[cells] - near[cells]))).astype(np.float32)


def shadow_map(vertices: Float32, toward: Float64, margin_m: float = 0.6) -> ShadowMap:
    """The map that vertices [N, 3] (a centimetre apart or less) throw away from the direction ``toward``."""
    side = np.cross(toward, (0.0, 1.0, 0.0))
    side /= np.linalg.norm(side)
    axes = np.stack([side, np.cross(toward, side)])
    flat = vertices @ axes.T
    corner = flat.min(0) - margin_m
    size = np.ceil((flat.max(0) + margin_m - corner) / _CELL_M).astype(int) + 1
    height = np.full(size, -np.inf)
    cells = ((flat - corner) / _CELL_M).astype(int)
    np.maximum.at(height, (cells[:, 0], cells[:, 1]), vertices @ toward)
    return ShadowMap(toward=toward, axes=axes, corner=corner, height=height)
