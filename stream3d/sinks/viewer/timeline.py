"""A bar with the time at the lower edge of the window, made of quads: the legacy visualizer can draw no text."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stream3d.sinks.viewer.palette import BAR, BAR_DONE, TEXT
from stream3d.sinks.viewer.shapes import Floats, Mesh, repeat_triangles

_DEPTH_M = 0.12
# Seven segments as (x0, y0, x1, y1) in a 1 x 2 cell, thickness added later: top, upper left, upper right, middle, lower
# left, lower right, bottom.
_SEGMENTS = ((0, 2, 1, 2), (0, 1, 0, 2), (1, 1, 1, 2), (0, 1, 1, 1), (0, 0, 0, 1), (1, 0, 1, 1), (0, 0, 1, 0))
_DIGITS = "1110111 0010010 1011101 1011011 0111010 1101011 1101111 1010010 1111111 1111011"
_LIT = dict(zip("0123456789", _DIGITS.split(), strict=True))
_MARKS = {
    ":": ((0, 0.55, 0, 0.55), (0, 1.45, 0, 1.45)),
    ".": ((0, 0, 0, 0),),
    "/": ((0.0, 0.1, 0.25, 0.5), (0.25, 0.55, 0.5, 0.95), (0.5, 1.0, 0.75, 1.4), (0.75, 1.45, 1.0, 1.85)),
    "x": ((0, 0, 0.2, 0.2), (0.4, 0.4, 0.6, 0.6), (0.8, 0.8, 1, 1), (0, 0.8, 0.2, 1), (0.8, 0, 1, 0.2)),
}

Quad = tuple[float, float, float, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Eye:
    """Where the window is looked through: ``world_from_eye`` [4, 4] (x right, y down, z forward), its proportions."""

    world_from_eye: Floats
    half_height: float
    aspect: float


def timeline_mesh(eye: Eye, *, now_s: float, end_s: float, progress: float, speed: float, playing: bool) -> Mesh:
    """The bar, as seen through ``eye``; all lengths in it are parts of half the window's height."""
    wide = eye.aspect
    left, right, y = -wide + 0.08, wide - 0.08, -0.90
    done = left + (right - left) * min(max(progress, 0.0), 1.0)
    bar: list[Quad] = [(left, y - 0.008, right, y + 0.008)]
    ticks = [_box(left + (right - left) * i / 10, y - 0.028, 0.0025, 0.008) for i in range(11)]
    played: list[Quad] = [(left, y - 0.008, done, y + 0.008), _box(done, y, 0.010, 0.024)]
    text = _write(f"{_clock(now_s)} / {_clock(end_s)}", left + 0.08, y + 0.05)
    text += _write(f"{speed:g}x", right - 0.16, y + 0.05) + _sign(playing, left, y + 0.05)
    layers = [(bar + ticks, BAR, 0.0), (played, BAR_DONE, 0.001), (text, TEXT, 0.001)]
    return Mesh.join([_quads(quads, colour, eye, nearer) for quads, colour, nearer in layers])


def _clock(seconds: float) -> str:
    tenths = max(math.floor(seconds * 10 + 1e-6), 0)
    return f"{tenths // 600}:{tenths // 10 % 60:02d}.{tenths % 10}"


def _box(x: float, y: float, half_width: float, half_height: float) -> Quad:
    return x - half_width, y - half_height, x + half_width, y + half_height


def _sign(playing: bool, x: float, y: float) -> list[Quad]:
    """A triangle of bars for playing, two bars for a pause."""
    if not playing:
        return [(x, y, x + 0.012, y + 0.046), (x + 0.022, y, x + 0.034, y + 0.046)]
    steps = np.linspace(0.0, 1.0, 9)[:-1]
    return [(x + 0.036 * s, y + 0.023 * s, x + 0.036 * (s + 1 / 8), y + 0.046 - 0.023 * s) for s in steps]


def _write(text: str, x: float, y: float, *, height: float = 0.046) -> list[Quad]:
    quads: list[Quad] = []
    scale, half = height / 2, height * 0.055
    for sign in text:
        lit = [s for s, on in zip(_SEGMENTS, _LIT.get(sign, ""), strict=False) if on == "1"] or _MARKS.get(sign, ())
        quads += [
            (x + a * scale - half, y + b * scale - half, x + c * scale + half, y + d * scale + half)
            for a, b, c, d in lit
        ]
        x += scale * (0.55 if sign in ":. " else 1.55)
    return quads


def _quads(quads: list[Quad], colour: Floats, eye: Eye, nearer_m: float) -> Mesh:
    x0, y0, x1, y1 = np.array(quads).T
    depth = _DEPTH_M - nearer_m
    flat = np.stack([np.stack([x, y], -1) for x, y in ((x0, y0), (x1, y0), (x1, y1), (x0, y1))], 1).reshape(-1, 2)
    reach = depth * eye.half_height
    points = np.column_stack([flat[:, 0] * reach, -flat[:, 1] * reach, np.full(len(flat), depth)])
    pose = eye.world_from_eye
    corner: npt.NDArray[np.int32] = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    return Mesh(
        vertices=points @ pose[:3, :3].T + pose[:3, 3],
        colours=np.broadcast_to(colour, (len(flat), 3)).copy(),
        triangles=repeat_triangles(corner, 4, len(quads)),
    )
