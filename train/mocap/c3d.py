"""C3D: surface markers of Plug-in-Gait's sets, or joint centres, as POINTS.

Markers become joint centres as UI-PRMD's do (train/mocap/ui_prmd.py); joint centres are told by their labels. A unit
that the file states is believed if people of that unit are grown-ups, and found by the length of the legs otherwise.
Up is the axis along which heads are above ankles, and what the file says of screens only for people who lie.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np

from stream3d.errors import TrackFileError
from train.data.bodies import LEG_M, UNITS_M
from train.mocap.c3d_labels import centres_of, markers_of, named_places
from train.mocap.c3d_points import Points, read_points
from train.mocap.h36m import POINTS
from train.mocap.motion import Float32, Float64
from train.mocap.ui_prmd import joint_centres

_UPRIGHT = 0.8
_UNIT_NAMES = {"mm": "mm", "millimeters": "mm", "cm": "cm", "m": "m", "meters": "m", "in": "in", "inch": "in"}


def read_c3d(path: Path) -> tuple[Float32, float]:
    """POINTS float32 [T, 19, 3], metres, world space, z up, NaN = not seen, and the frame rate.

    Raises:
        TrackFileError: the file is damaged, its labels are of no known set, or its unit is none.
    """
    return of_points(read_points(path), str(path))


def of_points(points: Points, what: str) -> tuple[Float32, float]:
    """The same of points that have been read; ``what`` names them in errors.

    Raises:
        TrackFileError: the labels are of no known set, the unit or the frame rate is none.
    """
    if not points.fps > 0 or not len(points.places):
        raise TrackFileError(f"{what}: has {len(points.places)} frames at {points.fps} per second")
    named = named_places(points)
    markers = markers_of(named)
    joints = None if markers else centres_of(named)
    if markers is None and joints is None:
        said = ", ".join(list(points.labels)[:8])
        raise TrackFileError(f"{what}: its labels are neither Plug-in-Gait's markers nor joints: {said}, …")
    ends = _leg_ends(markers, joints)
    scale, up = _metres(ends, points.units, what), _upward(ends, points.screen)
    table = {name: place * scale @ up.T for name, place in (markers or joints or {}).items()}
    return (joint_centres(table) if markers else _filled(table)), points.fps


def _filled(table: dict[str, Float64]) -> Float32:
    """POINTS of joint centres; a tip of the nose is ``true_nose``, which h36m17's ``nose`` is not."""
    lost = np.full_like(table["pelvis"], np.nan)
    known = {**table, "true_nose": table.get("nose", lost), "nose": lost}
    return np.stack([known.get(name, lost) for name in POINTS], 1).astype(np.float32)


def _leg_ends(markers: dict[str, Float64] | None, joints: dict[str, Float64] | None) -> list[tuple[Float64, ...]]:
    """(hip, knee, ankle, something high up) of both sides; a hip marker lies on the pelvis's front."""
    if markers:
        return [tuple(markers[f"{side}{part}"] for part in ("ASI", "KNE", "ANK", "SHO")) for side in "LR"]
    parts = ("hip", "knee", "ankle", "shoulder")
    return [tuple((joints or {})[f"{side}_{part}"] for part in parts) for side in ("left", "right")]


def _median(values: Float64) -> Float64:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # all NaN is an answer here
        return np.asarray(np.nanmedian(values, axis=0))


def _metres(ends: list[tuple[Float64, ...]], stated: str, what: str) -> float:
    bones = [np.linalg.norm(a - b, axis=-1) for hip, knee, ankle, _ in ends for a, b in ((hip, knee), (knee, ankle))]
    leg = float(sum(_median(bone) for bone in bones)) / len(ends)
    fits = {name: metres for name, metres in UNITS_M.items() if LEG_M[0] <= leg * metres <= LEG_M[1]}
    told = _UNIT_NAMES.get(stated.lower())
    if not fits:
        said = f"legs are {leg:.4g} units long; the file calls its unit {stated!r}"
        raise TrackFileError(f"{what}: {said}, and in none of {', '.join(UNITS_M)} is that a grown-up")
    return fits[told] if told in fits else next(iter(fits.values()))


def _upward(ends: list[tuple[Float64, ...]], screen: str) -> Float64:
    """The rotation [3, 3] that makes z of the axis that points up."""
    up = np.mean([_median(high - ankle) for _, _, ankle, high in ends], axis=0)
    axis = int(np.argmax(np.abs(up)))
    sign = float(np.sign(up[axis]))
    if not abs(up[axis]) > _UPRIGHT * np.linalg.norm(up) and screen[-1:].upper() in ("X", "Y", "Z"):
        axis, sign = "XYZ".index(screen[-1].upper()), -1.0 if screen.startswith("-") else 1.0
    z = np.eye(3)[axis] * sign
    x = np.eye(3)[(axis + 1) % 3]
    return np.stack([x, np.cross(z, x), z])
