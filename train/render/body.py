"""The shapes of a clothed person round the joints of the making pose, in metres of a person of 1.73 m."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from train.render.skeleton import SIDES
from train.render.surface import Float64, Shape, cone, cut, ellipsoid, grown, loft, noise, union

Joints = Mapping[str, Float64]
SOLE_BELOW_ANKLE_M = 0.082


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """One closed surface: ``shape`` within ``low``..``high``, triangles of ``step`` metres, moved by ``bones``.

    ``soft`` is how far (metres) the pull of one bone fades into the next.
    """

    name: str
    shape: Shape
    low: Float64
    high: Float64
    step: float
    bones: tuple[str, ...]
    soft: float = field(default=0.02)


def at(x: float, y: float, z: float) -> Float64:
    """A point or a direction."""
    return np.array([x, y, z])


def _trunk(hips_z: float, shoulders_z: float, girth: float, rows: str) -> Shape:
    """A loft from ``height,centre,wide,deep`` words: heights are 0 at the hips, 1 at the shoulders; the rest: cm."""
    span = shoulders_z - hips_z
    table = [[float(number) for number in word.split(",")] for word in rows.split()]
    return loft([(hips_z + h * span, y / 100, girth * a / 100, girth * b / 100) for h, y, a, b in table])


def _wrinkles(centres: list[Float64], reach: float, seed: int) -> Shape:
    """Folds of cloth, in metres: fine and level round the centres, broad elsewhere."""

    def lift(p: Float64) -> Float64:
        near = sum(np.exp(-(((p - c) / reach) ** 2).sum(-1)) for c in centres)
        fold = noise(p, (0.07, 0.07, 0.022), seed)
        return 0.0065 * np.minimum(near, 1.0) * fold + 0.0035 * noise(p, (0.05, 0.05, 0.11), seed + 1)

    return lift


def _shirt(j: Joints, girth: float) -> Part:
    hips, shoulders = j["lhipjoint"][2], j["lclavicle"][2]
    trunk = _trunk(
        hips,
        shoulders,
        girth,
        "0.21,-2.2,14.6,10.2 0.26,-2.2,15.2,10.9 0.36,-2.0,15.0,10.8 0.5,-2,15.8,11.2 0.66,-2.2,17.4,12"
        " 0.8,-1.6,17.8,12 0.92,-0.2,16.4,10.4 1.0,0.6,13.2,8.6 1.06,0.8,9.2,6.8 1.1,0.6,7.2,6.4",
    )
    parts: list[Shape] = [trunk]
    for side in SIDES:
        shoulder, elbow = j[f"{side}clavicle"], j[f"{side}humerus"]
        inner, outer = 0.3 * shoulder + 0.7 * j["thorax"] + at(0, 0.008, 0.052), shoulder + at(0, 0.004, -0.012)
        arm = elbow - shoulder
        sleeve = cone(outer, elbow, (0.057 * girth, 0.061 * girth))
        parts.append(union([cone(inner, outer, (0.03, 0.052 * girth)), cut(sleeve, shoulder + 0.62 * arm, arm)], 0.03))
    collar = cone(j["thorax"] + at(0, -0.012, 0.05), j["thorax"] + at(0, -0.014, 0.09), (0.066, 0.068))
    top = j["thorax"] + at(0, -0.02, 0.092)
    whole = union([union(parts, 0.055), cut(collar, top, at(0, -0.55, 1))], 0.03)
    folds = _wrinkles([at(0, -0.02, hips + 0.09), j["lclavicle"] * 0.85, j["rclavicle"] * 0.85], 0.13, 11)
    shape = grown(cut(whole, top + at(0, 0, 0.012), at(0, -0.5, 1)), folds)
    reach = np.abs(j["lhumerus"][0]) + 0.05
    bones = ("root", "lowerback", "upperback", "thorax", "lowerneck", "lclavicle", "rclavicle", "lhumerus", "rhumerus")
    return Part(
        name="shirt",
        shape=shape,
        low=at(-reach, -0.2 * girth, hips + 0.05),
        high=at(reach, 0.18 * girth, shoulders + 0.09),
        step=0.009,
        bones=bones,
        soft=0.026,
    )


def _trousers(j: Joints, girth: float) -> Part:
    hips, shoulders = j["lhipjoint"][2], j["lclavicle"][2]
    seat = _trunk(
        hips,
        shoulders,
        girth,
        "-0.2,-2,13,9 -0.1,-2.2,16.8,11.4 0,-2.2,17.6,12 0.12,-2.2,16.6,11.5 0.25,-2.2,15.6,11.2",
    )
    parts: list[Shape] = [seat]
    for side, sign in SIDES.items():
        hip, knee, ankle = j[f"{side}hipjoint"], j[f"{side}femur"], j[f"{side}tibia"]
        top = hip + at(-0.004 * sign, 0.008, -0.02)
        calf = knee + 0.33 * (ankle - knee) + at(0, 0.02, 0)
        hem = ankle + at(0, 0.012, -0.03)
        leg = [
            cone(top, knee + at(0, 0.006, 0), (0.089 * girth, 0.067 * girth), flat=((0, 1, 0), 1.08)),
            cone(knee + at(0, 0.006, 0), hem, (0.066 * girth, 0.059), flat=((0, 1, 0), 1.1)),
            ellipsoid(calf, (0.058 * girth, 0.062 * girth, 0.13)),
        ]
        parts.append(cut(union(leg, 0.03), ankle + at(0, 0, -0.012), at(0, 0.15, -1)))
        parts.append(ellipsoid(hip + at(-0.02 * sign, 0.082, -0.012), (0.085 * girth, 0.07 * girth, 0.1)))
    folds = _wrinkles(
        [j[f"{s}{b}"] + at(0, 0, dz) for s in SIDES for b, dz in (("femur", 0), ("tibia", 0.06))], 0.11, 23
    )
    ankle = j["ltibia"]
    return Part(
        name="trousers",
        shape=grown(union(parts, 0.035), folds),
        low=at(-0.27 * girth, -0.2 * girth, ankle[2] - 0.04),
        high=at(0.27 * girth, 0.2 * girth, hips + 0.14),
        step=0.009,
        bones=("root", "lhipjoint", "rhipjoint", "lowerback", "lfemur", "rfemur", "ltibia", "rtibia"),
        soft=0.02,
    )


def _belt(j: Joints, girth: float) -> Part:
    hips, shoulders = j["lhipjoint"][2], j["lclavicle"][2]
    band = _trunk(hips, shoulders, girth, "0.2,-2.2,16.3,11.8 0.24,-2.2,16.0,11.7 0.28,-2.2,15.8,11.6")
    buckle = ellipsoid(at(0, -0.022 - 0.117 * girth, hips + 0.12), (0.026, 0.012, 0.02))
    return Part(
        name="belt",
        shape=union([band, buckle]),
        low=at(-0.2 * girth, -0.18 * girth, hips + 0.08),
        high=at(0.2 * girth, 0.14 * girth, hips + 0.16),
        step=0.007,
        bones=("root", "lowerback"),
    )


def _arm(j: Joints, girth: float, side: str) -> Part:
    shoulder, elbow, wrist = j[f"{side}clavicle"], j[f"{side}humerus"], j[f"{side}wrist"]
    belly, upper = elbow + 0.22 * (wrist - elbow), shoulder + 0.4 * (elbow - shoulder)  # begins inside the sleeve
    down = np.cross(wrist - elbow, at(0, 1, 0))
    shape = union(
        [
            cone(upper, elbow, (0.047 * girth, 0.04 * girth)),
            cone(elbow, belly, (0.039 * girth, 0.042 * girth)),
            cone(belly, wrist + 0.02 * (wrist - elbow), (0.042 * girth, 0.027), flat=(down, 0.86)),
        ],
        0.03,
    )
    ends = np.stack([upper, elbow, wrist])
    bones = tuple(side + bone for bone in ("clavicle", "humerus", "radius", "wrist", "hand"))
    return Part(name="arm", shape=shape, low=ends.min(0) - 0.07, high=ends.max(0) + 0.07, step=0.008, bones=bones)


def _hand(j: Joints, side: str) -> Part:
    wrist, forth = j[f"{side}wrist"], j[f"{side}hand"] - j[f"{side}wrist"]
    forth = forth / np.linalg.norm(forth)
    thumb_way = at(0, -1, 0)
    back = np.cross(forth, thumb_way) * SIDES[side]

    def spot(along: float, aside: float, lift: float = 0.0) -> Float64:
        return wrist + along * forth + aside * thumb_way + lift * back

    palm = union(
        [
            cone(spot(0.0, 0.002), spot(0.085, 0.024), (0.025, 0.017), flat=(back, 0.62)),
            cone(spot(0.0, -0.002), spot(0.082, -0.026), (0.024, 0.016), flat=(back, 0.62)),
            cone(spot(0.02, 0.0), spot(0.085, 0.0), (0.025, 0.02), flat=(back, 0.62)),
        ],
        0.012,
    )
    fingers: list[Shape] = [palm]
    for aside, length in ((0.030, 0.068), (0.010, 0.077), (-0.011, 0.072), (-0.030, 0.056)):
        knuckle, middle = spot(0.085, aside), spot(0.085 + 0.55 * length, aside * 1.12, -0.008)
        tip = spot(0.082 + length, aside * 1.1, -0.026)
        fingers += [union([cone(knuckle, middle, (0.0098, 0.009)), cone(middle, tip, (0.009, 0.0075))], 0.004)]
    ball, joint, end = spot(0.02, 0.02, -0.004), spot(0.055, 0.05, -0.012), spot(0.088, 0.058, -0.018)
    thumb = union([cone(ball, joint, (0.017, 0.0115)), cone(joint, end, (0.0115, 0.0085))], 0.008)
    fingers.append(thumb)
    reach = np.stack([wrist - 0.045, wrist + 0.045, spot(0.17, 0.07, -0.04), spot(0.17, -0.06, 0.03)])
    bones = (f"{side}wrist", f"{side}hand")
    return Part(
        name="hand",
        shape=union(fingers, 0.006),
        low=reach.min(0),
        high=reach.max(0),
        step=0.0042,
        bones=bones,
        soft=0.01,
    )


def _shoe(j: Joints, side: str, sole: bool) -> Part:
    ankle, ball, toes = j[f"{side}tibia"], j[f"{side}foot"], j[f"{side}toes"]
    ground = ankle[2] - SOLE_BELOW_ANKLE_M
    forth = (toes - ankle) * (1, 1, 0)
    forth = forth / np.linalg.norm(forth)
    out = SIDES[side] * np.cross(at(0, 0, 1), forth) * -1

    def spot(point: Float64, along: float, height: float, aside: float = 0.0) -> Float64:
        return at(point[0], point[1], ground + height) + along * forth + aside * out

    heel, tip = spot(ankle, -0.048, 0.03), spot(toes, 0.012, 0.022)
    last = union(
        [
            cone(heel, spot(ball, -0.03, 0.03), (0.035, 0.042)),
            cone(spot(ball, -0.03, 0.03, 0.004), tip, (0.044, 0.031)),
        ],
        0.03,
    )
    upper = union(
        [
            last,
            cone(spot(ankle, 0.0, 0.03), ankle + at(0, 0.004, 0.0), (0.042, 0.041)),
            cone(ankle + at(0, 0, -0.018), spot(ball, -0.01, 0.034), (0.038, 0.028)),
        ],
        0.03,
    )
    slab = cut(cut(grown(last, 0.005), at(0, 0, ground), at(0, 0, -1)), at(0, 0, ground + 0.024), at(0, 0, 1))
    top = cut(cut(upper, at(0, 0, ground + 0.004), at(0, 0, -1)), ankle + at(0, 0, 0.012), at(0, 0, 1))
    corners = np.stack([heel - 0.07, heel + 0.07, tip - 0.07, tip + 0.07, ankle + 0.05])
    low, high = corners.min(0), corners.max(0)
    low[2] = ground - 0.01
    bones = (f"{side}foot", f"{side}toes")
    name, shape = ("sole", slab) if sole else ("shoe", top)
    return Part(name=name, shape=shape, low=low, high=high, step=0.006, bones=bones, soft=0.008)


def parts(j: Joints, girth: float, head: Callable[[Joints], list[Part]]) -> list[Part]:
    """All surfaces of a person whose joints stand at ``j`` (making pose, metres of a person of 1.73 m)."""
    out = [_shirt(j, girth), _trousers(j, girth), _belt(j, girth), *head(j)]
    for side in SIDES:
        out += [_arm(j, girth, side), _hand(j, side), _shoe(j, side, sole=False), _shoe(j, side, sole=True)]
    return out
