"""A clothed person made of closed meshes that move with the 31 bones of a motion capture skeleton.

The surfaces are made once, in the making pose, from blended distance functions; every vertex then follows a mix of
nearby bones (linear blend skinning: N. Magnenat-Thalmann et al., "Joint-dependent local deformations for hand animation
and object grasping", Graphics Interface 1988).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from train.render.body import SOLE_BELOW_ANKLE_M, Part, at, parts
from train.render.head import EAR, EYE, NOSE, TOP, head_parts
from train.render.paint import Look, albedo
from train.render.skeleton import HIPS, SIDES, Skeleton, making_pose
from train.render.surface import Float64, Int64, mesh, union

Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """A person, ready to be posed.

    ``vertices``, ``normals`` float32 [V, 3] in the making pose; ``triangles`` int64 [F, 3]; ``colours`` float32 [V, 3],
    linear light; ``open_sky`` float32 [V], 1 where nothing of the body is near; ``weights`` float32 [V, J]; ``joints``
    [J, 3] and ``rotations`` [J, 3, 3] are the making pose; ``marks`` name -> (bone, place in the making pose) ride on
    one bone each; ``part_of`` int64 [V] numbers the closed surfaces; ``height_m`` is the stature, shoes included.
    """

    skeleton: Skeleton
    vertices: Float32
    normals: Float32
    triangles: Int64
    colours: Float32
    open_sky: Float32
    weights: Float32
    joints: Float64
    rotations: Float64
    marks: dict[str, tuple[int, Float64]]
    part_of: Int64
    height_m: float

    def _moves(self, joints: Float64, rotations: Float64) -> tuple[Float64, Float64]:
        """Turn [J, 3, 3] and shift [J, 3] of every bone out of the making pose; a bone turns about its near end."""
        near = [max(parent, 0) for parent in self.skeleton.parents]
        turn = rotations @ np.swapaxes(self.rotations, -1, -2)
        return turn, joints[near] - np.einsum("jab,jb->ja", turn, self.joints[near])

    def posed(self, joints: Float64, rotations: Float64) -> tuple[Float32, Float32]:
        """Vertices and unit normals float32 [V, 3] for joints [J, 3] metres and rotations [J, 3, 3], world axes."""
        turn, shift = self._moves(joints, rotations)
        table = np.concatenate([turn.reshape(-1, 9), shift], 1).astype(np.float32)
        mixed = self.weights @ table
        turns = mixed[:, :9].reshape(-1, 3, 3)
        vertices = np.einsum("vab,vb->va", turns, self.vertices) + mixed[:, 9:]
        normals = np.einsum("vab,vb->va", turns, self.normals)
        return vertices, normals / np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-6)

    def places(self, joints: Float64, rotations: Float64) -> dict[str, Float64]:
        """World position [3] of every named place and of every bone's far end."""
        turn, shift = self._moves(joints, rotations)
        out = {name: joints[i] for i, name in enumerate(self.skeleton.names)}
        return out | {name: turn[bone] @ point + shift[bone] for name, (bone, point) in self.marks.items()}


def _segments(skeleton: Skeleton, joints: Float64) -> tuple[Float64, Float64]:
    start = joints[[max(parent, 0) for parent in skeleton.parents]].copy()
    start[0] = joints[[skeleton.index(name) for name in HIPS]].mean(0)
    return start, joints


def _weights(points: Float64, part: Part, skeleton: Skeleton, joints: Float64) -> Float32:
    """Pull [N, J] of every bone: falls off with the distance beyond the nearest of the part's bones."""
    start, end = _segments(skeleton, joints)
    out = np.zeros((len(points), len(skeleton.names)), np.float32)
    chosen = [skeleton.index(bone) for bone in part.bones]
    away = np.empty((len(points), len(chosen)))
    for column, bone in enumerate(chosen):
        axis = end[bone] - start[bone]
        along = np.clip((points - start[bone]) @ axis / max(axis @ axis, 1e-12), 0, 1)
        away[:, column] = np.linalg.norm(points - start[bone] - along[:, None] * axis, axis=-1)
    pull = np.exp(-(away - away.min(1, keepdims=True)) / part.soft)
    pull[pull < 0.02] = 0.0
    out[:, chosen] = pull / pull.sum(1, keepdims=True)
    return out


