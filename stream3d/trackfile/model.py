"""Tracks as arrays, one row per frame and person; what a track file holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from stream3d.errors import TrackFileError
from stream3d.skeleton import LAYOUTS, Layout
from stream3d.values import Float32, Int64, Poses3D, Tracks2D

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class TrackFile:
    """The rows of a track file, N of them, ordered by frame; a frame in which nobody was seen has no row.

    ``frame`` int64 [N]; ``time`` float64 [N] seconds of the media; ``person`` int64 [N]; ``keypoints2d`` float32
    [N, J2, 3] = x, y in pixels, score (NaN in x, y = not seen); ``joints3d`` float32 [N, J, 3] metres, camera space;
    ``sigma`` float32 [N, J] metres; ``rotations`` float32 [N, J, 4] unit quaternions x, y, z, w, or None. NaN: unknown.

    Raises:
        TrackFileError: an array has another dtype or shape, holds infinities, or the rows are out of order or doubled.
    """

    frame: Int64
    time: Float64
    person: Int64
    keypoints2d: Float32
    keypoint_names: tuple[str, ...]
    joints3d: Float32
    joint_names: tuple[str, ...]
    sigma: Float32
    rotations: Float32 | None = None
    meta: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n, j2, j3 = len(self.frame), len(self.keypoint_names), len(self.joint_names)
        _check("frame", self.frame, np.int64, (n,))
        _check("time", self.time, np.float64, (n,))
        _check("person", self.person, np.int64, (n,))
        _check("keypoints2d", self.keypoints2d, np.float32, (n, j2, 3))
        _check("joints3d", self.joints3d, np.float32, (n, j3, 3))
        _check("sigma", self.sigma, np.float32, (n, j3))
        if self.rotations is not None:
            _check("rotations", self.rotations, np.float32, (n, j3, 4))
        _check_names("keypoint_names", self.keypoint_names)
        _check_names("joint_names", self.joint_names)
        _check_order(self.frame, self.time, self.person)

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.frame)

    @property
    def keypoint_layout(self) -> Layout:
        """The layout whose names these are.

        Raises:
            TrackFileError: no known layout has these names in this order.
        """
        return _layout_of(self.keypoint_names)

    @property
    def joint_layout(self) -> Layout:
        """The layout whose names these are.

        Raises:
            TrackFileError: no known layout has these names in this order.
        """
        return _layout_of(self.joint_names)

    def by_frame(self) -> Iterator[FrameRows]:
        """The rows of each frame that has any, in order; the arrays are views."""
        if not len(self):
            return
        cuts = np.flatnonzero(np.diff(self.frame)) + 1
        for start, stop in zip([0, *cuts.tolist()], [*cuts.tolist(), len(self)], strict=True):
            yield self.rows(start, stop)

    def rows(self, start: int, stop: int) -> FrameRows:
        """Rows ``start`` to ``stop``, which must be of one frame."""
        part = slice(start, stop)
        return FrameRows(
            frame=int(self.frame[start]),
            time=float(self.time[start]),
            person=self.person[part],
            keypoints2d=self.keypoints2d[part],
            joints3d=self.joints3d[part],
            sigma=self.sigma[part],
            rotations=None if self.rotations is None else self.rotations[part],
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class FrameRows:
    """The P people of one frame; arrays as in `TrackFile`, [P, ...]."""

    frame: int
    time: float
    person: Int64
    keypoints2d: Float32
    joints3d: Float32
    sigma: Float32
    rotations: Float32 | None

    def poses(self, layout: Layout, source_id: str = "") -> Poses3D:
        """The skeletons as the rooms know them; ``captured_at`` is the media time, for there is no other."""
        return Poses3D(
            source_id=source_id,
            index=self.frame,
            pts=self.time,
            captured_at=self.time,
            joints=self.joints3d,
            sigma=self.sigma,
            person=self.person,
            layout=layout,
            rotations=self.rotations,
        )

    def tracks(self, layout: Layout, source_id: str = "") -> Tracks2D:
        """The 2D poses as the rooms know them; ``captured_at`` is the media time."""
        return Tracks2D(
            source_id=source_id,
            index=self.frame,
            pts=self.time,
            captured_at=self.time,
            keypoints=self.keypoints2d,
            layout=layout,
            person=self.person,
        )


def _check(name: str, array: npt.NDArray[Any], dtype: type[np.generic], shape: tuple[int, ...]) -> None:
    if array.dtype != dtype or array.shape != shape:
        raise TrackFileError(f"{name} must be {dtype.__name__} {list(shape)}, not {array.dtype} {list(array.shape)}")
    if issubclass(dtype, np.floating) and np.isinf(array).any():
        raise TrackFileError(f"{name} holds infinities; unknown values must be NaN")


def _check_names(name: str, names: tuple[str, ...]) -> None:
    doubled = sorted({joint for joint in names if names.count(joint) > 1})
    if doubled or "" in names or not names:
        raise TrackFileError(f"{name} must be unique and not empty, not {list(names[:40])}")


def _check_order(frame: Int64, time: Float64, person: Int64) -> None:
    if (frame < 0).any() or (np.diff(frame) < 0).any():
        at = int(np.flatnonzero((frame < 0) | (np.diff(frame, prepend=frame[:1]) < 0))[0])
        raise TrackFileError(f"frame must be 0 or more and never fall; row {at} is frame {frame[at]}")
    if not np.isfinite(time).all():
        raise TrackFileError(f"time must be finite; row {int(np.flatnonzero(~np.isfinite(time))[0])} is not")
    same = np.diff(frame) == 0
    if (same & (np.diff(time) != 0)).any():
        at = int(np.flatnonzero(same & (np.diff(time) != 0))[0]) + 1
        raise TrackFileError(f"a frame has one time; frame {frame[at]} has {time[at - 1]} and {time[at]}")
    order = np.lexsort((person, frame))
    twice = (np.diff(frame[order]) == 0) & (np.diff(person[order]) == 0)
    if twice.any():
        at = int(order[np.flatnonzero(twice)[0]])
        raise TrackFileError(f"person {person[at]} stands twice in frame {frame[at]}")


def _layout_of(names: tuple[str, ...]) -> Layout:
    for layout in LAYOUTS.values():
        if layout.names == names:
            return layout
    raise TrackFileError(f"no known layout has the joints {list(names[:40])}; known are {', '.join(LAYOUTS)}")
