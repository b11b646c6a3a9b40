"""The scene: skeletons with shadows on a floor, and the camera that saw them.

The view shows y up: display space is camera space turned half around its x axis, (x, -y, -z), metres. The camera is at
the origin and looks along -z.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from stream3d.sinks.viewer.figure import Figures, shadow_of
from stream3d.sinks.viewer.follow import VIEW_FROM, Follow
from stream3d.sinks.viewer.ground import FloorHeight, floor_mesh, frustum_mesh
from stream3d.sinks.viewer.shapes import Floats
from stream3d.sinks.viewer.window import Window
from stream3d.sinks.viewer.wire import Shot
from stream3d.skeleton import Layout

DISPLAY_FROM_CAMERA = np.array([1.0, -1.0, -1.0])
"""Factors [3] that turn camera space into display space."""

_SHADOW_LIFT_M = 0.002


class Scene:
    """Keeps the meshes of a window in step with the frames it is shown."""

    def __init__(self, window: Window, *, floor_y: float | None = None):
        self.window = window
        self._height = FloorHeight()
        self._floor_y = floor_y
        self._floor = floor_mesh()
        self._floor_at = np.zeros(3)
        self._figures: dict[str, Figures] = {}
        self._drawn = (-1, "")
        self._half_view = (0.0, 0.0)
        self._bodies: Floats | None = None
        self._view = Follow(window)
        window.add("floor", self._floor, stage=True)
        for name in ("people", "shadows", "camera"):
            window.add(name)
        window.look_at(np.array([0.0, -0.3, -3.5]), towards=VIEW_FROM, distance_m=6.0)

    def show(self, shot: Shot) -> None:
        """Show the people of one frame instead of those before."""
        joints = shot.joints.astype(np.float64) * DISPLAY_FROM_CAMERA
        self._move_floor(joints, shot)
        self._show_people(joints, shot)
        if shot.half_view != self._half_view:
            self._half_view = shot.half_view
            self.window.update("camera", frustum_mesh(*shot.half_view) if all(shot.half_view) else None)

    def _show_people(self, joints: Floats, shot: Shot) -> None:
        key = (len(joints), shot.layout.name)
        same, self._drawn = key == self._drawn, key
        if not len(joints):
            self.window.update("people", None)
            self.window.update("shadows", None)
            return
        mesh = self._figure(shot.layout).mesh(joints, shot.sigma.astype(np.float64), shot.person)
        self.window.update("people", mesh, keep_triangles=same)
        self.window.update("shadows", shadow_of(mesh, self._floor_at[1] + _SHADOW_LIFT_M), keep_triangles=same)

    def _figure(self, layout: Layout) -> Figures:
        return self._figures.setdefault(layout.name, Figures(layout))

    def _move_floor(self, joints: Floats, shot: Shot) -> None:
        """Keep the floor under the feet, and its middle near the people by whole tiles, so the grid stands still."""
        y = self._floor_y if self._floor_y is not None else self._height.update(joints, shot.layout, shot.pts)
        bodies = joints.reshape(-1, 3)[np.isfinite(joints).all(-1).ravel()]
        if y is None or not len(bodies):
            return
        first, self._bodies = self._bodies is None, bodies
        self._place_floor(np.median(bodies, 0), y)
        if first:
            self.frame(bodies)
        elif self._floor_y is None:  # live: nobody knows where they will go
            self._view.update(bodies, shot.pts)

    def _place_floor(self, near: Floats, y: float) -> None:
        at = self._floor_at.copy()
        if np.abs(near - at)[[0, 2]].max() > 1.5:
            at[[0, 2]] = np.round(near[[0, 2]])
        if abs(y - at[1]) > 0.002:
            at[1] = y
        if not np.array_equal(at, self._floor_at):
            self._floor_at = at
            moved = dataclasses.replace(self._floor, vertices=self._floor.vertices + at)
            self.window.update("floor", moved, keep_triangles=True)

    def frame(self, points: Floats) -> None:
        """Look at ``points`` [N, 3], display space, from as near as shows them all."""
        self._view.frame(points)

    def reset_view(self) -> None:
        """Look at where the people are now, and follow them again."""
        if self._bodies is not None:
            self.frame(self._bodies)
