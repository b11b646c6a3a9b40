"""A synthetic person who walks: motion without any data."""

from __future__ import annotations

import numpy as np

from train.mocap.h36m import POINTS

_REST = {
    "pelvis": (0, 0, 0.92),
    "right_hip": (0.1, 0, 0.92),
    "right_knee": (0.1, 0, 0.50),
    "right_ankle": (0.1, 0, 0.08),
    "spine": (0, 0, 1.15),
    "thorax": (0, 0, 1.40),
    "nose": (0, 0.06, 1.54),
    "head_top": (0, 0.02, 1.68),
    "right_shoulder": (0.18, 0, 1.38),
    "right_elbow": (0.2, 0, 1.10),
    "right_wrist": (0.2, 0.05, 0.86),
    "true_nose": (0, 0.11, 1.57),
    "upper_neck": (0, 0, 1.52),
}


def walker(frames: int, phase: float = 0.0, fps: float = 60.0) -> np.ndarray:
    """POINTS float32 [T, 19, 3], metres, z up: a person who swings arms and legs and goes a slow circle."""
    rest = np.array([_REST.get(name) or _mirrored(_REST[name.replace("left", "right")]) for name in POINTS])
    time = np.arange(frames)[:, None] / fps * 6 + phase
    out = np.tile(rest, (frames, 1, 1))
    for joint, name in enumerate(POINTS):
        sign = 1 if name.startswith("right") else -1
        reach = {"knee": 0.2, "ankle": 0.3, "elbow": -0.15, "wrist": -0.25}.get(name.partition("_")[2], 0.0)
        out[:, joint, 1] += sign * reach * np.sin(time[:, 0])
    turn = time[:, 0] / 10
    c, s = np.cos(turn)[:, None], np.sin(turn)[:, None]
    x, y = out[..., 0] + 1.5, out[..., 1].copy()
    out[..., 0], out[..., 1] = c * x - s * y, s * x + c * y
    return out.astype(np.float32)


def _mirrored(place: tuple[float, float, float]) -> tuple[float, float, float]:
    return -place[0], place[1], place[2]
