"""A furnished room made of coloured vertices; everything in it stands still, so its light is worked out once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from train.render.light import shaded
from train.render.paint import Colour, linear
from train.render.surface import Point, Shape, cone, cut, mesh, noise, union

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]

FRONT_M, BACK_M, HALF_WIDTH_M, CEILING_M = 1.0, 7.9, 4.6, 3.0
_PLANK_M = 0.14
_PLANT = (-2.95, 7.35)
# Low corner, high corner, colour: a sideboard with two boxes on it, a cabinet, a bench.
_BOXES: tuple[tuple[tuple[float, float, float], tuple[float, float, float], Colour], ...] = (
    ((2.75, 7.3, 0.0), (4.3, 7.88, 0.52), (0.52, 0.40, 0.30)),
    ((3.0, 7.4, 0.52), (3.35, 7.75, 0.80), (0.32, 0.48, 0.50)),
    ((3.75, 7.4, 0.52), (3.95, 7.6, 0.98), (0.78, 0.55, 0.28)),
    ((-4.3, 7.2, 0.0), (-3.5, 7.88, 1.9), (0.45, 0.36, 0.30)),
    ((-4.58, 5.0, 0.0), (-3.95, 6.3, 0.44), (0.36, 0.42, 0.46)),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """A mesh: ``vertices``, ``normals``, linear ``albedo`` [N, 3]; ``open_sky`` [N], 0..1; ``triangles`` [F, 3]."""

    vertices: Float64
    normals: Float64
    albedo: Float64
    open_sky: Float64
    triangles: Int64

    def colours(self) -> Float64:
        """Colours [N, 3], sRGB 0..1, with nobody in the way of the lamp."""
        return shaded(self.albedo, self.normals, self.open_sky, np.ones(len(self.vertices)))


def _sheet(origin: Float64, us: Float64, vs: Float64, u_way: Float64, v_way: Float64) -> tuple[Float64, Int64]:
    """Vertices on a grid at ``us`` × ``vs`` along two directions, and its triangles, facing u × v."""
    points = origin + us[:, None, None] * u_way + vs[None, :, None] * v_way
    number = np.arange(len(us) * len(vs)).reshape(len(us), len(vs))
    a, b, c, d = number[:-1, :-1], number[1:, :-1], number[1:, 1:], number[:-1, 1:]
    faces = np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)])
    return points.reshape(-1, 3), faces


def _corners_dark(points: Float64) -> Float64:
    """Less sky near the edges where floor, walls and ceiling meet."""
    gaps = (points[:, 2], BACK_M - points[:, 1], HALF_WIDTH_M - np.abs(points[:, 0]), CEILING_M - points[:, 2])
    out = np.ones(len(points))
    for gap in gaps:
        out *= np.where(np.abs(gap) < 1e-6, 1.0, 1.0 - 0.35 * np.exp(-np.abs(gap) / 0.22))
    return out


def _under_furniture(points: Float64) -> Float64:
    """Less sky on the floor close to what stands on it."""
    standing = [(low, high) for low, high, _ in _BOXES if low[2] == 0.0]
    standing.append(((_PLANT[0] - 0.1, _PLANT[1] - 0.1, 0.0), (_PLANT[0] + 0.1, _PLANT[1] + 0.1, 0.4)))
    out = np.ones(len(points))
    for low, high in standing:
        beside = np.maximum(np.maximum(np.array(low) - points, points - np.array(high)), 0.0)[:, :2]
        out *= 1.0 - 0.6 * np.exp(-np.linalg.norm(beside, axis=-1) / 0.13)
    return out


@cache
def floor() -> Piece:
    """Wooden planks along y, with narrow seams, each plank of its own tone and grain."""
    count = int(2 * HALF_WIDTH_M / _PLANK_M) + 1
    across = np.concatenate(
        [k * _PLANK_M + np.array([0, 0.0035, 0.0045, 0.035, 0.07, 0.105, 0.1355]) for k in range(count)]
    )
    along = np.arange(0.0, BACK_M - FRONT_M + 0.02, 0.022)
    points, faces = _sheet(np.array([-HALF_WIDTH_M, FRONT_M, 0.0]), across, along, np.eye(3)[0], np.eye(3)[1])
    plank = np.repeat(np.arange(len(across)) // 7, len(along))
    seam = np.repeat(np.arange(len(across)) % 7 < 2, len(along))
    rng = np.random.default_rng(3)
    start = rng.uniform(0, 1.6, count)[plank]
    piece = np.floor((points[:, 1] + start) / 1.6)
    tone = rng.uniform(0.74, 1.1, (count, 8))[plank, piece.astype(int) % 8]
    end = (np.mod(points[:, 1] + start, 1.6) < 0.022) & ~seam
    grain = noise(points + np.stack([plank * 0.37, piece * 1.9, 0 * start], -1), (0.018, 0.5, 1.0), 7)
    colour = linear((0.62, 0.47, 0.34)) * (tone * (1 + 0.14 * grain))[:, None]
    colour[seam | end] *= 0.45
    up = np.tile([0.0, 0.0, 1.0], (len(points), 1))
    return Piece(
        vertices=points,
        normals=up,
        albedo=colour,
        open_sky=_corners_dark(points) * _under_furniture(points),
        triangles=faces,
    )


def _ceiling() -> Piece:
    ways = np.array([0.0, 1.0, 0.0]), np.array([1.0, 0.0, 0.0])
    along, across = np.linspace(0, BACK_M - FRONT_M, 70), np.linspace(0, 2 * HALF_WIDTH_M, 90)
    points, faces = _sheet(np.array([-HALF_WIDTH_M, FRONT_M, CEILING_M]), along, across, *ways)
    down = np.tile([0.0, 0.0, -1.0], (len(points), 1))
    tint = np.array([2.1, 2.3, 2.6]) * np.ones((len(points), 1))  # brighter than white: it hides lamps
    return Piece(vertices=points, normals=down, albedo=tint, open_sky=_corners_dark(points), triangles=faces)


def _wall(origin: tuple[float, float, float], length: float, way: tuple[float, float, float], colour: Colour) -> Piece:
    along, up = np.array(way), np.array([0.0, 0.0, 1.0])
    heights = np.concatenate([[0.0, 0.095, 0.1, 0.105], np.linspace(0.15, CEILING_M, 30)])
    points, faces = _sheet(np.array(origin), np.linspace(0, length, int(length / 0.08)), heights, along, up)
    tint = linear(colour) * (1 + 0.05 * noise(points, 0.5, 12) + 0.03 * noise(points, 0.11, 13))[:, None]
    tint[points[:, 2] < 0.098] = linear((0.86, 0.85, 0.82))
    normals = np.tile(np.cross(along, up), (len(points), 1))
    return Piece(vertices=points, normals=normals, albedo=tint, open_sky=_corners_dark(points), triangles=faces)


def box(low: tuple[float, float, float], high: tuple[float, float, float], colour: Colour, seed: int = 0) -> Piece:
    """An upright box with a slightly uneven colour and dark lower edges."""
    a, b = np.array(low), np.array(high)
    sheets, normals, count = [], [], 0
    for axis in range(3):
        u, v = (axis + 1) % 3, (axis + 2) % 3
        for far in (True, False):
            way = np.eye(3)[axis] * (1 if far else -1)
            first, second = (u, v) if far else (v, u)
            us, vs = (np.linspace(0, (b - a)[i], max(2, int((b - a)[i] / 0.05))) for i in (first, second))
            origin = np.where(np.eye(3)[axis] > 0, b if far else a, a)
            points, faces = _sheet(origin, us, vs, np.eye(3)[first], np.eye(3)[second])
            sheets.append((points, faces + count))
            normals.append(np.tile(way, (len(points), 1)))
            count += len(points)
    points = np.concatenate([p for p, _ in sheets])
    tint = linear(colour) * (1 + 0.10 * noise(points, (0.2, 0.2, 0.04), seed))[:, None]
    sky = 1.0 - 0.5 * np.exp(-(points[:, 2] - 0.0) / 0.08)
    faces = np.concatenate([f for _, f in sheets])
    return Piece(vertices=points, normals=np.concatenate(normals), albedo=tint, open_sky=sky, triangles=faces)


def _picture(x: float, z: float, wide: float, high: float, seed: int) -> list[Piece]:
    """A framed abstract print on the back wall."""
    frame = box((x, BACK_M - 0.03, z), (x + wide, BACK_M - 0.001, z + high), (0.17, 0.14, 0.12), seed)
    us, vs = np.linspace(0, wide - 0.1, 130), np.linspace(0, high - 0.1, 110)
    ways = np.array([1.0, 0.0, 0.0]), np.array([0.0, 0.0, 1.0])
    points, faces = _sheet(np.array([x + 0.05, BACK_M - 0.035, z + 0.05]), us, vs, *ways)
    hills = noise(points, (0.22, 1.0, 0.4), seed) + 3.0 * (points[:, 2] - z - 0.5 * high) / high
    steps = np.clip(np.floor((hills + 1.2) / 0.55), 0, 4).astype(int)
    palette = linear(
        np.array([(0.20, 0.33, 0.36), (0.36, 0.52, 0.50), (0.80, 0.66, 0.44), (0.88, 0.80, 0.66), (0.93, 0.90, 0.84)])
    )
    normals = np.tile([0.0, -1.0, 0.0], (len(points), 1))
    return [
        frame,
        Piece(vertices=points, normals=normals, albedo=palette[steps], open_sky=np.ones(len(points)), triangles=faces),
    ]


def _plant(x: float, y: float) -> list[Piece]:
    """Long leaves in a pot."""
    rng = np.random.default_rng(4)
    pot = cut(cone((x, y, 0.0), (x, y, 0.42), (0.15, 0.19)), (x, y, 0.42), (0, 0, 1))
    grown = [_solid(pot, [(x, y, 0.0), (x, y, 0.42)], 0.2, (0.80, 0.77, 0.70))]
    for turn in np.linspace(0, 2 * np.pi, 15, endpoint=False) + rng.uniform(0, 0.3, 15):
        lean, tall = rng.uniform(0.1, 0.32), rng.uniform(0.55, 1.15)
        way = np.array([np.cos(turn), np.sin(turn), 0.0])
        foot, bend = np.array([x, y, 0.4]), np.array([x, y, 0.4 + 0.65 * tall]) + 0.45 * lean * way
        tip = np.array([x, y, 0.4 + tall]) + lean * way
        blades = [cone(foot, bend, (0.012, 0.036), flat=(way, 0.4)), cone(bend, tip, (0.036, 0.008), flat=(way, 0.4))]
        grown.append(_solid(union(blades, 0.01), [foot, bend, tip], 0.045, (0.27, 0.42, 0.22)))
    return grown


def _solid(shape: Shape, inside: list[Point], reach: float, colour: Colour) -> Piece:
    """A shape that lies within ``reach`` metres of some points, darker towards the floor."""
    spots = np.array([np.asarray(point, float) for point in inside])
    made = mesh(shape, spots.min(0) - reach, spots.max(0) + reach, 0.013)
    tint = linear(colour) * (1 + 0.3 * noise(made.vertices, 0.08, 9))[:, None]
    sky = np.clip(0.45 + 0.5 * made.vertices[:, 2], 0.0, 1.0)
    return Piece(vertices=made.vertices, normals=made.normals, albedo=tint, open_sky=sky, triangles=made.triangles)


@cache
def furniture() -> tuple[Piece, ...]:
    """Walls and what stands along them; the middle of the room stays free to walk in."""
    wall = (0.74, 0.75, 0.72)
    right, left = HALF_WIDTH_M, -HALF_WIDTH_M
    return (
        _ceiling(),
        _wall((left, BACK_M, 0.0), 2 * right, (1.0, 0.0, 0.0), wall),
        _wall((left, FRONT_M, 0.0), BACK_M - FRONT_M, (0.0, 1.0, 0.0), (0.60, 0.66, 0.66)),
        _wall((right, BACK_M, 0.0), BACK_M - FRONT_M, (0.0, -1.0, 0.0), (0.70, 0.68, 0.63)),
        *_plant(*_PLANT),
        *(box(low, high, colour, seed) for seed, (low, high, colour) in enumerate(_BOXES)),
        *_picture(-2.35, 1.25, 1.3, 0.95, 21),
        *_picture(1.75, 1.3, 0.7, 0.9, 22),
    )
