"""Results without a video: what the tests of the sinks write."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stream3d.geometry import Camera
from stream3d.sinks import RunInfo
from stream3d.skeleton import BLAZEPOSE33, H36M17, Layout
from stream3d.values import Frame, Poses3D, Result, Tracks2D


def run_info(
    *, width: int = 64, height: int = 48, layout: Layout = BLAZEPOSE33, source: str = "clips/a clip.mp4", **more: bool
) -> RunInfo:
    return RunInfo(
        source=source,
        width=width,
        height=height,
        fps=30.0,
        camera=Camera.from_fov(width, height),
        keypoint_layout=layout,
        joint_layout=H36M17,
        engines={"keypoints": {"runtime": "torch"}},
        versions={"stream3d": "0.1"},
        **more,
    )


def result_of(
    index: int,
    *,
    people: Sequence[int] = (1,),
    pts: float | None = None,
    layout: Layout = BLAZEPOSE33,
    image: npt.NDArray[np.uint8] | None = None,
    name: str = "",
    solved: bool = False,
) -> Result:
    """A frame with random people; everything follows from ``index``."""
    rng = np.random.default_rng(index)
    count = len(people)
    stamp = {"source_id": "s", "index": index, "pts": index / 30 if pts is None else pts, "captured_at": 0.0}
    keypoints = rng.uniform(2, 46, (count, layout.size, 3)).astype(np.float32)
    keypoints[..., 2] = rng.uniform(0.5, 1, (count, layout.size))
    joints = rng.normal(0, 0.5, (count, 17, 3)).astype(np.float32) + np.array([0, 0, 4], np.float32)
    rotations = rng.normal(size=(count, 17, 4)).astype(np.float32)
    rotations /= np.linalg.norm(rotations, axis=-1, keepdims=True)
    person = np.array(people, np.int64)
    picture = np.full((48, 64, 3), 90, np.uint8) if image is None else image
    return Result(
        frame=Frame(**stamp, image=picture, name=name),
        tracks=Tracks2D(**stamp, keypoints=keypoints, layout=layout, person=person),
        poses=Poses3D(
            **stamp,
            joints=joints,
            sigma=rng.uniform(0.01, 0.2, (count, 17)).astype(np.float32),
            person=person,
            layout=H36M17,
            rotations=rotations if solved else None,
        ),
    )


@contextmanager
def files_limited_to(size: int) -> Iterator[None]:
    """A full disk, as far as files longer than ``size`` bytes are concerned: writing on fails with EFBIG."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def killed_after(seconds: float, code: str, *arguments: Path) -> float:
    """Run Python code until it has said ``ready``, let it go on, kill -9 it; returns the monotonic time of the kill."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[1]) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        time.sleep(seconds)
        at = time.monotonic()
        child.kill()
    return at
