"""The floor: how high it is, its grid, and the camera that stands above it."""

from __future__ import annotations

import math
from collections import deque

import numpy as np

from stream3d.sinks.viewer.palette import BACKGROUND, CAMERA, FLOOR, GRID
from stream3d.sinks.viewer.shapes import Floats, Mesh, Tubes, repeat_triangles
from stream3d.skeleton import Layout

ANKLE_HEIGHT_M = 0.08
"""How high the ankle joint is above the sole."""

REACH_M = 9
"""The floor fades into the background at this distance from its centre."""

_LINE_M = 0.012


class FloorHeight:
    """The height of the floor from the feet seen so far: a slow, robust low.

    The 5th percentile of people's lower ankles over the last ``window`` samples, followed with a time constant of one
    second of media time; the first second is followed at once. Display space, metres.
    """

    def __init__(self, *, window: int = 300, time_constant_s: float = 1.0):
        self._lows: deque[float] = deque(maxlen=window)
        self._time_constant_s = time_constant_s
        self._last_pts: float | None = None
        self._first_pts: float | None = None
        self.y: float | None = None

    def update(self, joints: Floats, layout: Layout, pts: float) -> float | None:
        """The floor's height after the people of one frame, ``joints`` [P, J, 3]; None until a foot was seen."""
        ankles = [i for i, name in enumerate(layout.names) if name.endswith("_ankle")]
        if len(joints) and ankles:
            low = joints[:, ankles, 1].min(-1)
            self._lows.extend(float(y) - ANKLE_HEIGHT_M for y in low[np.isfinite(low)])
        if not self._lows:
            return None
        target = float(np.percentile(self._lows, 5.0))
        step = 0.0 if self._last_pts is None else max(pts - self._last_pts, 0.0)
        self._first_pts = pts if self._first_pts is None else self._first_pts
        settled = pts - self._first_pts > self._time_constant_s
        gain = 1.0 - math.exp(-step / self._time_constant_s) if settled else 1.0
        self._last_pts = pts
        self.y = target if self.y is None else self.y + gain * (target - self.y)
        return self.y


def floor_mesh() -> Mesh:
    """A floor of one-metre tiles with a grid, fading into the background, around the origin at height 0."""
    side = 2 * REACH_M * 2
    corner = np.linspace(-REACH_M, REACH_M, side + 1)
    x, z = np.meshgrid(corner, corner, indexing="ij")
    tiles = Mesh(vertices=_flat(x, z, 0.0), colours=_fade(FLOOR, x, z), triangles=_tile_triangles(side))
    lines = [_line(float(at), along) for at in range(-REACH_M, REACH_M + 1) for along in (0, 2)]
    return Mesh.join([tiles, *lines])


def _flat(x: Floats, z: Floats, y: float) -> Floats:
    return np.stack([x, np.full_like(x, y), z], -1).reshape(-1, 3)


def _fade(colour: Floats, x: Floats, z: Floats) -> Floats:
    near = np.clip(1.0 - np.hypot(x, z) / REACH_M, 0.0, 1.0).reshape(-1, 1)
    smooth = near * near * (3.0 - 2.0 * near)
    return np.asarray(BACKGROUND + smooth * (colour - BACKGROUND))


def _tile_triangles(side: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
    row, column = np.meshgrid(np.arange(side), np.arange(side), indexing="ij")
    a = row * (side + 1) + column
    quads = np.stack([a, a + 1, a + side + 2, a, a + side + 2, a + side + 1], -1)
    return quads.reshape(-1, 3).astype(np.int32)


def _line(at: float, along: int) -> Mesh:
    """The grid line at ``at`` metres along axis ``along`` (0 = x, 2 = z), a little above floor and shadows."""
    run = np.linspace(-REACH_M, REACH_M, 4 * REACH_M + 1)
    edges = np.repeat(run, 2), np.tile([at - _LINE_M / 2, at + _LINE_M / 2], len(run))
    x, z = edges if along == 0 else edges[::-1]
    quad = np.array([[0, 1, 3], [0, 3, 2]] if along == 0 else [[0, 3, 1], [0, 2, 3]], np.int32)
    triangles = repeat_triangles(quad, 2, len(run) - 1)
    return Mesh(vertices=_flat(x, z, 0.004), colours=_fade(GRID, x, z), triangles=triangles)


def frustum_mesh(half_width: float, half_height: float, *, depth_m: float = 0.45) -> Mesh:
    """The camera at the origin that looks along -z: a pyramid of thin tubes and a mark on its upper side.

    ``half_width`` and ``half_height`` are the tangents of half its field of view.
    """
    x, y = half_width * depth_m, half_height * depth_m
    eye, corners = np.zeros((1, 3)), np.array([[-x, -y, 0], [x, -y, 0], [x, y, 0], [-x, y, 0]]) - [0, 0, depth_m]
    mark = np.array([[-0.4 * x, 1.15 * y, -depth_m], [0, 1.6 * y, -depth_m], [0.4 * x, 1.15 * y, -depth_m]])
    starts = np.concatenate([np.repeat(eye, 4, 0), corners, mark])
    ends = np.concatenate([corners, np.roll(corners, -1, 0), np.roll(mark, -1, 0)])
    tubes = Tubes(sides=6)
    vertices, _ = tubes.place(starts, ends, np.full(len(starts), 0.006))
    colours = np.broadcast_to(CAMERA, (vertices.size // 3, 3)).copy()
    return Mesh(vertices=vertices.reshape(-1, 3), colours=colours, triangles=tubes.triangles(len(starts)))
