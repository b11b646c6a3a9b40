"""Skeletons in metres, drawn flat from two sides with the overlay's own pens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from stream3d.sinks.draw import DARK, Pen, draw_skeleton, fixed, put_label
from stream3d.skeleton import H36M17

Float32 = npt.NDArray[np.float32]
UInt8 = npt.NDArray[np.uint8]

INK = (223, 229, 238)
_GRID = (44, 52, 66)
_TRUTH = (126, 134, 148)
_STEP_M = 0.5


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """What a panel shows: ``centre`` float [3] metres and ``radius`` metres of camera space."""

    centre: npt.NDArray[np.floating]
    radius: float

    def pixels(self, joints: Float32, axes: tuple[int, int], side: int) -> Float32:
        """Joints [..., J, 3] as pixels [..., J, 2] of a square panel; ``axes`` lie across and down."""
        flat = (joints - self.centre)[..., list(axes)]
        return np.asarray(side / 2 + flat * (side / 2 / self.radius), np.float32)


VIEWS = {"from the camera": (0, 1), "from the side, camera left": (2, 1)}


def draw_people(panel: UInt8, people: Sequence[Float32], window: Window, axes: tuple[int, int]) -> None:
    """Skeletons [17, 3] into a square panel, the farthest first."""
    side = panel.shape[0]
    depth = ({0, 1, 2} - set(axes)).pop()
    order = sorted(people, key=lambda joints: -float(joints[0, depth]))
    for joints in order:
        points = np.concatenate([window.pixels(joints, axes, side), np.ones((17, 1), np.float32)], -1)
        draw_skeleton(panel, points, H36M17, pen=Pen(line=3, text=0.4), min_score=0.0)


def draw_truth(panel: UInt8, joints: Float32, window: Window, axes: tuple[int, int]) -> None:
    """A broad grey skeleton [17, 3] to lie under another; bones with a NaN end are left out."""
    at = window.pixels(joints, axes, panel.shape[0])
    for bone in H36M17.bones:
        if np.isfinite(at[list(bone)]).all():
            start, end = fixed(at[list(bone)], panel).tolist()
            cv2.line(panel, start, end, _TRUTH, 8, cv2.LINE_AA, 4)


def blank(side: int, window: Window, axes: tuple[int, int], label: str) -> UInt8:
    """A square panel with a grid that stands still in camera space."""
    panel = np.full((side, side, 3), DARK, np.uint8)
    for k, axis in enumerate(axes):
        low, high = (window.centre[axis] + sign * window.radius for sign in (-1, 1))
        for line in np.arange(np.ceil(low / _STEP_M), high / _STEP_M) * _STEP_M:
            at = round(side / 2 + (line - window.centre[axis]) * side / 2 / window.radius)
            start, end = ((at, 0), (at, side)) if k == 0 else ((0, at), (side, at))
            cv2.line(panel, start, end, _GRID, 1)
    put_label(panel, label, (0, side), ink=INK, paper=DARK, pen=Pen(line=1, text=0.42))
    return panel


def title(panel: UInt8, text: str) -> None:
    """A label in the upper left corner."""
    put_label(panel, text, (0, 0), ink=DARK, paper=INK, pen=Pen(line=1, text=0.5))
