"""Pictures of lifted poses: what was seen, and the answer from the front, the side and above."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from stream3d.skeleton import H36M17

Float32 = npt.NDArray[np.float32]
Picture = npt.NDArray[np.uint8]

_SIDE = 160
_COLOURS = {"left": (214, 69, 65), "right": (31, 97, 171), "middle": (60, 60, 60)}
_TRUTH = (170, 205, 170)
# Axes of camera space that lie across and down in each view.
_VIEWS = ((0, 1), (2, 1), (0, 2))


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """People to draw.

    ``rays`` float32 [N, 17, 2] and ``seen`` bool [N, 17] are the 2D input, ``poses`` float32 [N, 17, 3] the answer,
    ``truth`` the same where it is known.
    """

    rays: Float32
    seen: npt.NDArray[np.bool_]
    poses: Float32
    truth: Float32 | None = None


def _draw(canvas: Picture, points: Float32, seen: npt.NDArray[np.bool_], colour: tuple[int, int, int] | None) -> None:
    """Bones of points [17, 2] in units of a body's height, around the middle of the canvas."""
    pixels = np.rint(np.clip(points * _SIDE * 0.5 + _SIDE / 2, -4 * _SIDE, 4 * _SIDE)).astype(int)
    for a, b in H36M17.bones:
        if seen[a] and seen[b]:
            shade = colour or _COLOURS[H36M17.side(b)]
            cv2.line(canvas, pixels[a].tolist(), pixels[b].tolist(), shade, 2, cv2.LINE_AA)


def _row(shown: Shown, person: int) -> Picture:
    panels = []
    every = np.ones(17, np.bool_)
    for view in (None, *_VIEWS):
        canvas = np.full((_SIDE, _SIDE, 3), 250, np.uint8)
        if view is None:
            _draw(canvas, shown.rays[person], shown.seen[person], None)
        else:
            if shown.truth is not None:
                _draw(canvas, shown.truth[person][:, view], every, _TRUTH)
            _draw(canvas, shown.poses[person][:, view], every, None)
        panels.append(canvas)
    return np.concatenate(panels, 1)


def sheet(shown: Shown, most: int = 6) -> Picture:
    """One row a person, uint8 [H, W, 3] RGB: the input, the answer from the front, from the side and from above.

    Left limbs are red, right ones blue, the truth green beneath.
    """
    return np.concatenate([_row(shown, person) for person in range(min(most, len(shown.poses)))])
