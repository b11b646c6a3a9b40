"""2D once per clip, then any number of lifters over the same tracks."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stream3d.errors import TrackFileError
from stream3d.geometry import Camera
from stream3d.lift import LiftSettings, make_lifter
from stream3d.pose2d import PoseSettings, make_estimator
from stream3d.solve import make_smoother
from stream3d.source import Source, open_source
from stream3d.track import Tracker
from stream3d.trackfile import load_tracks
from stream3d.values import Frame, Poses3D, Tracks2D

Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """The 2D tracks of every frame of a clip, and its size in pixels and nominal rate."""

    tracks: tuple[Tracks2D, ...]
    size: tuple[int, int]
    fps: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """One person over the frames in which they were lifted.

    ``rows`` int64 [T] are frame numbers, ``time`` float64 [T] seconds, ``joints`` float32 [T, 17, 3] metres, camera
    space, ``keypoints`` float32 [T, J, 3] pixels and score, NaN = not seen.
    """

    person: int
    rows: npt.NDArray[np.int64]
    time: npt.NDArray[np.float64]
    joints: Float32
    keypoints: Float32


def see(clip: str | Path, most: int | None = None, settings: PoseSettings | None = None) -> Seen:
    """Find and follow everybody in the first ``most`` frames of a clip, or in all."""
    estimator, tracker, tracks = make_estimator(settings), Tracker(), []
    with open_source(clip) as source:
        estimator.warm(source.info.width, source.info.height)
        for frame in _first(source, most):
            regions = tracker.regions(frame.stamp)
            tracks.append(tracker(estimator(frame, regions, searching=tracker.searching(frame.source_id))))
        size, fps = (source.info.width, source.info.height), source.info.fps or 25.0
    return Seen(tracks=tuple(tracks), size=size, fps=fps)


def frames_of(clip: str | Path, most: int | None = None) -> Iterator[Frame]:
    """The pictures again."""
    with open_source(clip) as source:
        yield from _first(source, most)


def _first(frames: Source, most: int | None) -> Iterator[Frame]:
    for number, frame in enumerate(frames):
        if most is not None and number >= most:
            return
        yield frame


def lift(seen: Seen, weights: str, camera: Camera, *, smoother: str = "none") -> list[Poses3D]:
    """Skeletons of every frame by the lifter of that name or file, at the default stature."""
    smooth = make_smoother(smoother)
    lifter = make_lifter(LiftSettings(lifter=weights))
    return [smooth(poses) for poses in lifter.lift_all((tracks, camera) for tracks in seen.tracks)]


def recorded(path: Path, seen: Seen) -> tuple[Seen, list[Poses3D]]:
    """The 2D and the skeletons that another run, of another version perhaps, stored of the same clip as a track file.

    Raises:
        TrackFileError: there is no such file, or it is damaged.
    """
    file = load_tracks(path)
    layouts = file.keypoint_layout, file.joint_layout
    rows = {frame.frame: frame for frame in file.by_frame()}
    nobody = file.rows(0, 0) if len(file) else None
    tracks, poses = [], []
    for there in seen.tracks:
        found = rows.get(there.index, nobody)
        if found is None:
            raise TrackFileError(f"{path}: holds nobody, so there is nothing to compare")
        stamp = {"frame": there.index, "time": there.pts}
        tracks.append(replace(found, **stamp).tracks(layouts[0]))
        poses.append(replace(found, **stamp).poses(layouts[1]))
    return replace(seen, tracks=tuple(tracks)), poses


def people_of(seen: Seen, poses: Sequence[Poses3D]) -> list[Person]:
    """Everybody's rows, the longest seen first."""
    rows: dict[int, list[tuple[int, float, Float32, Float32]]] = {}
    for number, (tracks, lifted) in enumerate(zip(seen.tracks, poses, strict=True)):
        for row, person in enumerate(lifted.person.tolist()):
            if np.isfinite(lifted.joints[row]).all():
                found = (number, lifted.pts, lifted.joints[row], tracks.keypoints[row])
                rows.setdefault(person, []).append(found)
    people = []
    for person, those in rows.items():
        numbers, times, joints, keypoints = zip(*those, strict=True)
        people.append(
            Person(
                person=person,
                rows=np.array(numbers),
                time=np.array(times),
                joints=np.stack(joints),
                keypoints=np.stack(keypoints),
            )
        )
    return sorted(people, key=lambda who: -len(who.rows))


def add_nets(parser: argparse.ArgumentParser) -> None:
    """``--detector`` and ``--keypoints``, as ``stream3d run`` has them; ``PoseSettings`` are made of what is said."""
    parser.add_argument("--detector", default=PoseSettings().detector, metavar="NAME|FILE", help="that finds people")
    parser.add_argument("--keypoints", default=PoseSettings().keypoints, metavar="NAME|FILE", help="that finds joints")


def pose_settings(given: argparse.Namespace) -> PoseSettings:
    """The settings of the 2D room by ``add_nets``' flags."""
    return PoseSettings(detector=given.detector, keypoints=given.keypoints)
