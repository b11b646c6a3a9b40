"""What the lifter sees of a person, computed frame by frame: where the root is, how large the body appears.

Joints are those of h36m17. Arrays in, arrays out; ``stream3d.lift.features`` says what they mean and checks them.
"""

from __future__ import annotations

import math

import numba
import numpy as np
import numpy.typing as npt

from stream3d.skeleton import H36M17

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]

_J = {name: index for index, name in enumerate(H36M17.names)}
# Bones that measure apparent size, with their usual lengths in metres at a stature of 1.70 m.
_BONES = (
    ("right_hip", "right_knee", 0.42),
    ("left_hip", "left_knee", 0.42),
    ("right_knee", "right_ankle", 0.42),
    ("left_knee", "left_ankle", 0.42),
    ("pelvis", "thorax", 0.49),
    ("thorax", "nose", 0.17),
    ("left_shoulder", "right_shoulder", 0.34),
    ("left_shoulder", "left_elbow", 0.28),
    ("right_shoulder", "right_elbow", 0.28),
    ("left_elbow", "left_wrist", 0.25),
    ("right_elbow", "right_wrist", 0.25),
)
BONE_A = np.array([_J[a] for a, _, _ in _BONES])
BONE_B = np.array([_J[b] for _, b, _ in _BONES])
BONE_M = np.array([length for _, _, length in _BONES], np.float32)
# Below the shoulders by this many shoulder widths or thorax-to-nose lengths, where nothing of the pelvis is seen.
_TORSO_PER_SHOULDERS, _TORSO_PER_NECK = 1.3, 2.6
_SMALLEST_SIZE = 1e-3
FARTHEST = 5.0

_ALL = np.arange(len(_J))
_TOP = np.array([_J["thorax"], _J["left_shoulder"], _J["right_shoulder"]])
_HIPS = np.array([_J["left_hip"], _J["right_hip"]])
_PELVIS, _THORAX, _NOSE = _J["pelvis"], _J["thorax"], _J["nose"]
_LEFT, _RIGHT = _J["left_shoulder"], _J["right_shoulder"]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _mean(rays: Float32, seen: Bool, joints: npt.NDArray[np.int64]) -> tuple[float, float, int]:
    """Mean of the seen ones among ``joints``, and how many there are."""
    count, x, y = 0, 0.0, 0.0
    for joint in joints:
        if seen[joint]:
            count += 1
            x += rays[joint, 0]
            y += rays[joint, 1]
    return x / max(count, 1), y / max(count, 1), count


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _apart(rays: Float32, seen: Bool, a: int, b: int) -> float:
    """How far two joints appear from each other; 0 unless both are seen."""
    if not (seen[a] and seen[b]):
        return 0.0
    return math.hypot(rays[a, 0] - rays[b, 0], rays[a, 1] - rays[b, 1])


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _root(rays: Float32, seen: Bool) -> tuple[float, float]:
    """Where the root appears among ``rays`` [17, 2]; ``stream3d.lift.features.root_rays`` has the rule."""
    x, y, count = _mean(rays, seen, _HIPS)
    if seen[_PELVIS] and count < len(_HIPS):
        return float(rays[_PELVIS, 0]), float(rays[_PELVIS, 1])
    if count:
        return x, y
    x, y, count = _mean(rays, seen, _TOP)
    if count:
        width = _apart(rays, seen, _LEFT, _RIGHT) * _TORSO_PER_SHOULDERS
        return x, y + max(width, _apart(rays, seen, _THORAX, _NOSE) * _TORSO_PER_NECK)
    x, y, _ = _mean(rays, seen, _ALL)
    return x, y


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _size(apparent: float, usual: float) -> float:
    return max(apparent / max(usual, 1e-6), _SMALLEST_SIZE)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _centring(x: float, y: float, turn: Float64) -> None:
    """Writes into ``turn`` [3, 3] what brings the ray (x, y) onto the axis; see ``geometry.centring_rotation``."""
    length = math.sqrt(x * x + y * y + 1.0)
    fx, fy, fz = x / length, y / length, 1.0 / length
    flat = math.hypot(fx, fz)
    rx, rz = fz / flat, -fx / flat
    turn[0, 0], turn[0, 1], turn[0, 2] = rx, 0.0, rz
    turn[1, 0], turn[1, 1], turn[1, 2] = fy * rz, fz * rx - fx * rz, -fy * rx
    turn[2, 0], turn[2, 1], turn[2, 2] = fx, fy, fz


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _turned(x: float, y: float, turn: Float64) -> tuple[float, float]:
    """The ray (x, y) seen from the turned camera."""
    z = turn[2, 0] * x + turn[2, 1] * y + turn[2, 2]
    across = turn[0, 0] * x + turn[0, 1] * y + turn[0, 2]
    return across / z, (turn[1, 0] * x + turn[1, 1] * y + turn[1, 2]) / z


