"""UI-PRMD: 39 Plug-in-Gait surface markers as joint centres.

Hip centres by Bell, Pedersen & Brand 1990 (14 % medial, 19 % behind, 30 % below the front pelvis markers, of their
distance); the other joints lie half a joint's width inwards of their markers (Davis et al. 1991).
"""

from __future__ import annotations

import numpy as np

from stream3d.errors import TrackFileError
from train.mocap.h36m import POINTS, add_face
from train.mocap.motion import Float32, Float64

_ORDER = (
    "LFHD RFHD LBHD RBHD C7 T10 CLAV STRN RBAK LSHO LUPA LELB LFRM LWRA LWRB LFIN RSHO RUPA RELB RFRM RWRA RWRB RFIN"
    " LASI RASI LPSI RPSI LTHI LKNE LTIB LANK LHEE LTOE RTHI RKNE RTIB RANK RHEE RTOE"
)
MARKERS = tuple(_ORDER.split())
# What joint centres are made of; the others move with the skin more than with the bones.
_SPARE = "RBAK LUPA LFRM LFIN RUPA RFRM RFIN LTHI LTIB LHEE LTOE RTHI RTIB RHEE RTOE"
NEEDED = tuple(name for name in MARKERS if name not in _SPARE.split())
FPS = 100.0
KNEE_M, ANKLE_M, ELBOW_M, SHOULDER_M, HEAD_TOP_M = 0.05, 0.035, 0.035, 0.05, 0.10


def _unit(vector: Float64) -> Float64:
    return vector / np.linalg.norm(vector, axis=-1, keepdims=True)


def _markers(text: str) -> dict[str, Float64]:
    """Positions [T, 3] in metres by name; a lost marker, written as 0,0,0, is NaN."""
    rows = [line.split(",") for line in text.splitlines() if line.strip()]
    if not rows or any(len(row) != 3 * len(MARKERS) for row in rows):
        raise TrackFileError(f"a UI-PRMD file has {3 * len(MARKERS)} columns, not {sorted({len(row) for row in rows})}")
    table = np.array(rows, np.float64).reshape(len(rows), -1, 3) / 1000
    table[(table == 0).all(-1)] = np.nan
    return {name: table[:, column] for column, name in enumerate(MARKERS)}


def _hips(m: dict[str, Float64]) -> tuple[Float64, Float64, Float64]:
    """Left and right hip centre, and the unit vector to the right."""
    front = (m["LASI"] + m["RASI"]) / 2
    width = np.linalg.norm(m["RASI"] - m["LASI"], axis=-1, keepdims=True)
    right = _unit(m["RASI"] - m["LASI"])
    ahead = front - (m["LPSI"] + m["RPSI"]) / 2
    ahead = _unit(ahead - (ahead * right).sum(-1, keepdims=True) * right)
    inside = front - width * (0.19 * ahead + 0.30 * np.cross(right, ahead))
    return inside - 0.36 * width * right, inside + 0.36 * width * right, right


def _limbs(m: dict[str, Float64], points: dict[str, Float64], right: Float64) -> None:
    down = _unit(points["pelvis"] - points["thorax"])
    for side, letter, inward in (("left", "L", right), ("right", "R", -right)):
        points[f"{side}_knee"] = m[f"{letter}KNE"] + KNEE_M * inward
        points[f"{side}_ankle"] = m[f"{letter}ANK"] + ANKLE_M * inward
        points[f"{side}_shoulder"] = m[f"{letter}SHO"] + SHOULDER_M * down
        points[f"{side}_wrist"] = (m[f"{letter}WRA"] + m[f"{letter}WRB"]) / 2
        points[f"{side}_elbow"] = m[f"{letter}ELB"] + ELBOW_M * inward


def read_ui_prmd(text: str) -> Float32:
    """POINTS float32 [T, 19, 3], metres, world space, z up, 100 fps; NaN where a marker was lost.

    Raises:
        TrackFileError: the text is not 39 markers a line.
    """
    return joint_centres(_markers(text))


def joint_centres(m: dict[str, Float64]) -> Float32:
    """POINTS float32 [T, 19, 3] of the NEEDED markers [T, 3], metres, z up."""
    points: dict[str, Float64] = {}
    points["left_hip"], points["right_hip"], right = _hips(m)
    points["pelvis"] = (points["left_hip"] + points["right_hip"]) / 2
    points["thorax"] = (m["CLAV"] + m["C7"]) / 2
    points["spine"] = 0.26 * points["pelvis"] + 0.37 * (m["T10"] + m["STRN"])
    _limbs(m, points, right)
    brow, nape = (m["LFHD"] + m["RFHD"]) / 2, (m["LBHD"] + m["RBHD"]) / 2
    forward = _unit(brow - nape)
    up = _unit(np.cross(m["RFHD"] - m["LFHD"], forward))
    points["head_top"] = (brow + nape) / 2 + HEAD_TOP_M * up
    points["upper_neck"] = (brow + nape) / 2 - HEAD_TOP_M * up
    add_face(points, forward=forward, up=up)
    return np.stack([points[name] for name in POINTS], 1).astype(np.float32)
