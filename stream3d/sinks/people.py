"""One frame's people with their 2D and 3D joined by identity."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stream3d.errors import ShapeError
from stream3d.sinks.base import RunInfo
from stream3d.values import Float32, Int64, Result


@dataclass(frozen=True, kw_only=True, slots=True)
class People:
    """P people; what one is not known by is NaN, and nothing is infinite.

    ``person`` int64 [P]; ``keypoints`` float32 [P, J2, 3]; ``joints`` float32 [P, J, 3]; ``sigma`` float32 [P, J];
    ``rotations`` float32 [P, J, 4]. Units and spaces as in `Result`.
    """

    person: Int64
    keypoints: Float32
    joints: Float32
    sigma: Float32
    rotations: Float32


def people_of(result: Result, info: RunInfo) -> People:
    """Everybody who has a 2D pose or a skeleton in this frame: first the tracks' order, then those with 3D alone.

    Raises:
        ShapeError: the layouts are not those of the run, or the time is not finite.
    """
    tracks, poses = result.tracks, result.poses
    for got, said in ((tracks.layout, info.keypoint_layout), (poses.layout, info.joint_layout)):
        if got != said:
            raise ShapeError(f"frame {result.frame.index} is in layout {got.name}, the run began in {said.name}")
    if not math.isfinite(result.frame.pts):
        raise ShapeError(f"frame {result.frame.index} has the time {result.frame.pts}; it must be finite")
    person = np.concatenate([tracks.person, poses.person[~np.isin(poses.person, tracks.person)]])
    rotations = poses.rotations
    if rotations is None:
        rotations = np.full((len(poses), poses.layout.size, 4), np.nan, np.float32)
    return People(
        person=person,
        keypoints=_rows_for(person, tracks.person, tracks.keypoints),
        joints=_rows_for(person, poses.person, poses.joints),
        sigma=_rows_for(person, poses.person, poses.sigma),
        rotations=_rows_for(person, poses.person, rotations),
    )


def _rows_for(person: Int64, owners: Int64, values: Float32) -> Float32:
    """The row of ``values`` that belongs to each person, NaN where there is none; infinities become NaN."""
    out: npt.NDArray[np.float32] = np.full((len(person), *values.shape[1:]), np.nan, np.float32)
    if len(owners):
        order = np.argsort(owners, kind="stable")
        at = order[np.searchsorted(owners, person, sorter=order).clip(max=len(owners) - 1)]
        has = owners[at] == person
        out[has] = values[at[has]]
    out[~np.isfinite(out)] = np.nan
    return out
