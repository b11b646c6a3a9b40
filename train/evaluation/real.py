"""Data sets with real cameras, which their holders give: Human3.6M and MPI-INF-3DHP.

Held-out subjects only (S9 and S11; TS1 to TS6). Of every sequence before every camera the middle, CLIP_FRAMES at about
REAL_FPS, is streamed: the lifter needs frames in a row, so sequences are shortened rather than thinned. Root-aligned,
with the camera's own intrinsics; the stature is unknown to the lifter in ``mpjpe_default_height``, and told by the true
bones in ``mpjpe``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from stream3d.geometry import Camera
from stream3d.skeleton import H36M17
from train.data import human36m, mpi_inf_3dhp
from train.data.motions import MotionClip, MotionSet, convert_joints
from train.evaluation.streams import CLIP_FRAMES, Stream, stream_of

REAL_FPS = 25.0
# Human3.6M's four cameras differ by less than a percent from this one, for files that tell none.
_HUMAN36M = Camera(fx=1146, fy=1145, cx=514, cy=508, width=1000, height=1000, origin="mean of Human3.6M's cameras")


def human36m_sets(folder: Path) -> Iterator[tuple[str, list[Stream]]]:
    """Name and streams of each 2D source that the folder holds: ``data_2d_h36m_*.npz`` beside the 3D, and ``.h5``.

    Raises:
        TrackFileError: a file is malformed.
        SystemExit: there is none.
    """
    pairs = [(path, folder / "data_3d_h36m.npz") for path in sorted(folder.glob("data_2d_h36m_*.npz"))]
    single = sorted(folder.glob("*.h5"))
    if not pairs and not single:
        raise SystemExit(f"{folder} holds neither data_3d_h36m.npz with data_2d_h36m_*.npz nor an .h5")
    for path_2d, path_3d in pairs:
        kind = path_2d.stem.removeprefix("data_2d_h36m_")
        yield f"Human3.6M, S9 and S11, 2D of {kind}", streams_of(human36m.read_npz(path_3d, path_2d), _HUMAN36M)
    for path in single:
        yield f"Human3.6M, S9 and S11, 2D of {path.stem}", streams_of(human36m.read_h5(path), _HUMAN36M)


def mpi_inf_3dhp_sets(folder: Path) -> Iterator[tuple[str, list[Stream]]]:
    """The test set: ``TS*/annot_data.mat`` below the folder.

    Raises:
        TrackFileError: a file is malformed.
        SystemExit: there is none.
    """
    paths = sorted(folder.glob("**/annot_data.mat"))
    if not paths:
        raise SystemExit(f"{folder} holds no TS*/annot_data.mat")
    clips = [stream for path in paths for stream in streams_of(mpi_inf_3dhp.read_test(path))]
    yield "MPI-INF-3DHP, TS1 to TS6, 2D as annotated", clips


def streams_of(motions: MotionSet, camera: Camera | None = None) -> list[Stream]:
    """Streams of a set's held-out clips; ``camera`` for clips that tell none.

    What cannot be judged is left out: clips without 2D, without a camera, or not in a camera's axes.
    """
    return [made for clip in motions.test() if (made := _stream(clip, clip.camera or camera)) is not None]


def judged(streams: Iterable[Stream]) -> list[int]:
    """The joints whose truth every stream knows throughout."""
    known = [np.isfinite(stream.truth).all((0, 2)) for stream in streams]
    return np.flatnonzero(np.logical_and.reduce(known)).tolist()


def _stream(clip: MotionClip, camera: Camera | None) -> Stream | None:
    if clip.keypoints is None or clip.keypoint_layout is None or camera is None or clip.space == "world":
        return None
    step = max(1, round(clip.fps / REAL_FPS))
    frames = np.arange(0, len(clip), step)
    start = max(0, (len(frames) - CLIP_FRAMES) // 2)
    frames = frames[start : start + CLIP_FRAMES]
    joints = convert_joints(clip.joints[frames], clip.layout, H36M17)
    gone = np.isnan(joints).all((0, 2))
    whole = np.isfinite(joints[:, ~gone]).all((1, 2))
    if whole.sum() < 3 or not whole.all():
        return None
    return stream_of(
        clip.keypoints[frames],
        clip.keypoint_layout,
        camera,
        joints,
        fps=clip.fps / step,
        action=re.sub(r"[ _]?\d+$", "", clip.action),
    )
