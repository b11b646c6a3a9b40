"""What the lifter net sees: a window of centred, size-normalised rays. Pure arrays, shared by training and run time.

Each frame is seen by a virtual camera that looks at the person's root (perspective centring, so that where the person
stands in the picture changes nothing), in units of the body's apparent size over the window.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stream3d.geometry import centring_rotation, rotate_rays
from stream3d.skeleton import H36M17

Float32 = npt.NDArray[np.float32]
Bool = npt.NDArray[np.bool_]

WINDOW = 27
FEATURES = 17 * 3 + 4

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
_FARTHEST = 5.0
_ZOOM = 17 * 3 + 1


def _mean_of(rays: Float32, seen: Bool, joints: tuple[str, ...]) -> tuple[Float32, Bool]:
    """Mean ray [..., 2] of the seen ones among ``joints``, and whether there was one."""
    index = [_J[name] for name in joints]
    mask = seen[..., index, None]
    count = mask.sum(-2)
    total = np.where(mask, rays[..., index, :], np.float32(0)).sum(-2)
    return total / np.maximum(count, 1).astype(np.float32), count[..., 0] > 0


def _below_shoulders(rays: Float32, seen: Bool) -> tuple[Float32, Bool]:
    """A guess of the root [..., 2] under the shoulders, for bodies cut off at the waist."""
    top, any_top = _mean_of(rays, seen, ("thorax", "left_shoulder", "right_shoulder"))
    widths = np.zeros(rays.shape[:-2], np.float32)
    for a, b, factor in (
        ("left_shoulder", "right_shoulder", _TORSO_PER_SHOULDERS),
        ("thorax", "nose", _TORSO_PER_NECK),
    ):
        both = seen[..., _J[a]] & seen[..., _J[b]]
        length = np.linalg.norm(rays[..., _J[a], :] - rays[..., _J[b], :], axis=-1)
        widths = np.maximum(widths, np.where(both, length * np.float32(factor), np.float32(0)))
    return top + np.stack([np.zeros_like(widths), widths], -1), any_top


def root_rays(rays: Float32, seen: Bool) -> Float32:
    """Where the root appears, float32 [..., 2], from ``rays`` [..., 17, 2] of which ``seen`` [..., 17] are known.

    The mean of both hips; else the pelvis, one hip, a guess below the shoulders, the mean of what is seen, and 0 where
    nothing is.
    """
    rays = np.where(seen[..., None], rays, np.float32(0))
    root, _ = _mean_of(rays, seen, H36M17.names)
    below, any_top = _below_shoulders(rays, seen)
    root = np.where(any_top[..., None], below, root)
    hips, any_hip = _mean_of(rays, seen, ("left_hip", "right_hip"))
    root = np.where(any_hip[..., None], hips, root)
    lone = seen[..., _J["pelvis"]] & ~(seen[..., _J["left_hip"]] & seen[..., _J["right_hip"]])
    return np.where(lone[..., None], rays[..., _J["pelvis"], :], root)


def apparent_size(rays: Float32, seen: Bool) -> Float32:
    """How large one metre of the body appears, float32 [B], from a window of ``rays`` [B, T, 17, 2].

    The sum of all seen bones' lengths over the sum of their usual lengths: it barely moves when limbs go unseen.
    """
    both = seen[..., BONE_A] & seen[..., BONE_B]
    bones = np.where(seen[..., None], rays, np.float32(0))
    lengths = np.linalg.norm(bones[..., BONE_A, :] - bones[..., BONE_B, :], axis=-1)
    apparent = np.where(both, lengths, np.float32(0)).sum((-2, -1))
    usual = np.where(both, BONE_M, np.float32(0)).sum((-2, -1))
    size = apparent / np.maximum(usual, np.float32(1e-6))
    return np.asarray(np.maximum(size, np.float32(_SMALLEST_SIZE)), np.float32)


def size_of(features: Float32, lookahead: int = 0) -> Float32:
    """The apparent size float32 [B], rays per metre, that the features [B, 27, 55] of a window were divided by."""
    return np.asarray(np.exp(features[:, -1 - lookahead, _ZOOM]) / 4, np.float32)


def window_features(
    rays: Float32, confidence: Float32, time: npt.NDArray[np.float64], lookahead: int = 0
) -> tuple[Float32, Float32]:
    """The net's input, and how to undo the centring.

    ``rays`` float32 [B, 27, 17, 2] in h36m17 order, oldest first; ``confidence`` float32 [B, 27, 17] in 0..1, where 0
    or a NaN ray means not seen; ``time`` float64 [B, 27] seconds. A frame in which nothing is seen counts as no frame.
    The answered frame has ``lookahead`` frames after it, of which the last may be no frames: the person has left.
    Returns features float32 [B, 27, 55] and, of the answered frame, ``virtual_from_camera`` float32 [B, 3, 3].
    Per frame: 17 × (x, y, confidence), seconds since the frame before × 10, log apparent size over the window, the root
    as the answered frame's virtual camera sees it (x, y).
    """
    answered = rays.shape[1] - 1 - lookahead
    seen: Bool = np.asarray((confidence > 0) & np.isfinite(rays).all(-1))
    present: Bool = np.asarray(seen.any(-1))
    roots = root_rays(rays, seen)
    turns = centring_rotation(roots)
    centred = rotate_rays(np.where(seen[..., None], rays, roots[..., None, :]), turns)
    # Off the axis a picture is stretched, so size is measured after centring too.
    size = apparent_size(centred, seen)
    centred = centred / size[:, None, None, None]
    path = rotate_rays(roots, turns[:, answered]) / size[:, None, None]
    points = np.concatenate([centred, np.where(seen, confidence, np.float32(0))[..., None]], -1)
    step = np.diff(time, axis=-1, prepend=time[:, :1]) * 10
    step = np.where(np.roll(present, 1, -1), step, 0.0)
    step[:, 0] = 0.0
    zoom = np.broadcast_to(np.log(4 * size)[:, None], present.shape)
    columns = [points.reshape(*present.shape, 51), step[..., None], zoom[..., None], path]
    features = np.concatenate(columns, -1, dtype=np.float32)
    limited = np.clip(np.nan_to_num(features, nan=0.0), -_FARTHEST, _FARTHEST)
    return limited * present[..., None].astype(np.float32), turns[:, answered].astype(np.float32)
