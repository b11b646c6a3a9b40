"""A keypoint file in, a file of skeletons out: what ``stream3d lift`` does."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np

from stream3d.errors import SettingsError
from stream3d.lift.keypoints import KeypointOptions, KeypointSequence, read_keypoints
from stream3d.lift.lifter import Lifter
from stream3d.skeleton import H36M17
from stream3d.trackfile import replacing_npz
from stream3d.values import Poses3D


def lift_file(
    source: Path,
    target: Path,
    lifter: Lifter,
    *,
    options: KeypointOptions | None = None,
    smooth: Callable[[Poses3D], Poses3D] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> KeypointSequence:
    """Lift every frame of ``source`` and write ``target``; returns what was read.

    The ``.npz`` holds ``joints3d`` float32 [T, 17, 3] metres, camera space (NaN where nobody is), ``sigma`` float32
    [T, 17] metres, ``time`` float64 [T] seconds, ``joint_names`` [17] and ``meta``, a JSON string. A file with an axis
    of people, [T, P, …], keeps it. ``smooth`` filters the skeletons over time; ``progress`` is called with frames done
    and frames in all.

    Raises:
        SettingsError: ``target`` is no ``.npz`` name, or is the source.
        TrackFileError: the source cannot be read.
        LayoutError: its layout cannot become h36m17.
        SinkError: the target cannot be written.
    """
    if target.suffix.lower() != ".npz":
        raise SettingsError(f"lifted keypoints are saved as .npz, not as {target.name!r}")
    if target.resolve() == source.resolve():
        raise SettingsError(f"{target} would overwrite the keypoints that it is made of; choose another --save")
    sequence = read_keypoints(source, options)
    joints = np.full((*sequence.keypoints.shape[:2], H36M17.size, 3), np.nan, np.float32)
    sigma = np.full(joints.shape[:3], np.nan, np.float32)
    lifter.forget(sequence.name)
    frames = ((tracks, sequence.camera) for tracks in sequence.tracks())
    lifted = lifter.lift_all(frames)
    for index, poses in enumerate(lifted if smooth is None else map(smooth, lifted)):
        joints[index, poses.person], sigma[index, poses.person] = poses.joints, poses.sigma
        if progress is not None:
            progress(index + 1, len(sequence))
    if sequence.single:
        joints, sigma = joints[:, 0], sigma[:, 0]
    arrays = {"joints3d": joints, "sigma": sigma, "time": sequence.time, "joint_names": np.array(H36M17.names)}
    with replacing_npz(target) as npz:
        for name, array in (arrays | {"meta": np.array(json.dumps(_meta(sequence, lifter)))}).items():
            npz.add(name, array)
    return sequence


def _meta(sequence: KeypointSequence, lifter: Lifter) -> dict[str, object]:
    return {
        "source": sequence.name,
        "layout": sequence.layout.name,
        "frames": len(sequence),
        "camera": asdict(sequence.camera),
        "space": "camera: x right, y down, z forward, metres",
        "height_m": lifter.settings.height_m,
        "lifter": lifter.about,
        "engine": lifter.engine.describe(),
        "notes": list(sequence.notes),
    }
