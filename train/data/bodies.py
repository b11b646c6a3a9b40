"""Is this a human body, and in which unit? Told by lengths that differ little between grown-ups.

Bounds are wide: children from about twelve and very tall people pass, other units and other joint orders do not.
Lengths after Drillis & Contini 1966 (thigh + shin ~0.49 of the stature, both arms' bones ~0.33 of it).
"""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt

from stream3d.errors import TrackFileError
from stream3d.skeleton import H36M17, Layout
from train.data.motions import convert_joints
from train.data.values import Float32

# Metres per unit: metres, centimetres, millimetres, inches, and CMU's ASF unit (an inch over 0.45).
UNITS_M = {"m": 1.0, "cm": 0.01, "mm": 0.001, "in": 0.0254, "ASF unit": 0.0254 / 0.45}
# Hip to ankle over the knee, and the smallest and largest share of it that other lengths have.
LEG_M = (0.62, 1.12)
_SHARES = {
    "thigh": (0.38, 0.65),
    "arm": (0.40, 0.85),
    "upper arm": (0.18, 0.50),
    "torso": (0.35, 0.85),
    "hips": (0.08, 0.50),
    "shoulders": (0.18, 0.65),
}
MOST_UNEVEN = 0.20
_SAMPLE = 2000
# Knees of people who bow low, or of badly placed markers, may lie this far behind their line.
_BACKWARDS_M = 0.06


def _median(values: npt.NDArray[np.floating]) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # all NaN is an answer here
        return float(np.nanmedian(values))


def _lengths(body: Float32) -> dict[str, float]:
    """Typical lengths of both sides in the unit of ``body`` [T, 17, 3]; NaN where joints are never there."""
    at = {name: body[:, joint].astype(np.float64) for joint, name in enumerate(H36M17.names)}

    def bone(a: str, b: str) -> float:
        return _median(np.linalg.norm(at[a] - at[b], axis=-1))

    out: dict[str, float] = {}
    for side in ("left", "right"):
        thigh, shin = bone(f"{side}_hip", f"{side}_knee"), bone(f"{side}_knee", f"{side}_ankle")
        upper, lower = bone(f"{side}_shoulder", f"{side}_elbow"), bone(f"{side}_elbow", f"{side}_wrist")
        out |= {f"{side} thigh": thigh, f"{side} leg": thigh + shin}
        out |= {f"{side} upper arm": upper, f"{side} arm": upper + lower}
    out["torso"] = bone("pelvis", "thorax")
    out["hips"], out["shoulders"] = bone("left_hip", "right_hip"), bone("left_shoulder", "right_shoulder")
    return out


def _sample(joints: Float32) -> Float32:
    return joints[:: max(1, len(joints) // _SAMPLE)]


def metres_per_unit(joints: Float32, layout: Layout, what: str) -> float:
    """The unit of joints [T, J, 3], told by the length of the legs.

    Raises:
        TrackFileError: in no known unit are these the legs of a grown-up.
    """
    lengths = _lengths(convert_joints(_sample(joints), layout, H36M17))
    leg = (lengths["left leg"] + lengths["right leg"]) / 2
    for metres in UNITS_M.values():
        if LEG_M[0] <= leg * metres <= LEG_M[1]:
            return metres
    raise TrackFileError(
        f"{what}: legs are {leg:.4g} units long, which is {LEG_M[0]} to {LEG_M[1]} m in none of {', '.join(UNITS_M)};"
        f" is {layout.name} the order of the joints?"
    )


def complaints(joints: Float32, layout: Layout) -> tuple[str, ...]:
    """What is not human about joints [T, J, 3] in metres; empty if nothing is."""
    if not len(joints):
        return ("there are no frames",)
    body = convert_joints(_sample(joints), layout, H36M17)
    lengths = _lengths(body)
    leg = (lengths["left leg"] + lengths["right leg"]) / 2
    out = [] if LEG_M[0] <= leg <= LEG_M[1] else [f"legs of {leg:.2f} m"]
    for name in ("leg", "thigh", "arm", "upper arm"):
        left, right = lengths[f"left {name}"], lengths[f"right {name}"]
        uneven = abs(left - right) / max(left + right, 1e-9) * 2
        if not uneven <= MOST_UNEVEN:
            out.append(f"left and right {name} of {left:.2f} and {right:.2f} m")
        lengths[name] = (left + right) / 2
    for name, (low, high) in _SHARES.items():
        if not low <= lengths[name] / max(leg, 1e-9) <= high:
            out.append(f"{name} of {lengths[name]:.2f} m beside legs of {leg:.2f} m")
    if _knees_ahead(body) < -_BACKWARDS_M:
        out.append("knees bend backwards, so left and right are swapped or an axis is mirrored")
    return tuple(out)


def _knees_ahead(body: Float32) -> float:
    """How far on average knees lie before the line from hip to ankle; negative in a mirrored body."""
    at = {name: body[:, joint].astype(np.float64) for joint, name in enumerate(H36M17.names)}
    ahead = np.cross(at["thorax"] - at["pelvis"], at["right_hip"] - at["left_hip"])
    ahead /= np.linalg.norm(ahead, axis=-1, keepdims=True) + 1e-9
    bends = [
        ((at[f"{side}_knee"] - (at[f"{side}_hip"] + at[f"{side}_ankle"]) / 2) * ahead).sum(-1)
        for side in ("left", "right")
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return float(np.nanmean(bends))


def in_metres(joints: npt.NDArray[np.floating], layout: Layout, what: str) -> Float32:
    """Joints [T, J, 3] of any unit in metres, found to be a human body.

    Raises:
        TrackFileError: the unit is none, or the body is not one: the joints are in another order, most likely.
    """
    scaled = joints.astype(np.float32) * np.float32(metres_per_unit(joints.astype(np.float32), layout, what))
    wrong = complaints(scaled, layout)
    if wrong:
        raise TrackFileError(f"{what}: these are no human bodies in the order of {layout.name}: {'; '.join(wrong)}")
    return scaled
