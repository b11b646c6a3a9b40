"""Solid shapes as signed distance functions, and the meshes of their surfaces.

A shape is a function from points float [N, 3] (metres) to distances float [N] (metres, negative inside). Distances need
only be right near the surface. Blends after I. Quilez, "Smooth minimum"; meshing after S. Gibson, "Constrained elastic
surface nets", MICCAI 1998 (the unconstrained start of it), followed by steps onto the surface.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.interpolate import PchipInterpolator
from scipy.ndimage import map_coordinates

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]
Shape = Callable[[Float64], Float64]
Point = Sequence[float] | Float64


@dataclass(frozen=True, kw_only=True, slots=True)
class Surface:
    """A closed triangle mesh: ``vertices`` and unit ``normals`` float64 [V, 3], ``triangles`` int64 [F, 3]."""

    vertices: Float64
    normals: Float64
    triangles: Int64


def ellipsoid(centre: Point, radii: Point) -> Shape:
    """Axis-aligned ellipsoid."""
    middle, size = np.asarray(centre, float), np.asarray(radii, float)

    def distance(p: Float64) -> Float64:
        q = (p - middle) / size
        length = np.linalg.norm(q, axis=-1)
        return length * (length - 1.0) / np.maximum(np.linalg.norm(q / size, axis=-1), 1e-9)

    return distance


def cone(start: Point, end: Point, radii: tuple[float, float], *, flat: tuple[Point, float] | None = None) -> Shape:
    """Tapered capsule; ``flat`` = (direction, factor) scales its section along one direction."""
    a, b = np.asarray(start, float), np.asarray(end, float)
    axis = b - a
    squash = np.eye(3)
    if flat is not None:
        way = np.asarray(flat[0], float) / np.linalg.norm(flat[0])
        squash += (1 / flat[1] - 1) * np.outer(way, way)
    least = 1.0 if flat is None else min(1.0, flat[1])

    def distance(p: Float64) -> Float64:
        along = np.clip((p - a) @ axis / max(axis @ axis, 1e-12), 0.0, 1.0)
        out = np.linalg.norm((p - a - along[:, None] * axis) @ squash, axis=-1)
        return (out - (radii[0] + along * (radii[1] - radii[0]))) * least

    return distance


def loft(stations: Sequence[tuple[float, float, float, float]], *, power: float = 2.3) -> Shape:
    """An upright surface through super-ellipses; a station is (height z, centre y, half width x, half depth y)."""
    table = np.asarray(stations, float)
    bottom, top = table[0, 0], table[-1, 0]
    between = PchipInterpolator(table[:, 0], table[:, 1:])

    def distance(p: Float64) -> Float64:
        centre, wide, deep = between(np.clip(p[:, 2], bottom, top)).T
        ring = (np.abs(p[:, 0] / wide) ** power + np.abs((p[:, 1] - centre) / deep) ** power) ** (1 / power)
        side = (ring - 1.0) * np.minimum(wide, deep)
        return np.maximum(side, np.maximum(bottom - p[:, 2], p[:, 2] - top))

    return distance


def union(shapes: Sequence[Shape], blend: float = 0.0) -> Shape:
    """All shapes together, their seams rounded over ``blend`` metres."""

    def distance(p: Float64) -> Float64:
        out = shapes[0](p)
        for shape in shapes[1:]:
            other = shape(p)
            near = np.maximum(blend - np.abs(out - other), 0.0) / max(blend, 1e-9)
            out = np.minimum(out, other) - near * near * blend / 4
        return out

    return distance


def cut(shape: Shape, point: Point, outward: Point) -> Shape:
    """What of the shape lies behind the plane through ``point`` with normal ``outward``."""
    origin, normal = np.asarray(point, float), np.asarray(outward, float) / np.linalg.norm(outward)
    return lambda p: np.maximum(shape(p), (p - origin) @ normal)


def grown(shape: Shape, by: float | Shape) -> Shape:
    """The shape with its surface moved outwards, evenly or by a field of metres."""
    return (lambda p: shape(p) - by(p)) if callable(by) else (lambda p: shape(p) - by)


def noise(points: Float64, size: Point | float, seed: int = 0) -> Float64:
    """Smooth random field in -1..1 whose bumps are about ``size`` metres (one number or one per axis)."""
    lattice = np.random.default_rng(seed).uniform(-1, 1, (24, 24, 24))
    return map_coordinates(lattice, (points / size).T, order=1, mode="grid-wrap")


def _gradient(shape: Shape, points: Float64, step: float) -> Float64:
    rows = [shape(points + d) - shape(points - d) for d in np.eye(3) * step]
    return np.stack(rows, -1) / (2 * step)


def _grid(low: Float64, high: Float64, step: float) -> tuple[Float64, tuple[int, int, int]]:
    axes = [np.arange(a, b + step, step) for a, b in zip(low, high, strict=True)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), -1)
    return grid.reshape(-1, 3), grid.shape[:3]


def _cells(field: Float64) -> tuple[Int64, Float64]:
    """Cells [C, 3] that the surface crosses and the mean [C, 3] of the crossings on their edges, in grid units."""
    corners = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
    nx, ny, nz = field.shape
    views = [field[i : nx - 1 + i, j : ny - 1 + j, k : nz - 1 + k] for i, j, k in corners]
    inside = sum((view < 0).astype(np.int8) for view in views)
    cells = np.argwhere((inside > 0) & (inside < 8))
    value = np.stack([view[tuple(cells.T)] for view in views], -1)
    total, count = np.zeros((len(cells), 3)), np.zeros(len(cells))
    for a in range(8):
        for b in range(a + 1, 8):
            if np.abs(corners[a] - corners[b]).sum() == 1:
                crossed = (value[:, a] < 0) != (value[:, b] < 0)
                at = value[:, a] / np.where(crossed, value[:, a] - value[:, b], 1.0)
                total += np.where(crossed[:, None], corners[a] + at[:, None] * (corners[b] - corners[a]), 0.0)
                count += crossed
    return cells, cells + total / count[:, None]


def _quads(field: Float64, number: Int64) -> Int64:
    """Triangles [F, 3]: one quad round every grid edge that the surface crosses, facing outwards."""
    faces = []
    for axis in range(3):
        u, v = (axis + 1) % 3, (axis + 2) % 3
        low, high = (
            np.take(field, range(field.shape[axis] - 1), axis),
            np.take(field, range(1, field.shape[axis]), axis),
        )
        for leaves in (True, False):
            edge = np.argwhere(((low < 0) & (high >= 0)) if leaves else ((low >= 0) & (high < 0)))
            corner = [edge - du * np.eye(3, dtype=int)[u] - dv * np.eye(3, dtype=int)[v] for du, dv in _RING]
            quad = np.stack([number[tuple(c.T)] for c in corner], -1)
            quad = quad if leaves else quad[:, ::-1]
            faces += [quad[:, [0, 1, 2]], quad[:, [0, 2, 3]]]
    return np.concatenate(faces)


_RING = ((1, 1), (0, 1), (0, 0), (1, 0))


def mesh(shape: Shape, low: Point, high: Point, step: float) -> Surface:
    """The surface of a shape within a box, with triangles of about ``step`` metres.

    Raises:
        ValueError: nothing of the surface lies in the box.
    """
    low, high = np.asarray(low, float) - 2 * step, np.asarray(high, float) + 2 * step
    points, size = _grid(low, high, step)
    field = shape(points).reshape(size)
    cells, where = _cells(field)
    if not len(cells):
        raise ValueError(f"no surface between {low.tolist()} and {high.tolist()} m at steps of {step} m")
    number = np.full(size, -1, np.int64)
    number[tuple(cells.T)] = np.arange(len(cells))
    vertices = low + where * step
    for _ in range(3):
        slope = _gradient(shape, vertices, step / 4)
        move = -shape(vertices)[:, None] * slope / np.maximum((slope**2).sum(-1, keepdims=True), 0.2)
        vertices = vertices + np.clip(move, -step / 3, step / 3)
    slope = _gradient(shape, vertices, step / 2)
    normals = slope / np.maximum(np.linalg.norm(slope, axis=-1, keepdims=True), 1e-9)
    return Surface(vertices=vertices, normals=normals, triangles=_quads(field, number))
