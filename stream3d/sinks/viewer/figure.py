"""Skeletons as meshes: bones coloured by side, joints and head in the person's own colour, and their shadows."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from stream3d.sinks.viewer.palette import SHADOW, SIDES, UNSURE, person_colours
from stream3d.sinks.viewer.shapes import SUN, Balls, Floats, Ints, Mesh, Tubes, shade
from stream3d.skeleton import Layout

SURE_M, UNSURE_M = 0.08, 0.25
"""A joint's colour begins to fade at the first sigma (metres) and is faintest at the second."""

_HEAD_RADIUS_M = 0.105
_BALL_RADIUS_M = {"pelvis": 0.050, "thorax": 0.045, "spine": 0.036, "head_top": 0.0, "nose": 0.034}
_BONE_RADIUS_M = {"knee": 0.048, "ankle": 0.040, "elbow": 0.036, "wrist": 0.030, "spine": 0.052, "thorax": 0.050}


class Figures:
    """Builds the mesh of all people of one layout, display space (y up, metres)."""

    def __init__(self, layout: Layout):
        self._bones = np.array(layout.bones, np.int64).reshape(-1, 2)
        self._bone_colours = np.stack([SIDES[layout.side(child)] for _, child in layout.bones])
        self._bone_radii = np.array([_radius(_BONE_RADIUS_M, layout.names[c], 0.034) for _, c in layout.bones])
        self._ball_radii = np.array([_radius(_BALL_RADIUS_M, name, 0.038) for name in layout.names])
        has_head = {"nose", "head_top"} <= set(layout.names)
        self._head = (layout.names.index("nose"), layout.names.index("head_top")) if has_head else None
        self._tubes = Tubes(sides=12, along=(0.0, 0.18, 0.5, 1.0), width=(0.62, 1.0, 0.86, 0.55))
        self._balls, self._heads = Balls(), Balls(sides=18, rings=12)

    def mesh(self, joints: Floats, sigma: Floats, person: npt.NDArray[np.int64]) -> Mesh:
        """The people as one mesh.

        ``joints`` [P, J, 3] metres, display space, NaN = not drawn; ``sigma`` [P, J] metres, NaN = unknown;
        ``person`` [P].
        """
        people, size = joints.shape[:2]
        accent = person_colours(person)
        doubt = 0.8 * np.clip((np.nan_to_num(sigma) - SURE_M) / (UNSURE_M - SURE_M), 0.0, 1.0)[..., None]
        bones, bone_colours = self._place_bones(joints, doubt)
        balls, normals = self._balls.place(joints.reshape(-1, 3), np.tile(self._ball_radii, people))
        ball_base = accent[:, None] + doubt * (UNSURE - accent[:, None])
        parts = [(bones, bone_colours), (balls, shade(ball_base.reshape(-1, 3), normals))]
        if self._head is not None:
            nose, top = self._head
            centre = 0.45 * joints[:, nose] + 0.55 * joints[:, top]
            heads, normals = self._heads.place(centre, np.full(people, _HEAD_RADIUS_M))
            parts.append((heads, shade(ball_base[:, nose], normals)))
        vertices = np.concatenate([v.reshape(-1, 3) for v, _ in parts])
        colours = np.concatenate([c.reshape(-1, 3) for _, c in parts])
        return Mesh(vertices=vertices, colours=colours, triangles=self._triangles(people, size))

    def _place_bones(self, joints: Floats, doubt: Floats) -> tuple[Floats, Floats]:
        ends = joints[:, self._bones]
        radii = np.tile(self._bone_radii, len(joints))
        vertices, normals = self._tubes.place(ends[:, :, 0].reshape(-1, 3), ends[:, :, 1].reshape(-1, 3), radii)
        fade = np.maximum(doubt[:, self._bones[:, 0]], doubt[:, self._bones[:, 1]])
        base = self._bone_colours + fade * (UNSURE - self._bone_colours)
        return vertices, shade(base.reshape(-1, 3), normals)

    @cache  # noqa: B019 - one object lives as long as its window, and people come in few counts
    def _triangles(self, people: int, joints: int) -> Ints:
        bones = people * len(self._bones)
        parts = [self._tubes.triangles(bones)]
        start = bones * self._tubes.vertex_count
        parts.append(self._balls.triangles(people * joints) + np.int32(start))
        if self._head is not None:
            start += people * joints * self._balls.vertex_count
            parts.append(self._heads.triangles(people) + np.int32(start))
        return np.concatenate(parts)


def shadow_of(mesh: Mesh, floor_y: float) -> Mesh:
    """The shadow that the sun throws on the floor at height ``floor_y``: every vertex moved along the light.

    Vertices below the floor throw none; they are moved straight up onto it.
    """
    height = np.maximum(mesh.vertices[:, 1:2] - floor_y, 0.0)
    vertices = mesh.vertices - height * (SUN / SUN[1])
    vertices[:, 1] = floor_y
    return Mesh(vertices=vertices, colours=np.broadcast_to(SHADOW, vertices.shape).copy(), triangles=mesh.triangles)


def _radius(table: dict[str, float], joint: str, otherwise: float) -> float:
    return table.get(joint, table.get(joint.partition("_")[2], otherwise))
