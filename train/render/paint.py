"""Colours of skin, hair and clothes: a little uneven everywhere, as cloth and skin are. Linear light, 0..1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from train.render.head import EYE, MOUTH
from train.render.surface import Float64, noise

Colour = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """How people differ: colours are sRGB 0..1, ``girth`` 1 is slim, ``stature_m`` None keeps the skeleton's height."""

    stature_m: float | None = None
    girth: float = 1.0
    skin: Colour = (0.80, 0.60, 0.48)
    hair: Colour = (0.20, 0.13, 0.09)
    shirt: Colour = (0.72, 0.23, 0.17)
    stripe: Colour = (0.90, 0.86, 0.78)
    trousers: Colour = (0.20, 0.25, 0.36)
    belt: Colour = (0.16, 0.10, 0.07)
    shoe: Colour = (0.22, 0.22, 0.24)
    sole: Colour = (0.88, 0.87, 0.83)


def linear(colour: Colour | Float64) -> Float64:
    """Linear light of sRGB values (power 2.2)."""
    return np.asarray(colour, float) ** 2.2


def _over(base: Float64, colour: Float64, amount: Float64) -> Float64:
    return base + np.clip(amount, 0, 1)[:, None] * (colour - base)


def _edge(distance: Float64, width: float) -> Float64:
    """1 well inside (negative), 0 outside, soft over ``width`` metres."""
    return np.clip(0.5 - distance / width, 0, 1)


def _face(p: Float64, look: Look, joints: Mapping[str, Float64]) -> Float64:
    skin, q = linear(look.skin), p - joints["head"]
    out = np.tile(skin, (len(p), 1))
    side = np.abs(q[:, 0])
    flush = np.exp(-(((np.stack([side, q[:, 1], q[:, 2]], -1) - (0.042, -0.09, -0.045)) / 0.024) ** 2).sum(-1))
    out = _over(out, skin * (1.0, 0.72, 0.68), 0.6 * flush)
    stubble = np.exp(-(((q - (0, -0.09, -0.095)) / (0.06, 0.05, 0.032)) ** 2).sum(-1))
    out = _over(out, skin * (0.72, 0.7, 0.72), 0.45 * stubble)
    front = (q[:, 1] < -0.06).astype(float)
    lip = np.hypot(q[:, 0] / MOUTH[0], (q[:, 2] - MOUTH[2]) / 0.0085) - 1
    out = _over(out, skin * (0.78, 0.42, 0.40), front * _edge(lip, 0.4))
    gap = np.maximum(side - 0.02, np.abs(q[:, 2] - MOUTH[2]) - 0.0012)
    out = _over(out, skin * 0.22, 0.8 * front * _edge(gap, 0.004))
    socket = np.hypot((side - EYE[0]) / 0.02, (q[:, 2] - EYE[2] - 0.001) / 0.013) - 1
    out = _over(out, skin * (0.62, 0.52, 0.5), 0.8 * front * _edge(socket, 0.9))
    lash = np.hypot((side - EYE[0]) / 0.0165, (q[:, 2] - EYE[2] - 0.002) / 0.0095) - 1
    return _over(out, skin * 0.12, 0.75 * front * _edge(lash, 0.25))


def _eye(p: Float64, look: Look, joints: Mapping[str, Float64]) -> Float64:
    q = p - joints["head"]
    q[:, 0] = np.abs(q[:, 0])
    ring = np.hypot(q[:, 0] - EYE[0], q[:, 2] - EYE[2])
    white = np.tile(linear((0.92, 0.9, 0.88)), (len(p), 1))
    iris = _over(white, linear((0.24, 0.16, 0.10)), _edge(ring - 0.0062, 0.002))
    lid = _edge(-(q[:, 2] - EYE[2] - 0.0045), 0.003)
    return _over(iris, linear(look.skin) * 0.45, lid)