@numba.njit(cache=True, nogil=True, error_model="numpy")
def roots(rays: Float32, seen: Bool, out: Float32) -> None:
    """Roots ``out`` [N, 2] of ``rays`` [N, 17, 2]."""
    for n in range(len(rays)):
        out[n, 0], out[n, 1] = _root(rays[n], seen[n])


@numba.njit(cache=True, nogil=True, error_model="numpy")
def sizes(rays: Float32, seen: Bool, out: Float32) -> None:
    """Apparent sizes ``out`` [B] over windows of ``rays`` [B, T, 17, 2]."""
    for b in range(len(rays)):
        apparent, usual = 0.0, 0.0
        for t in range(rays.shape[1]):
            for bone in range(len(BONE_A)):
                if seen[b, t, BONE_A[bone]] and seen[b, t, BONE_B[bone]]:
                    apparent += _apart(rays[b, t], seen[b, t], BONE_A[bone], BONE_B[bone])
                    usual += BONE_M[bone]
        out[b] = _size(apparent, usual)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _limited(value: float) -> float:
    return 0.0 if math.isnan(value) else min(max(value, -FARTHEST), FARTHEST)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _centred(rays: Float32, confidence: Float32, seen: Bool, turn: Float64, out: tuple[Float32, Float64]) -> None:
    """Centred rays [T, 17, 2] and roots [T, 2] of one window into ``out``, and what is ``seen`` [T, 17]."""
    centred, root = out
    for t in range(len(rays)):
        for j in range(rays.shape[1]):
            known = math.isfinite(rays[t, j, 0]) and math.isfinite(rays[t, j, 1])
            seen[t, j] = known and confidence[t, j] > 0
        root[t, 0], root[t, 1] = _root(rays[t], seen[t])
        _centring(root[t, 0], root[t, 1], turn)
        for j in range(rays.shape[1]):
            if seen[t, j]:
                centred[t, j, 0], centred[t, j, 1] = _turned(rays[t, j, 0], rays[t, j, 1], turn)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def features(rays: Float32, confidence: Float32, time: Float64, answered: int, out: tuple[Float32, Float32]) -> None:
    """Features [B, T, 55] and the answered frame's turn [B, 3, 3], written into ``out``, whose features are zero."""
    frames, joints = rays.shape[1:3]
    table, turns = out
    size, root, turn = np.empty(1, np.float32), np.empty((frames, 2)), np.empty((3, 3))
    for b in range(len(rays)):
        centred, seen = np.zeros((1, frames, joints, 2), np.float32), np.empty((1, frames, joints), np.bool_)
        _centred(rays[b], confidence[b], seen[0], turn, (centred[0], root))
        # Off the axis a picture is stretched, so size is measured after centring too.
        sizes(centred, seen, size)
        _centring(root[answered, 0], root[answered, 1], turn)
        for k in range(9):
            turns[b, k // 3, k % 3] = turn[k // 3, k % 3]
        before = False
        for t in range(frames):
            row, present = table[b, t], False
            for j in range(joints):
                if seen[0, t, j]:
                    present = True
                    row[3 * j] = _limited(centred[0, t, j, 0] / size[0])
                    row[3 * j + 1] = _limited(centred[0, t, j, 1] / size[0])
                    row[3 * j + 2] = confidence[b, t, j]
            if present:
                x, y = _turned(root[t, 0], root[t, 1], turn)
                row[3 * joints] = _limited((time[b, t] - time[b, t - 1]) * 10.0) if before else 0.0
                row[3 * joints + 1] = _limited(math.log(4.0 * size[0]))
                row[3 * joints + 2] = _limited(x / size[0])
                row[3 * joints + 3] = _limited(y / size[0])
            before = present
