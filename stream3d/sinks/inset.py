"""A small 3D view in a corner of the picture: floor grid, skeletons sorted by depth, seen from the side and above."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from stream3d.sinks.draw import DARK, SHIFT, SIDE_COLOURS, Colour, Pen, bones_of, fixed, person_colour, put_label
from stream3d.sinks.people import People
from stream3d.skeleton import Layout
from stream3d.values import UInt8

Floats = npt.NDArray[np.float64]

_YAW, _ELEVATION = math.radians(38.0), math.radians(18.0)
_GRID: Colour = (70, 83, 106)
_INK: Colour = (138, 155, 181)
_SHADOW: Colour = (9, 11, 15)
_AIM_HEIGHT_M = 0.8
_RADIUS_M = (1.1, 12.0)
_SETTLE_S = 0.6  # time constant of the view: it follows people, it does not shake with them
_STEPS_M = (0.5, 1.0, 2.0, 5.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """Where the inset looks: ``centre`` float64 [3] metres, camera space, on the floor; ``radius`` metres in sight."""

    centre: Floats
    radius: float

    def project(self, points: Floats, size: tuple[int, int]) -> tuple[Floats, Floats]:
        """Camera-space points [..., 3] as pixels [..., 2] of a panel (width, height), and their depth [...] metres."""
        p = points - self.centre
        side = p[..., 0] * math.cos(_YAW) + p[..., 2] * math.sin(_YAW)
        away = p[..., 2] * math.cos(_YAW) - p[..., 0] * math.sin(_YAW)
        height = -p[..., 1] - _AIM_HEIGHT_M
        up = height * math.cos(_ELEVATION) + away * math.sin(_ELEVATION)
        distance = 4.5 * self.radius
        depth = np.maximum(distance + away * math.cos(_ELEVATION) - height * math.sin(_ELEVATION), 0.1 * distance)
        scale = 0.46 * min(size) * distance / self.radius / depth
        return np.stack([size[0] / 2 + side * scale, size[1] / 2 - up * scale], -1), depth


class Inset:
    """Draws the view and lets it settle on the people over media time."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._view: View | None = None
        self._seconds = 0.0
        self._paper = np.zeros((0, 0, 3), np.uint8)

    def draw(self, canvas: UInt8, people: People, seconds: float) -> None:
        """Draw into the lower right corner of the canvas; a picture too small for it is left alone."""
        height, width = canvas.shape[:2]
        side = min(round(0.42 * height), round(0.34 * width)) if width >= height else round(0.4 * width)
        if side < 64:
            return
        gap = max(2, side // 32)
        panel = canvas[height - side - gap : height - gap, width - side - gap : width - gap]
        if self._paper.shape != panel.shape:
            self._paper = np.full_like(panel, DARK)
        cv2.addWeighted(panel, 0.12, self._paper, 0.88, 0.0, dst=panel)
        cv2.rectangle(panel, (0, 0), (side - 1, side - 1), _GRID, 1)
        known = [i for i in range(len(people.person)) if np.isfinite(people.joints[i]).all(-1).sum() >= 2]
        self._settle(people.joints[known].astype(np.float64), seconds)
        if self._view is None:
            return
        step = _draw_grid(panel, self._view)
        for i in known:
            _draw_shadow(panel, self._view, people.joints[i].astype(np.float64), person_colour(int(people.person[i])))
        _draw_bones(panel, self._view, people.joints[known].astype(np.float64), self._layout)
        pen = Pen.for_height(2 * side)
        put_label(panel, f"grid {step:g} m", (1, side - 1), ink=_INK, paper=DARK, pen=pen)

    def _settle(self, joints: Floats, seconds: float) -> None:
        """Move the view towards the people; with nobody there it stays."""
        if not len(joints):
            return
        wanted = _view_of(joints)
        if self._view is not None:
            share = 1.0 - math.exp(-max(0.0, seconds - self._seconds) / _SETTLE_S)
            centre = self._view.centre + share * (wanted.centre - self._view.centre)
            wanted = View(centre=centre, radius=self._view.radius + share * (wanted.radius - self._view.radius))
        self._view, self._seconds = wanted, seconds


def _view_of(joints: Floats) -> View:
    """The view that shows joints [P, J, 3] with the floor under the feet of the median person."""
    low, high = np.nanmin(joints, axis=1), np.nanmax(joints, axis=1)
    middle = (low + high) / 2
    centre = np.array([middle[:, 0].min() + middle[:, 0].max(), 0.0, middle[:, 2].min() + middle[:, 2].max()]) / 2
    centre[1] = np.median(high[:, 1])
    reach = np.linalg.norm((middle - centre)[:, [0, 2]], axis=-1).max() + 0.5
    return View(centre=centre, radius=float(np.clip(reach, *_RADIUS_M)))


def _draw_grid(panel: UInt8, view: View) -> float:
    """Floor lines that stand still in the room while the view moves; returns their spacing in metres."""
    size = panel.shape[1], panel.shape[0]
    step = next((s for s in _STEPS_M if view.radius / s <= 5), _STEPS_M[-1])
    count = math.ceil(1.3 * view.radius / step)
    x, z = (round(view.centre[axis] / step) * step + step * np.arange(-count, count + 1) for axis in (0, 2))
    floor = view.centre[1]
    across = [[(x[0], floor, v), (x[-1], floor, v)] for v in z]
    along = [[(v, floor, z[0]), (v, floor, z[-1])] for v in x]
    pixels, _ = view.project(np.array([*across, *along]), size)
    cv2.polylines(panel, list(fixed(pixels, panel)), False, _GRID, 1, cv2.LINE_AA, SHIFT)
    return step


def _draw_shadow(panel: UInt8, view: View, joints: Floats, colour: Colour) -> None:
    """A disc on the floor under the person, ringed in the person's colour."""
    turn = np.linspace(0, 2 * np.pi, 20, endpoint=False)
    middle = np.nanmean(joints, axis=0)
    ring = np.stack([middle[0] + 0.3 * np.cos(turn), np.full(20, view.centre[1]), middle[2] + 0.3 * np.sin(turn)], -1)
    pixels, _ = view.project(ring, (panel.shape[1], panel.shape[0]))
    cv2.fillPoly(panel, [fixed(pixels, panel)], _SHADOW, cv2.LINE_AA, SHIFT)
    cv2.polylines(panel, [fixed(pixels, panel)], True, colour, 2, cv2.LINE_AA, SHIFT)


def _draw_bones(panel: UInt8, view: View, joints: Floats, layout: Layout) -> None:
    """All bones of all people [P, J, 3], the farthest first, the near ones brighter and thicker."""
    bones = bones_of(layout)
    pixels, depth = view.project(joints, (panel.shape[1], panel.shape[0]))
    ends = pixels[:, bones.pairs]
    known = np.asarray(np.isfinite(ends).all((-1, -2)))
    far = depth[:, bones.pairs].mean(-1)
    near = np.clip(1.25 - 0.6 * (far / (4.5 * view.radius) - 0.6), 0.7, 1.0)
    base = 0.075 * 0.46 * min(panel.shape[:2]) / view.radius  # a limb is 7.5 cm thick
    segments = fixed(np.where(known[..., None, None], ends, 0), panel)
    order = sorted(np.argwhere(known).tolist(), key=lambda bone: -far[bone[0], bone[1]])
    for p, b in order:
        thick = max(2, round(base * 4.5 * view.radius / far[p, b]))
        r, g, b_ = (round(channel * near[p, b]) for channel in SIDE_COLOURS[bones.sides[b]])
        start, end = segments[p, b].tolist()
        if thick > 2:
            cv2.line(panel, start, end, DARK, thick + 2, cv2.LINE_AA, SHIFT)
        cv2.line(panel, start, end, (r, g, b_), thick, cv2.LINE_AA, SHIFT)
