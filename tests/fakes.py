"""Stand-ins for tests of what lies around the nets: white rectangles are people, the lifter has random weights."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest

import stream3d.pipeline.runner as pipeline_run
from stream3d.engine import EngineSettings, NetSpec, TensorSpec, make_engine
from stream3d.errors import SourceError
from stream3d.geometry import Camera
from stream3d.lift import Lifter
from stream3d.meters import Meters
from stream3d.nets.fake import fake_detector_spec, fake_landmark_spec
from stream3d.pipeline import Rooms
from stream3d.pose2d import PoseSettings, make_estimator
from stream3d.solve import SmoothSettings, make_keypoint_smoother, make_smoother
from stream3d.track import Tracker, TrackSettings

if TYPE_CHECKING:
    import torch

TORCH = EngineSettings(engine="torch", device="cpu")


def fake_lifter_spec(lookahead: int = 0) -> NetSpec:
    """The lifter with random weights."""
    return NetSpec(
        name="fake-lifter",
        weights_hash=f"fake-{lookahead}",
        load=partial(_random_lifter, lookahead),
        inputs=(TensorSpec(name="features", shape=(27, 55), dtype="float32"),),
        outputs=("joints", "log_sigma"),
    )


def _random_lifter(lookahead: int) -> torch.nn.Module:
    import torch

    from stream3d.nets.lifter_torch import Lifter as LifterNet
    from stream3d.nets.lifter_torch import LifterShape

    torch.manual_seed(0)
    return LifterNet(LifterShape(lookahead=lookahead)).eval()


def fake_rooms(*, stills: bool = False, meters: Meters | None = None, lookahead: int = 0) -> Rooms:
    """All rooms on fake nets; people are believed at once."""
    return Rooms(
        pose2d=make_estimator(
            PoseSettings(sizes=(224,)), TORCH, detector=fake_detector_spec, landmarks=fake_landmark_spec
        ),
        track=Tracker(TrackSettings(birth_s=0.0)),
        lift=Lifter(make_engine(fake_lifter_spec(lookahead), TORCH), lookahead=lookahead, about={"name": "fake"}),
        smooth=make_smoother("one-euro", SmoothSettings()),
        smooth2d=make_keypoint_smoother("none"),
        camera=Camera.from_fov,
        meters=meters or Meters(),
        stills=stills,
    )


def white_people(width: int, height: int, *lefts: int) -> np.ndarray:
    """A black picture uint8 [H, W, 3] with an upright white rectangle beginning at each of ``lefts``."""
    image = np.zeros((height, width, 3), np.uint8)
    for left in lefts:
        image[height * 3 // 10 : height * 6 // 10, left : left + height // 10] = 255
    return image


def write_video(path: Path, pictures: list[np.ndarray], *, fps: int = 25) -> Path:
    """A lossless-enough H.264 file of the pictures."""
    height, width = pictures[0].shape[:2]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps, options={"crf": "10", "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.time_base = Fraction(1, fps)
        for index, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def break_off(monkeypatch: pytest.MonkeyPatch, frame: int) -> None:
    """Let every source of a run fail when it comes to a frame."""
    opened = pipeline_run.open_source

    def breaking(*args: object) -> object:
        source = opened(*args)  # type: ignore[arg-type]
        frames = source.__iter__

        def some() -> Iterator[object]:
            for one in frames():
                if one.index == frame:
                    raise SourceError("the cable was cut")
                yield one

        monkeypatch.setattr(type(source), "__iter__", lambda _: some())
        return source

    monkeypatch.setattr(pipeline_run, "open_source", breaking)
