"""2D skeletons, tags and the clock on a picture; OpenCV only, in place."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from stream3d.sinks.viewer.palette import SIDES, person_colours
from stream3d.skeleton import Layout
from stream3d.values import Float32, UInt8

Int32 = npt.NDArray[np.int32]
Colour = tuple[int, int, int]

DARK: Colour = (18, 22, 29)
SIDE_COLOURS: dict[str, Colour] = {side: tuple((rgb * 255).round().astype(int).tolist()) for side, rgb in SIDES.items()}
SHIFT = 4  # fractional bits of OpenCV's coordinates: without them slow movement steps from pixel to pixel
_FONT = cv2.FONT_HERSHEY_DUPLEX
# Pairs that belong together on any body, though no layout's tree links them where it has no joint between.
_ACROSS = (("left_shoulder", "right_shoulder"), ("left_hip", "right_hip"))
_FINE = ("eye", "ear", "mouth", "pinky", "index", "thumb", "toe", "heel")


@dataclass(frozen=True, kw_only=True, slots=True)
class Pen:
    """Line widths in pixels and the text scale, by the size of the picture."""

    line: int
    text: float

    @classmethod
    def for_height(cls, height: int) -> Pen:
        """The pen for a picture of that height: 3 pixels at 720."""
        return cls(line=max(1, round(height / 240)), text=max(0.35, height / 1300))


@dataclass(frozen=True, kw_only=True, slots=True)
class Bones:
    """What is drawn of a layout: ``pairs`` int [B, 2], ``sides`` [B] of bones, ``joint_sides`` [J], ``fine`` [J]."""

    pairs: npt.NDArray[np.intp]
    sides: tuple[str, ...]
    joint_sides: tuple[str, ...]
    fine: npt.NDArray[np.bool_]


@cache
def bones_of(layout: Layout) -> Bones:
    """The bones of a layout, with the shoulders and the hips joined across where nothing lies between."""
    between = {"thorax", "neck", "pelvis"} & set(layout.names)
    across = () if between else tuple((layout.names.index(a), layout.names.index(b)) for a, b in _ACROSS)
    pairs = (*layout.bones, *across)
    joint_sides = tuple(layout.side(joint) for joint in range(layout.size))
    sides = tuple(joint_sides[b] if joint_sides[a] in (joint_sides[b], "middle") else "middle" for a, b in pairs)
    fine = np.array([any(part in name for part in _FINE) for name in layout.names])
    return Bones(pairs=np.array(pairs, np.intp).reshape(-1, 2), sides=sides, joint_sides=joint_sides, fine=fine)


def person_colour(person: int) -> Colour:
    """The accent colour of a person: the same id has the same colour for ever."""
    r, g, b = (person_colours(np.array([person]))[0] * 255).round().astype(int).tolist()
    return r, g, b


def fixed(points: npt.NDArray[np.floating], canvas: UInt8) -> Int32:
    """Pixels [..., 2], centres at +0.5, as OpenCV's fixed-point coordinates; what lies far outside comes nearer."""
    far = 4.0 * max(canvas.shape[:2])
    return np.asarray(np.round((points - 0.5).clip(-far, far) * (1 << SHIFT)), np.int32)


