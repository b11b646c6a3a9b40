"""Tubes and balls as vertex arrays: one template each, placed for all bones and joints in a few numpy calls.

Light is baked into the vertex colours (a sun and a sky), because the legacy renderer has head lights only: with those a
figure turns black at its rims and does not match its shadow. All arrays are float64: Open3D takes those as they are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]

SUN = np.array([-0.40, 0.75, 0.53]) / np.linalg.norm([-0.40, 0.75, 0.53])
"""Unit vector [3] towards the light, display space (y up)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Mesh:
    """Arrays of one mesh: ``vertices`` and ``colours`` float64 [V, 3], ``triangles`` int32 [T, 3]; metres; RGB 0..1."""

    vertices: Floats
    colours: Floats
    triangles: Ints

    @classmethod
    def join(cls, parts: list[Mesh]) -> Mesh:
        """One mesh of several."""
        starts = np.cumsum([0, *(len(part.vertices) for part in parts)])
        return cls(
            vertices=np.concatenate([part.vertices for part in parts]),
            colours=np.concatenate([part.colours for part in parts]),
            triangles=np.concatenate([p.triangles + np.int32(s) for p, s in zip(parts, starts, strict=False)]),
        )


def _grid_triangles(rings: int, sides: int) -> Ints:
    """Triangles [T, 3] of a closed band of ``rings`` x ``sides`` vertices, counter-clockwise from outside."""
    ring, side = np.meshgrid(np.arange(rings - 1), np.arange(sides), indexing="ij")
    a, b = ring * sides + side, ring * sides + (side + 1) % sides
    quads = np.stack([a, b, b + sides, a, b + sides, a + sides], -1)
    return quads.reshape(-1, 3).astype(np.int32)


def _circle(sides: int) -> Floats:
    angle = np.arange(sides) * (2 * np.pi / sides)
    return np.stack([np.cos(angle), np.sin(angle)], -1)


class Tubes:
    """A tapered tube from one point to another, open at its ends (joint balls close them)."""

    def __init__(
        self, *, sides: int = 10, along: tuple[float, ...] = (0.0, 1.0), width: tuple[float, ...] = (1.0, 1.0)
    ):
        self._circle = _circle(sides)
        self._along, self._width = np.array(along), np.array(width)
        self._triangles = _grid_triangles(len(along), sides)
        self.vertex_count = len(along) * sides

    def triangles(self, count: int) -> Ints:
        """int32 [count * T, 3] for ``count`` tubes in a row."""
        return repeat_triangles(self._triangles, self.vertex_count, count)

    def place(self, start: Floats, end: Floats, radius: Floats) -> tuple[Floats, Floats]:
        """Vertices and unit normals, both [N, V, 3], of tubes from ``start`` [N, 3] to ``end`` [N, 3].

        A tube with a NaN end has all its vertices in one point, so it is not drawn.
        """
        axis = end - start
        helper = np.eye(3)[np.abs(np.nan_to_num(axis)).argmin(-1)]
        u = _unit(np.cross(axis, helper))
        v = _unit(np.cross(axis, u))
        normals = self._circle[:, :1] * u[:, None] + self._circle[:, 1:] * v[:, None]
        centres = start[:, None] + self._along[:, None] * axis[:, None]
        reach = (self._width * radius[:, None])[..., None, None] * normals[:, None]
        vertices = (centres[:, :, None] + reach).reshape(len(start), -1, 3)
        spread = np.repeat(normals[:, None], len(self._along), 1).reshape(vertices.shape)
        return _hide_missing(vertices), np.nan_to_num(spread)


class Balls:
    """A ball, or an ellipsoid stretched along y before it is placed."""

    def __init__(self, *, sides: int = 12, rings: int = 8):
        polar = np.linspace(0, np.pi, rings)
        circle = _circle(sides)
        flat = np.sin(polar)[:, None, None] * circle
        up = np.broadcast_to(np.cos(polar)[:, None, None], (*flat.shape[:2], 1))
        self._unit = np.concatenate([flat[..., :1], up, flat[..., 1:]], -1).reshape(-1, 3)
        self._triangles = _grid_triangles(rings, sides)
        self.vertex_count = rings * sides

    def triangles(self, count: int) -> Ints:
        """int32 [count * T, 3] for ``count`` balls in a row."""
        return repeat_triangles(self._triangles, self.vertex_count, count)

    def place(self, centre: Floats, radius: Floats) -> tuple[Floats, Floats]:
        """Vertices and unit normals, both [N, V, 3], of balls of ``radius`` [N] at ``centre`` [N, 3]; NaN hides."""
        vertices = centre[:, None] + radius[:, None, None] * self._unit
        return _hide_missing(vertices), np.broadcast_to(self._unit, vertices.shape)


def repeat_triangles(triangles: Ints, vertex_count: int, count: int) -> Ints:
    """The triangles of ``count`` copies of a part whose vertices follow each other."""
    offsets = np.arange(count, dtype=np.int32)[:, None, None] * np.int32(vertex_count)
    return np.asarray((triangles[None] + offsets).reshape(-1, 3), np.int32)


def light(normals: Floats) -> Floats:
    """Brightness [..., 1] of surfaces with unit ``normals`` [..., 3] under the sun and the sky."""
    sun = np.maximum(normals @ SUN, 0.0)
    sky = 0.5 + 0.5 * normals[..., 1]
    return np.asarray((0.50 + 0.16 * sky + 0.46 * sun)[..., None])


def shade(colour: Floats, normals: Floats) -> Floats:
    """Vertex colours [N, V, 3] of parts with base ``colour`` [N, 3]: lit, with a small highlight, within 0..1."""
    shine = np.maximum(normals @ SUN, 0.0)[..., None] ** 24 * 0.25
    return np.asarray(np.clip(colour[:, None] * light(normals) + shine, 0.0, 1.0))


def _unit(vectors: Floats) -> Floats:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, 1e-9))


def _hide_missing(vertices: Floats) -> Floats:
    seen = np.asarray(np.isfinite(vertices).all((1, 2)))
    return np.where(seen[:, None, None], vertices, 0.0)
