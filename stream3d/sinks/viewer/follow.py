"""Keeps live people in the picture, until the user takes the view into their own hands."""

from __future__ import annotations

import math

import numpy as np

from stream3d.sinks.viewer.shapes import Floats
from stream3d.sinks.viewer.timeline import Eye
from stream3d.sinks.viewer.window import FOV_DEG, Window

VIEW_FROM = np.array([0.55, 0.34, 1.0])
"""Where the user stands at first, seen from the people: a little to the side of the camera and above it."""

_FILL = 0.66
_NEAREST_M = 2.5
_EDGE = 0.97  # a joint beyond this share of the half picture is about to leave it
_SMALL = 0.4  # people lower than this share of the half picture have gone far away
_GLIDE_S = 0.6  # time constant of the view's own movement
_ARRIVED = 0.04  # share of the distance that is as good as there
_TOUCHED_M = 0.01  # an eye that is elsewhere than it was left has been moved by the user


class Follow:
    """Moves the view only when somebody leaves the picture or becomes tiny, and then glides until all fit again."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._centre = np.zeros(3)
        self._distance_m = 0.0
        self._left: Floats | None = None
        self._pts = 0.0
        self._gliding = False

    def frame(self, points: Floats) -> None:
        """Look at ``points`` [N, 3], display space, from as near as shows them all; from now on follow them."""
        self._centre, self._distance_m = fitting_view(points, self._window.size)
        self._look()

    def update(self, bodies: Floats, pts: float) -> None:
        """Follow the joints ``bodies`` [N, 3], display space, seen at ``pts`` seconds."""
        step, self._pts = min(max(pts - self._pts, 0.0), 0.2), pts
        eye = self._window.eye()
        if self._left is None or np.abs(eye.world_from_eye - self._left).max() > _TOUCHED_M:
            return
        self._gliding = self._gliding or _badly_seen(bodies, eye)
        if not self._gliding:
            return
        centre, distance_m = fitting_view(bodies, self._window.size)
        share = 1 - math.exp(-step / _GLIDE_S)
        self._centre = self._centre + share * (centre - self._centre)
        self._distance_m += share * (distance_m - self._distance_m)
        off = np.linalg.norm(centre - self._centre) + abs(distance_m - self._distance_m)
        self._gliding = bool(off > _ARRIVED * distance_m)
        self._look()

    def _look(self) -> None:
        self._window.look_at(self._centre, towards=VIEW_FROM, distance_m=self._distance_m)
        self._left = self._window.eye().world_from_eye


def _badly_seen(bodies: Floats, eye: Eye) -> bool:
    """Whether a joint is at the picture's edge or behind the user, or all are tiny."""
    seen = np.concatenate([bodies, np.ones((len(bodies), 1))], 1) @ np.linalg.inv(eye.world_from_eye).T
    if (seen[:, 2] < 0.1).any():
        return True
    flat = seen[:, :2] / seen[:, 2:3] / (eye.half_height * np.array([eye.aspect, 1.0]))
    return bool(np.abs(flat).max() > _EDGE or np.ptp(flat[:, 1]) < _SMALL)


def fitting_view(points: Floats, size: tuple[int, int]) -> tuple[Floats, float]:
    """What to look at, and from how far away, metres, so that a window of ``size`` shows all ``points`` [N, 3]."""
    centre = (points.min(0) + points.max(0)) / 2
    around = points - centre
    front = VIEW_FROM / np.linalg.norm(VIEW_FROM)
    right = np.array([front[2], 0.0, -front[0]]) / np.hypot(front[0], front[2])
    up = np.cross(front, right)
    tangent = math.tan(math.radians(FOV_DEG / 2))
    high = np.abs(around @ up) / (_FILL * tangent)
    wide = np.abs(around @ right) / (_FILL * tangent * size[0] / size[1])
    return centre, max(float((around @ front + np.maximum(high, wide)).max()), _NEAREST_M)