def _marks(skeleton: Skeleton, joints: Float64, scale: float) -> dict[str, tuple[int, Float64]]:
    """Places on head, neck and feet in the making pose; left is +x."""
    head, c = skeleton.index("head"), joints[skeleton.index("head")]
    neck = skeleton.index("lowerneck")
    out = {"nose": (head, c + scale * NOSE), "head_top": (head, c + scale * TOP)}
    below = joints[skeleton.index("thorax")]
    out["thorax"] = (neck, below + 0.5 * (joints[neck] - below))
    for side, sign in SIDES.items():
        word = {"l": "left", "r": "right"}[side]
        out[f"{word}_eye"] = (head, c + scale * EYE * (sign, 1, 1))
        out[f"{word}_ear"] = (head, c + scale * (EAR + at(0.012, 0, 0)) * (sign, 1, 1))
        ankle, toes = joints[skeleton.index(f"{side}tibia")], joints[skeleton.index(f"{side}toes")]
        sole = ankle[2] - scale * SOLE_BELOW_ANKLE_M
        forth = (toes - ankle) * (1, 1, 0) / np.linalg.norm((toes - ankle)[:2])
        out[f"{word}_heel"] = (
            skeleton.index(f"{side}foot"),
            at(*(ankle - 0.075 * scale * forth)[:2], sole + 0.02 * scale),
        )
        out[f"{word}_toe"] = (
            skeleton.index(f"{side}toes"),
            at(*(toes + 0.035 * scale * forth)[:2], sole + 0.02 * scale),
        )
    return out


def _stature(skeleton: Skeleton, joints: Float64, scale: float) -> float:
    """Top of the head to the sole of a person standing with straight legs."""
    hips = joints[[skeleton.index(name) for name in HIPS]].mean(0)
    legs = [np.linalg.norm(skeleton.offsets[skeleton.index(s + bone)]) for s in SIDES for bone in ("femur", "tibia")]
    top = joints[skeleton.index("head")] + scale * TOP
    return float(top[2] - hips[2] + sum(legs) / 2 + scale * SOLE_BELOW_ANKLE_M)


def _open_sky(points: Float64, normals: Float64, pieces: list[Part]) -> Float64:
    """How free the view from a surface is, 0..1: distances along the normal (I. Quilez, "Ambient occlusion")."""
    whole = union([piece.shape for piece in pieces])
    closed = np.zeros(len(points))
    for reach, share in ((0.015, 0.35), (0.04, 0.35), (0.09, 0.3)):
        closed += share * np.clip(1 - whole(points + reach * normals) / reach, 0, 1)
    return np.clip(1 - 0.9 * closed, 0.1, 1.0)


def make_figure(skeleton: Skeleton, look: Look, *, detail: float = 1.0) -> Figure:
    """Dress a skeleton. ``detail`` < 1 makes coarser, quicker meshes."""
    height = _stature(skeleton, *_made(skeleton))
    if look.stature_m is not None:
        skeleton = skeleton.scaled(look.stature_m / height)
    joints, scale = _made(skeleton)
    unit = {name: joint / scale for name, joint in zip(skeleton.names, joints, strict=True)}
    pieces = parts(unit, look.girth, head_parts)
    surfaces = [mesh(piece.shape, piece.low, piece.high, piece.step / detail) for piece in pieces]
    starts = np.cumsum([0, *(len(surface.vertices) for surface in surfaces)])
    points = np.concatenate([surface.vertices for surface in surfaces])
    normals = np.concatenate([surface.normals for surface in surfaces])
    pulls = [_weights(s.vertices, piece, skeleton, joints / scale) for s, piece in zip(surfaces, pieces, strict=True)]
    colours = [albedo(piece.name, s.vertices, look, unit) for s, piece in zip(surfaces, pieces, strict=True)]
    return Figure(
        skeleton=skeleton,
        vertices=(points * scale).astype(np.float32),
        normals=normals.astype(np.float32),
        triangles=np.concatenate([s.triangles + start for s, start in zip(surfaces, starts[:-1], strict=True)]),
        colours=np.concatenate(colours).astype(np.float32),
        open_sky=_open_sky(points, normals, pieces).astype(np.float32),
        weights=np.concatenate(pulls),
        joints=joints,
        rotations=making_pose(skeleton),
        marks=_marks(skeleton, joints, scale),
        part_of=np.repeat(np.arange(len(surfaces)), np.diff(starts)),
        height_m=_stature(skeleton, joints, scale),
    )


def _made(skeleton: Skeleton) -> tuple[Float64, float]:
    """Joints [J, 3] in the making pose with the root at the origin, and the skeleton's size."""
    return skeleton.place(np.zeros((1, 3)), making_pose(skeleton)[None])[0], skeleton.scale
