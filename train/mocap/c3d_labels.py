"""What the labels of C3D points mean: Plug-in-Gait's markers, or joints under the names that are in use."""

from __future__ import annotations

import numpy as np

from stream3d.skeleton import LAYOUTS
from train.mocap.c3d_points import Points
from train.mocap.motion import Float64
from train.mocap.ui_prmd import NEEDED

# Other names of Plug-in-Gait's markers: CMU's and HDM05's pelvis, one wrist or sacrum marker instead of two.
_ALIASES = {
    "LASI": ("LASIS", "LFWT"),
    "RASI": ("RASIS", "RFWT"),
    "LPSI": ("LPSIS", "LBWT", "SACR"),
    "RPSI": ("RPSIS", "RBWT", "SACR"),
    "LWRA": ("LWRI", "LIWR"),
    "LWRB": ("LWRI", "LOWR"),
    "RWRA": ("RWRI", "RIWR"),
    "RWRB": ("RWRI", "ROWR"),
}
_GAIT_CENTRES = {"HJC": "hip", "KJC": "knee", "AJC": "ankle", "SJC": "shoulder", "EJC": "elbow", "WJC": "wrist"}
_PARTS = ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")
_LIMBS = tuple(f"{side}_{part}" for side in ("left", "right") for part in _PARTS)


def named_places(points: Points) -> dict[str, Float64]:
    """Places [T, 3] by label without the person's name; 0, 0, 0 is how some files write that a marker was lost."""
    places = points.places.astype(np.float64)
    places[(places == 0).all(-1)] = np.nan
    labels = [label.strip().rpartition(":")[2].strip() for label in points.labels]
    return {label: places[:, column] for column, label in enumerate(labels) if label}


def markers_of(named: dict[str, Float64]) -> dict[str, Float64] | None:
    """The NEEDED markers by Plug-in-Gait's names, if all are there under one name or another."""
    upper = {name.upper(): place for name, place in named.items()}
    out = {}
    for name in NEEDED:
        known = next((other for other in (name, *_ALIASES.get(name, ())) if other in upper), None)
        if known is None:
            return None
        out[name] = upper[known]
    return out


def _joint(label: str) -> str:
    """A label's joint in the project's vocabulary, or nothing: LHJC, left_hip, LHip, LeftHip, Hips."""
    if label.upper()[1:] in _GAIT_CENTRES and label[:1].upper() in "LR":
        return f"{'left' if label[:1].upper() == 'L' else 'right'}_{_GAIT_CENTRES[label.upper()[1:]]}"
    word = label.lower().replace("_", "").replace(" ", "")
    return _SPELLINGS.get(word, "")


def _spellings() -> dict[str, str]:
    out = {"hips": "pelvis", "midhip": "pelvis", "hip": "pelvis"}
    for name in {name for layout in LAYOUTS.values() for name in layout.names}:
        side, _, part = name.partition("_")
        out[name.replace("_", "")] = name
        if side in ("left", "right"):
            out[side[0] + part.replace("_", "")] = name
    return out


_SPELLINGS = _spellings()


def centres_of(named: dict[str, Float64]) -> dict[str, Float64] | None:
    """Joint centres by the project's names, if all limbs are among them; pelvis and thorax are made where missing."""
    out = {joint: place for label, place in named.items() if (joint := _joint(label))}
    if any(joint not in out for joint in _LIMBS):
        return None
    out.setdefault("pelvis", (out["left_hip"] + out["right_hip"]) / 2)
    shoulders = (out["left_shoulder"] + out["right_shoulder"]) / 2
    out.setdefault("thorax", out.get("neck", shoulders))
    return out
