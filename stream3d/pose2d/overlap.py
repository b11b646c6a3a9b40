"""Two poses on one person: one of them is a repetition, or was read off somebody who covers whom it is of."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import overload

import cv2
import numpy as np
import numpy.typing as npt

from stream3d.planes import Planes
from stream3d.pose2d.protocol import KeypointNet, Landmarks
from stream3d.pose2d.regions import same_person
from stream3d.pose2d.shown import on_host
from stream3d.skeleton import Layout

Float32 = npt.NDArray[np.float32]
UInt8 = npt.NDArray[np.uint8]

_SIDES = ("left", "right")
_BONES = (("shoulder", "elbow"), ("elbow", "wrist"), ("shoulder", "hip"), ("hip", "knee"), ("knee", "ankle"))
_TRUNK = ("left_shoulder", "right_shoulder", "right_hip", "left_hip")
_MAIN = tuple(f"{side}_{joint}" for side in _SIDES for joint in ("shoulder", "hip", "elbow", "knee"))
_SAME_POSE = 0.08  # mean distance of the main joints, in sides of the region, below which two poses are one person
_LIMBS = tuple(f"{side}_{joint}" for joint in ("elbow", "wrist", "knee", "ankle") for side in _SIDES)
_SHARED_PX = 0.05  # sides of the region within which a joint lies on the other's, left or right
_TOO_MANY = 2  # shared joints of eight from which it is no chance
_THICK = 0.42  # of the trunk's length: how thick limbs are painted
_GREY = (128, 128, 128)
_LEAST = 0.6  # share of the presence that must be left when the other is painted over
_OFF = 0.3  # sides that the pose may lie off where it was asked for


def same_pose(seen: Landmarks, one: int, other: int, layout: Layout) -> bool:
    """Whether two of the poses lie on each other: the net was asked twice for one person."""
    joints = [layout.names.index(name) for name in _MAIN]
    away = np.linalg.norm(seen.keypoints[one, joints, :2] - seen.keypoints[other, joints, :2], axis=-1)
    known = np.isfinite(away)
    if not known.any():
        return bool(same_person(seen.regions[one], seen.regions[[other]])[0])
    return bool(away[known].mean() < _SAME_POSE * max(seen.regions[one, 2], seen.regions[other, 2]))


def apart(net: KeypointNet, image: UInt8, asked: Float32, seen: Landmarks) -> Landmarks:
    """``seen``, with whoever of two shares too many joints with the other read again without the other.

    ``asked`` float32 [R, 4] are the regions in which the poses were read. Of two people who embrace, the net often
    reads the one in front twice. Whoever of such two was seen less surely is read again in a picture in which the
    other's limbs and trunk are grey, or else the other one is. The reading stays if it shares fewer joints and its
    presence is at least 0.6 of before. Where both poses are the same, one of the two is hidden or gone, and nothing is
    read again.
    """
    for one, other in combinations(np.flatnonzero(seen.presence >= net.min_presence).tolist(), 2):
        shared = _shared(seen, one, other, net.layout)
        if shared >= _TOO_MANY and not same_pose(seen, one, other, net.layout):
            seen = _parted(net, image, asked, seen, (one, other), shared)
    return seen


def _parted(
    net: KeypointNet, image: UInt8, asked: Float32, seen: Landmarks, pair: tuple[int, int], shared: int
) -> Landmarks:
    for row, cover in sorted((pair, pair[::-1]), key=lambda two: float(seen.presence[two[0]])):
        again = net(painted_over(on_host(image), seen.keypoints[cover], net.layout), asked[row : row + 1])
        off = float(np.hypot(*(again.regions[0] - asked[row])[:2]))
        if not off <= _OFF * asked[row, 2] or again.presence[0] < _LEAST * seen.presence[row]:
            continue  # not there, or nowhere, which is NaN
        order = np.arange(len(seen.presence))
        order[row] = len(order)
        candidate = seen.and_those(again).rows(order)
        if _shared(candidate, row, cover, net.layout) < shared:
            return candidate
    return seen


def _shared(seen: Landmarks, one: int, other: int, layout: Layout) -> int:
    """How many limb joints of a person lie on the same joint, of either side, of another."""
    joints = np.array([layout.names.index(name) for name in _LIMBS])
    mine, theirs = (seen.keypoints[who, joints, :2].reshape(-1, 2, 2) for who in (one, other))
    near = _SHARED_PX * max(float(seen.regions[one, 2]), float(seen.regions[other, 2]))
    away = np.linalg.norm(mine[:, :, None] - theirs[:, None], axis=-1)  # [pairs, mine, theirs]; NaN is not near
    return int((np.where(np.isfinite(away), away, np.inf).min(2) < near).sum())


@overload
def painted_over(image: UInt8, keypoints: Float32, layout: Layout) -> UInt8: ...
@overload
def painted_over(image: Planes, keypoints: Float32, layout: Layout) -> Planes: ...
def painted_over(image: UInt8 | Planes, keypoints: Float32, layout: Layout) -> UInt8 | Planes:
    """A copy of ``image``, uint8 [H, W, 3] or planes, in which trunk, limbs and head of a pose [J, 3] are grey."""
    if not isinstance(image, Planes):
        return _painted(image, keypoints, layout, _GREY)
    halved = (keypoints / 2).astype(np.float32)
    y = _painted(image.y, keypoints, layout, (image.light(_GREY[0]),))
    u, v = (_painted(plane, halved, layout, _GREY[:1]) for plane in (image.u, image.v))
    return replace(image, y=y, u=u, v=v)


def _painted(image: UInt8, keypoints: Float32, layout: Layout, grey: tuple[int, ...]) -> UInt8:
    out, at = image.copy(), {name: keypoints[row, :2] for row, name in enumerate(layout.names)}
    trunk = np.array([at[name] for name in _TRUNK])
    if not np.isfinite(trunk).all():
        return out
    length = float(np.linalg.norm(trunk[:2].mean(0) - trunk[2:].mean(0)))
    thick = max(1, round(_THICK * length))
    cv2.fillPoly(out, [cv2.convexHull(np.rint(trunk).astype(np.int32))], grey)
    for side in _SIDES:
        for first, second in _BONES:
            _stroke(out, at[f"{side}_{first}"], at[f"{side}_{second}"], thick, grey)
    nose = at["nose"]
    if np.isfinite(nose).all():
        _stroke(out, trunk[:2].mean(0), nose, thick, grey)
        _stroke(out, nose, nose, 2 * thick, grey)
    return out


def _stroke(image: UInt8, start: Float32, end: Float32, thick: int, grey: tuple[int, ...]) -> None:
    if np.isfinite(start).all() and np.isfinite(end).all():
        ends = [tuple(int(v) for v in np.rint(np.clip(point, -30000, 30000))) for point in (start, end)]
        cv2.line(image, ends[0], ends[1], grey, thick)
