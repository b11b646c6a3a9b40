"""Looks through --data DIR: what is there, how much of it, and whether it is plausible."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stream3d.errors import Stream3DError
from stream3d.skeleton import H36M17
from train.data import human36m, humaneva, mpi_inf_3dhp
from train.data.bodies import complaints
from train.data.catalogue import DataSet
from train.data.motions import MotionSet
from train.data.poses2d import load_poses2d
from train.data.values import Poses2DSet
from train.mocap.files import read_motion
from train.mocap.takes import Take, load_takes

# Below this share of people who stand with their shoulders above their hips something is upside down.
_LEAST_UPRIGHT = 0.6
_LIMBS = [joint for joint, name in enumerate(H36M17.names) if name.startswith(("left", "right"))]


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What one file or folder holds, in words; ``faults`` are what is broken or implausible about it."""

    path: Path
    holds: str
    faults: tuple[str, ...] = ()


def inspect(given: DataSet, data_dir: Path, work_dir: Path) -> Iterator[Finding]:
    """Every file of a set that is in ``data_dir``, read and judged; conversions are cached in ``work_dir``."""
    for path in _found(given, data_dir):
        try:
            yield _READERS.get(given.name, _sources)(path, data_dir, work_dir)
        except (Stream3DError, OSError) as error:
            yield Finding(path=path, holds="cannot be read", faults=(str(error),))


def _found(given: DataSet, data_dir: Path) -> Iterable[Path]:
    out = {}
    for pattern in given.files:
        for path in sorted(data_dir.glob(pattern.rstrip("/"))):
            if path.is_dir() == pattern.endswith("/"):
                out[path] = True
    return out


def _sources(path: Path, data_dir: Path, work_dir: Path) -> Finding:
    """A source of motion: an archive, or a folder of the same name."""
    name = path.name.removesuffix(".tar.xz")
    return _takes(path, load_takes(data_dir, work_dir, [name])[name])


def _own_motion(path: Path, data_dir: Path, work_dir: Path) -> Finding:  # noqa: ARG001 - one signature for all
    return _takes(path, [read_motion(path)])


def _takes(path: Path, takes: list[Take]) -> Finding:
    """Takes with markers lost throughout are counted, for they are left out where they are drawn; others are faults."""
    minutes = sum(len(take.points) / take.fps for take in takes) / 60
    odd: list[str] = []
    lost = 0
    for take in takes:
        wrong = complaints(take.points[:, :17], H36M17)
        if wrong and np.isnan(take.points[:, _LIMBS, 0]).all(axis=0).any():
            lost += 1
        elif wrong:
            odd.append(f"{take.subject} {take.trial}: {'; '.join(wrong)}")
    people = len({take.subject for take in takes})
    holds = f"{len(takes)} takes, {minutes:.1f} min, {people} people"
    if lost:
        holds += f", {lost} with a joint that is never seen"
    few = odd if len(odd) > max(1, len(takes) // 20) else []
    if odd and not few:
        holds += f", {len(odd)} with odd proportions ({odd[0]})"
    return Finding(path=path, holds=holds, faults=tuple(few[:3]))


def _poses(path: Path, data_dir: Path, work_dir: Path) -> Finding:  # noqa: ARG001 - one signature for all
    return judged(path, load_poses2d(path))


def judged(path: Path, poses: Poses2DSet) -> Finding:
    """How many people a set of 2D poses has, how complete they are, and whether they stand upright."""
    body = poses.to(H36M17).keypoints
    at = {name: body[:, joint, 1] for joint, name in enumerate(H36M17.names)}
    torso = at["pelvis"] - at["thorax"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # an empty set is told as one
        upright = float(np.mean(torso[np.isfinite(torso)] > 0))
    pictures = f" in {len(set(poses.images))} pictures" if poses.images else ""
    seen = poses.seen.mean() if len(poses) else 0.0
    holds = f"{len(poses)} people{pictures}, {poses.layout.name}, {seen:.0%} of joints, {upright:.0%} upright"
    faults = []
    if not len(poses):
        faults.append("holds nobody")
    elif upright < _LEAST_UPRIGHT:
        faults.append(f"only {upright:.0%} have their shoulders above their hips: y must grow downwards")
    if poses.sizes is not None and (poses.sizes <= 0).any():
        faults.append("pictures without a size")
    return Finding(path=path, holds=holds, faults=tuple(faults))


def _told(path: Path, some: MotionSet) -> Finding:
    """Bodies were judged while reading."""
    paired = sum(clip.keypoints is not None for clip in some.clips)
    cameras = sum(clip.camera is not None for clip in some.clips)
    test = ", ".join(sorted(some.held_out & set(some.subjects))) or "nobody"
    said = f"{len(some)} clips ({paired} with 2D, {cameras} with a camera), {some.minutes:.1f} min"
    return Finding(path=path, holds=f"{said}, {len(some.subjects)} people, held out: {test}")


def _human36m(path: Path, data_dir: Path, work_dir: Path) -> Finding:
    if path.suffix == ".h5":
        return _told(path, human36m.read_h5(path))
    if path.name.startswith("data_2d"):
        return _beside(path, "data_3d_h36m.npz", human36m.read_npz) or _poses(path, data_dir, work_dir)
    return _told(path, human36m.read_npz(path))


def _humaneva(path: Path, data_dir: Path, work_dir: Path) -> Finding:
    if path.name.startswith("data_2d"):
        joints = path.name.split("_")[2]
        return _beside(path, f"data_3d_{joints}.npz", humaneva.read_npz) or _poses(path, data_dir, work_dir)
    return _told(path, humaneva.read_npz(path))


def _beside(path: Path, name: str, read: Callable[[Path, Path], MotionSet]) -> Finding | None:
    """The 2D file read with its 3D partner, if that is there."""
    partner = path.with_name(name)
    return _told(path, read(partner, path)) if partner.is_file() else None


def _mpi_inf_3dhp(path: Path, data_dir: Path, work_dir: Path) -> Finding:  # noqa: ARG001 - one signature for all
    readers = {"annot.mat": mpi_inf_3dhp.read_train, "annot_data.mat": mpi_inf_3dhp.read_test}
    return _told(path, readers.get(path.name, mpi_inf_3dhp.read_npz)(path))


_READERS: dict[str, Callable[[Path, Path, Path], Finding]] = {
    "motion": _own_motion,
    "coco": _poses,
    "mpii": _poses,
    "openpose": _poses,
    "human36m": _human36m,
    "humaneva": _humaneva,
    "mpi_inf_3dhp": _mpi_inf_3dhp,
}
