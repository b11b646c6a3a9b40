"""The figures that describe a 2D net's errors, and the axes in which its joints lie elsewhere than the mocap's."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stream3d.skeleton import H36M17
from train.mocap.h36m import POINTS

Float32 = npt.NDArray[np.float32]

_FARTHER_M, _AWAY_M = 0.15, 0.03
FILE = Path(__file__).with_name("blazepose.json")
KINDS = ("nose", "hip", "knee", "ankle", "shoulder", "elbow", "wrist")
AXES = ("outward", "up", "forward", "bone")
# What of POINTS a net gives itself; the rest it lacks, or it is the middle of two of these.
NAMES = ("nose", *(name for name in H36M17.names if name.partition("_")[0] in ("left", "right")))
IN_POINTS = np.array([POINTS.index("true_nose"), *(POINTS.index(name) for name in NAMES[1:])])
KIND = np.array([KINDS.index(name.rpartition("_")[2]) for name in NAMES])
_LIMB = np.array([name.rpartition("_")[2] in ("knee", "ankle", "elbow", "wrist") for name in NAMES])
_PARENT = np.array([0, *(H36M17.parents[H36M17.names.index(name)] for name in NAMES[1:])])
_OUTWARD = np.array([0.0, *(1.0 if name.startswith("left") else -1.0 for name in NAMES[1:])], np.float32)
TWIN = np.array([0, *(NAMES.index({"l": "right", "r": "left"}[n[0]] + "_" + n.partition("_")[2]) for n in NAMES[1:])])
_P = {name: index for index, name in enumerate(POINTS)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """What ``train.measure2d`` found; metres at a body of 1.70 m, seconds, shares of 1; lists by KINDS unless said.

    ``offset`` [7, 4] is where the net's joint lies from the mocap's along AXES. What is left of the error is, per
    picture axis, ``slow_sd`` and ``fast_sd``, each forgotten over ``slow_s`` and ``fast_s``, and ``white_sd``, anew in
    every frame; ``level_sd`` is how the log of all three varies from clip to clip and joint to joint. Joints farther
    than their twin and faces that look away are ``away_factor`` times as wrong. Who is ``unsure`` (score below
    ``sure_above``), a share [2] of the joints that are not, or are, away, is so for about ``unsure_s`` and
    ``unsure_factor`` times as wrong; ``sure_scores`` and ``unsure_scores`` are quantiles. Of the joints ``wild`` are
    off by ``wild_sd``, for ``wild_s``. Sides are exchanged only in a share ``unstable`` of the time, in stretches of
    ``stretch_s``; there for the share ``slipped``, ``slip_s`` at a time; ``slip_parts`` [3] are the chances of arms,
    legs, both. ``lost`` of all frames show nobody, ``lost_s`` at a time.
    """

    net: str
    offset: tuple[tuple[float, ...], ...]
    slow_sd: tuple[float, ...]
    fast_sd: tuple[float, ...]
    white_sd: tuple[float, ...]
    slow_s: float
    fast_s: float
    level_sd: float
    away_factor: tuple[float, ...]
    sure_above: float
    unsure: tuple[float, float]
    unsure_s: float
    unsure_factor: float
    sure_scores: tuple[float, ...]
    unsure_scores: tuple[float, ...]
    wild: float
    wild_sd: float
    wild_s: float
    unstable: float
    stretch_s: float
    slipped: float
    slip_s: float
    slip_parts: tuple[float, float, float]
    lost: float
    lost_s: float

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        path.write_text(json.dumps(dataclasses.asdict(self), indent=1) + "\n", encoding="utf-8")


def load(path: Path = FILE) -> Table:
    """The table in a file that ``Table.save`` wrote."""
    fields = json.loads(path.read_text(encoding="utf-8"))
    offset = tuple(tuple(row) for row in fields.pop("offset"))
    lists = {name: tuple(value) for name, value in fields.items() if isinstance(value, list)}
    return Table(**(fields | lists), offset=offset)


def _unit(vectors: Float32) -> Float32:
    length = np.sqrt((vectors * vectors).sum(-1, keepdims=True))
    return np.asarray(vectors / np.maximum(length, np.float32(1e-6)), np.float32)


def axes_of(points: Float32) -> Float32:
    """AXES [..., 13, 4, 3] of NAMES for POINTS [..., 19, 3] in camera space.

    Outward is from the midline to the joint's own side, up and forward the trunk's; the nose has the head's. Bone is
    the way from the joint before, for joints that have a limb's.
    """
    trunk, head, bones = _directions(points)
    out = np.zeros((*points.shape[:-2], len(NAMES), len(AXES), 3), np.float32)
    out[..., :3, :] = trunk[..., None, :, :]
    out[..., 0, :] *= _OUTWARD[:, None]
    out[..., 0, :3, :] = head
    out[..., _LIMB, 3, :] = bones
    return out


def moved(points: Float32, offset: Float32) -> Float32:
    """NAMES' way [..., 13, 3] when each moves by its row of ``offset`` [13, 4] along its axes (see ``axes_of``)."""
    trunk, head, bones = _directions(points)
    along = offset[:, :3].copy()
    along[:, 0] *= _OUTWARD
    out = np.matmul(along, trunk)
    out[..., 0, :] = offset[0, :3] @ head
    out[..., _LIMB, :] += bones * offset[_LIMB, 3, None]
    return np.asarray(out, np.float32)


def _directions(points: Float32) -> tuple[Float32, Float32, Float32]:
    """Left, up and forward of the trunk [..., 3, 3] and, but for left, of the head; the limbs' bones [..., 8, 3]."""
    hips, shoulders = (points[..., _P[f"left_{j}"], :] - points[..., _P[f"right_{j}"], :] for j in ("hip", "shoulder"))
    up = _unit(points[..., _P["thorax"], :] - points[..., _P["pelvis"], :])
    left = _unit(_across(hips + shoulders, up))
    trunk = np.stack([left, up, np.cross(left, up)], -2)
    ahead = _unit(points[..., _P["true_nose"], :] - points[..., _P["upper_neck"], :])
    above = _unit(_across(points[..., _P["head_top"], :] - points[..., _P["upper_neck"], :], ahead))
    bones = _unit(points[..., IN_POINTS[_LIMB], :] - points[..., _PARENT[_LIMB], :])
    return trunk, np.stack([np.zeros_like(above), above, ahead], -2), bones


def _across(vectors: Float32, direction: Float32) -> Float32:
    return np.asarray(vectors - (vectors * direction).sum(-1, keepdims=True) * direction)


def shifted(points: Float32, vectors: Float32) -> Float32:
    """How far NAMES appear to move, [..., 13, 2] m at their own depth, when they move by ``vectors`` [..., 13, 3]."""
    there = points[..., IN_POINTS, :]
    rays = there[..., :2] / np.maximum(there[..., 2:], 0.3)
    return np.asarray(vectors[..., :2] - rays * vectors[..., 2:], np.float32)


def turned_away(points: Float32) -> npt.NDArray[np.bool_]:
    """Which of NAMES [..., 13] are clearly farther than their twin; the nose if the face looks away."""
    depth = points[..., IN_POINTS, 2]
    out = depth - depth[..., TWIN] > _FARTHER_M
    out[..., 0] = points[..., _P["true_nose"], 2] - points[..., _P["upper_neck"], 2] > _AWAY_M
    return np.asarray(out)