def draw_skeleton(canvas: UInt8, points: Float32, layout: Layout, *, pen: Pen, min_score: float) -> None:
    """Draw one skeleton: ``points`` float32 [J, 3] = x, y in pixels of the canvas, score; unseen ones are left out."""
    seen = np.isfinite(points).all(-1) & (points[:, 2] >= min_score)
    if not seen.any():
        return
    bones = bones_of(layout)
    at = fixed(np.where(seen[:, None], points[:, :2], 0), canvas)
    line = _line_for(points[seen, 1], pen)
    drawn = np.flatnonzero(seen[bones.pairs].all(-1)).tolist()
    segments = {b: at[bones.pairs[b]] for b in drawn}
    if line > 1:  # round a thin line the outline would be all that is seen
        cv2.polylines(canvas, list(segments.values()), False, DARK, line + 2, cv2.LINE_AA, SHIFT)
    for side, colour in SIDE_COLOURS.items():
        chosen = [segments[b] for b in drawn if bones.sides[b] == side]
        cv2.polylines(canvas, chosen, False, colour, line, cv2.LINE_AA, SHIFT)
    for joint in np.flatnonzero(seen).tolist():
        radius = (line - 1 + (0 if bones.fine[joint] else 2)) << SHIFT
        middle = at[joint].tolist()
        if line > 1:
            cv2.circle(canvas, middle, radius + (1 << SHIFT), DARK, -1, cv2.LINE_AA, SHIFT)
        cv2.circle(canvas, middle, radius, SIDE_COLOURS[bones.joint_sides[joint]], -1, cv2.LINE_AA, SHIFT)


def draw_tag(canvas: UInt8, points: Float32, person: int, *, pen: Pen, min_score: float) -> None:
    """Corner marks round one person and a tag with the id, in the person's colour."""
    seen = points[np.isfinite(points).all(-1) & (points[:, 2] >= min_score), :2]
    if not len(seen):
        return
    low, high = seen.min(0), seen.max(0)
    margin = max(6.0, 0.06 * float((high - low).max()))
    height, width = canvas.shape[:2]
    x0, y0 = (max(0.0, float(side) - margin) for side in low)
    x1, y1 = (min(float(most), float(side) + margin) for side, most in zip(high, (width, height), strict=True))
    if x1 - x0 < 2 or y1 - y0 < 2:
        return  # outside the picture
    colour = person_colour(person)
    arm = 0.18 * min(x1 - x0, y1 - y0)
    corners = [(x0, y0, 1, 1), (x1, y0, -1, 1), (x1, y1, -1, -1), (x0, y1, 1, -1)]
    marks = [fixed(np.array([(x + dx * arm, y), (x, y), (x, y + dy * arm)]), canvas) for x, y, dx, dy in corners]
    cv2.polylines(canvas, marks, False, colour, max(1, pen.line - 1), cv2.LINE_AA, SHIFT)
    put_label(canvas, f"#{person}", (round(x0), round(y0)), ink=DARK, paper=colour, pen=pen)


def put_label(canvas: UInt8, text: str, at: tuple[int, int], *, ink: Colour, paper: Colour, pen: Pen) -> None:
    """Text on a filled box whose lower left corner is ``at``, moved so that it lies within the picture."""
    (w, h), _ = cv2.getTextSize(text, _FONT, pen.text, 1)
    pad = max(2, h // 3)
    x = min(max(at[0], 0), max(0, canvas.shape[1] - w - 2 * pad))
    y = min(max(at[1], h + 2 * pad), canvas.shape[0])
    cv2.rectangle(canvas, (x, y - h - 2 * pad), (x + w + 2 * pad, y), paper, -1)
    cv2.putText(canvas, text, (x + pad, y - pad), _FONT, pen.text, ink, 1, cv2.LINE_AA)


def draw_clock(canvas: UInt8, seconds: float, frame: int, *, pen: Pen) -> None:
    """The media time and the frame number in the upper left corner."""
    put_label(canvas, f"{clock(seconds)}  frame {frame}", (0, 0), ink=(223, 229, 238), paper=DARK, pen=pen)


def clock(seconds: float) -> str:
    """Media time as hours, minutes, seconds, milliseconds.

    >>> clock(3725.0419), clock(-0.5)
    ('1:02:05.042', '-0:00:00.500')
    """
    ms = round(abs(seconds) * 1000)
    sign = "-" if seconds < 0 and ms else ""
    return f"{sign}{ms // 3_600_000}:{ms // 60_000 % 60:02d}:{ms // 1000 % 60:02d}.{ms % 1000:03d}"


def _line_for(ys: Float32, pen: Pen) -> int:
    """The pen's width, less for people who are small in the picture."""
    return max(1, min(pen.line, round(float(np.ptp(ys)) / 60)))
