"""The 2D room as the settings choose it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from stream3d.engine import Engine, EngineSettings, make_engine
from stream3d.nets.blazepose import detector_spec, landmark_spec
from stream3d.nets.spec import NetSpec
from stream3d.pose2d.detect import BlazePoseDetector
from stream3d.pose2d.estimator import PoseEstimator
from stream3d.pose2d.landmarks import BlazePoseLandmarks
from stream3d.pose2d.settings import PoseSettings

_CROPS = (1,)  # people in one call of the landmark net: on a CPU a batch costs as much as its parts


def make_estimator(
    settings: PoseSettings | None = None,
    engine: EngineSettings | None = None,
    *,
    detector: Callable[[int, int], NetSpec] = detector_spec,
    landmarks: Callable[[], NetSpec] = landmark_spec,
) -> PoseEstimator:
    """The 2D room: by default BlazePose's detector and full landmark net, fetched on first use.

    ``detector`` (by height and width) and ``landmarks`` may name other nets with BlazePose's inputs and outputs.

    Raises:
        ModelError: the weights cannot be had or are not the pinned ones.
        EngineError: the nets cannot be compiled here.
    """
    settings = settings or PoseSettings()

    def detector_engine(height: int, width: int) -> Engine:
        return make_engine(replace(detector(height, width), buckets=(1,)), engine)

    finder = BlazePoseDetector(
        detector_engine,
        sizes=settings.sizes,
        min_score=settings.min_score,
        confirm_score=settings.confirm_score,
    )
    crops = make_engine(replace(landmarks(), buckets=_CROPS), engine)
    return PoseEstimator(finder, BlazePoseLandmarks(crops, min_presence=settings.min_presence), settings)
