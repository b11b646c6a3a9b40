"""The shapes of a head: skull, face, ears, hair, eyes; all ride on the head bone but for the neck."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from train.render.body import Part, at
from train.render.skeleton import SIDES
from train.render.surface import Float64, Shape, cone, cut, ellipsoid, grown, noise, union

# Places on the head, metres from the end of the head bone of a person of 1.73 m; left is +x, the face looks to -y.
NOSE = at(0.0, -0.124, -0.043)
EYE = at(0.0315, -0.0935, -0.004)
EAR = at(0.077, 0.008, -0.02)
MOUTH = at(0.024, -0.098, -0.078)
TOP = at(0.0, 0.004, 0.112)


def _mirrored(point: Float64, sign: float) -> Float64:
    return point * (sign, 1, 1)


def _face(c: Float64, neck: Float64) -> Shape:
    skull = ellipsoid(c + at(0, -0.002, 0.012), (0.0755, 0.098, 0.098))
    jaw = union(
        [
            ellipsoid(c + at(0, -0.035, -0.055), (0.057, 0.066, 0.063)),
            cone(c + at(0, -0.07, -0.098), c + at(0, -0.072, -0.1), (0.022, 0.022)),
        ],
        0.03,
    )
    cheeks = [ellipsoid(c + at(s * 0.037, -0.068, -0.04), (0.026, 0.026, 0.026)) for s in SIDES.values()]
    sockets = [ellipsoid(c + at(s * 0.032, -0.108, -0.003), (0.018, 0.014, 0.012)) for s in SIDES.values()]
    base = union([skull, jaw, *cheeks], 0.03)
    hollow = union(sockets)

    def face(p: Float64) -> Float64:
        inner, pit = base(p), -hollow(p)
        near = np.maximum(0.012 - np.abs(inner - pit), 0.0) / 0.012
        return np.maximum(inner, pit) + near * near * 0.003

    bridge = cone(c + at(0, -0.097, 0.004), c + NOSE + at(0, 0.012, 0.002), (0.007, 0.012))
    wings = [ellipsoid(c + NOSE + at(s * 0.011, 0.014, -0.003), (0.009, 0.012, 0.009)) for s in SIDES.values()]
    brow = cone(c + at(-0.04, -0.085, 0.017), c + at(0.04, -0.085, 0.017), (0.008, 0.008))
    lips = [cone(c + at(-0.016, -0.092, z), c + at(0.016, -0.092, z), (0.0065, 0.0065)) for z in (-0.073, -0.082)]
    nose = union([bridge, *wings, ellipsoid(c + NOSE + at(0, 0.01, 0.001), (0.0115, 0.0115, 0.0115))], 0.008)
    ears = [
        cut(
            ellipsoid(c + _mirrored(EAR, s), (0.014, 0.02, 0.033)),
            c + _mirrored(EAR, s) + at(0, -0.014, 0),
            at(0, -1, 0),
        )
        for s in SIDES.values()
    ]
    throat = cone(neck, c + at(0, 0.012, -0.05), (0.057, 0.056), flat=((0, 1, 0), 1.05))
    return union([union([face, brow, *lips], 0.008), nose, *ears, throat], 0.012)


def _hair(c: Float64) -> Shape:
    cap = grown(
        ellipsoid(c + at(0, 0.004, 0.016), (0.082, 0.1035, 0.1025)), lambda p: 0.005 * noise(p, (0.012, 0.012, 0.05), 5)
    )
    fringe = cut(cap, c + at(0, -0.088, 0.06), at(0, -0.75, -0.6))
    front = grown(fringe, lambda p: 0.003 + 0.004 * noise(p, (0.012, 0.06, 0.06), 6))
    sides = cut(cap, c + at(0, -0.012, 0), at(0, -1, 0))
    return cut(union([front, sides]), c + at(0, 0.05, -0.062), at(0, -0.25, -1))


def head_parts(joints: Mapping[str, Float64]) -> list[Part]:
    """Face with neck, hair and both eyes."""
    c, neck = joints["head"], joints["thorax"] + at(0, 0.0, 0.03)
    reach = at(0.1, 0.14, 0.13)
    out = [
        Part(
            name="face",
            shape=_face(c, neck),
            low=at(-0.1, c[1] - 0.14, neck[2] - 0.05),
            high=c + reach,
            step=0.0046,
            bones=("thorax", "lowerneck", "upperneck", "head"),
            soft=0.012,
        ),
        Part(name="hair", shape=_hair(c), low=c - reach, high=c + reach, step=0.006, bones=("head",)),
    ]
    for sign in SIDES.values():
        eye = c + _mirrored(EYE, sign) + at(0, 0.008, 0)
        brow_in, brow_out = c + at(sign * 0.018, -0.1, 0.019), c + at(sign * 0.047, -0.0885, 0.0175)
        out += [
            Part(
                name="eye",
                shape=ellipsoid(eye, (0.0125, 0.0125, 0.0095)),
                low=eye - 0.014,
                high=eye + 0.014,
                step=0.0028,
                bones=("head",),
            ),
            Part(
                name="brow",
                shape=cone(brow_in, brow_out, (0.004, 0.0028)),
                low=np.minimum(brow_in, brow_out) - 0.006,
                high=np.maximum(brow_in, brow_out) + 0.006,
                step=0.0024,
                bones=("head",),
            ),
        ]
    return out