def _shirt(p: Float64, look: Look, joints: Mapping[str, Float64]) -> Float64:
    base, stripe = linear(look.shirt), linear(look.stripe)
    weave = 1 + 0.10 * noise(p, 0.035, 31) + 0.06 * noise(p, 0.012, 32)
    out = base * weave[:, None]
    level = p[:, 2] - (0.66 * joints["lclavicle"][2] + 0.34 * joints["root"][2])
    chest = np.abs(p[:, 0]) < 0.8 * np.abs(joints["lclavicle"][0]) + 0.06
    out = _over(out, stripe * weave[:, None], chest * _edge(np.abs(level) - 0.022, 0.01))
    for side in "lr":
        shoulder, arm = joints[f"{side}clavicle"], joints[f"{side}humerus"] - joints[f"{side}clavicle"]
        along = (p - shoulder) @ arm / (arm @ arm)
        outside = p[:, 0] * np.sign(shoulder[0]) > np.abs(shoulder[0]) * 0.9
        out = _over(out, stripe * weave[:, None], outside * _edge(0.565 - along, 0.03))
    collar = np.linalg.norm((p - joints["thorax"])[:, :2], axis=-1) + 4 * np.maximum(
        joints["thorax"][2] + 0.07 - p[:, 2], 0
    )
    return _over(out, base * 0.62, _edge(collar - 0.095, 0.02))


def _trousers(p: Float64, look: Look, joints: Mapping[str, Float64]) -> Float64:
    base = linear(look.trousers)
    out = base * (1 + 0.16 * noise(p, (0.03, 0.03, 0.06), 41) + 0.10 * noise(p, 0.011, 42))[:, None]
    worn = sum(
        np.exp(-(((p - joints[f"{s}femur"] - (0, -0.06, 0.06)) / (0.05, 0.08, 0.14)) ** 2).sum(-1)) for s in "lr"
    )
    out = _over(out, base * 1.9 + 0.02, 0.35 * worn)
    seam = np.abs(np.abs(p[:, 0]) - np.interp(p[:, 2], *_outer_seam(joints)))
    pocket = (
        np.abs(p[:, 2] + 0.35 * (np.abs(p[:, 0]) - 0.1) * 4 + 0.05)
        + 10 * (p[:, 1] > -0.03)
        + 10 * (np.abs(p[:, 0]) < 0.1)
    )
    return _over(
        out,
        base * 0.5,
        0.8 * np.maximum(_edge(seam - 0.003, 0.006) * (np.abs(p[:, 1]) < 0.03), _edge(pocket - 0.003, 0.008)),
    )


def _outer_seam(joints: Mapping[str, Float64]) -> tuple[Float64, Float64]:
    rows = np.array(
        [
            (joints[bone][2], joints[bone][0] + out)
            for bone, out in (("ltibia", 0.06), ("lfemur", 0.07), ("lhipjoint", 0.09))
        ]
    )
    return rows[:, 0], rows[:, 1]


def _plain(colour: Colour, size: float, amount: float, seed: int, p: Float64) -> Float64:
    return linear(colour) * (1 + amount * noise(p, size, seed) + amount / 2 * noise(p, size / 3, seed + 1))[:, None]


def albedo(part: str, points: Float64, look: Look, joints: Mapping[str, Float64]) -> Float64:
    """Colour float64 [N, 3] (linear light) of points [N, 3] of a part, in the making pose of a person of 1.73 m."""
    special = {"face": _face, "eye": _eye, "shirt": _shirt, "trousers": _trousers}
    if part in special:
        out = special[part](points.copy(), look, joints)
    elif part == "belt":
        brass = np.hypot(points[:, 0] / 0.022, (points[:, 2] - joints["lhipjoint"][2] - 0.12) / 0.016) - 1
        front = points[:, 1] < joints["root"][1] - 0.1
        out = _over(_plain(look.belt, 0.03, 0.2, 51, points), linear((0.72, 0.62, 0.38)), front * _edge(brass, 0.3))
    else:
        colour, size, amount = {
            "arm": (look.skin, 0.04, 0.06),
            "hand": (look.skin, 0.02, 0.08),
            "hair": (look.hair, 0.012, 0.5),
            "brow": (look.hair, 0.01, 0.2),
            "shoe": (look.shoe, 0.02, 0.25),
            "sole": (look.sole, 0.02, 0.06),
        }[part]
        out = _plain(colour, size, amount, 61, points)
    return np.clip(out, 0.0, 1.0)
