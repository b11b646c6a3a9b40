"""The 2D room as the settings choose it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from stream3d.engine import Engine, EngineSettings, make_engine
from stream3d.errors import SettingsError
from stream3d.nets.blazepose import detector_spec, landmark_spec
from stream3d.nets.spec import NetSpec
from stream3d.pose2d.detect import BlazePoseDetector
from stream3d.pose2d.estimator import PoseEstimator
from stream3d.pose2d.landmarks import BlazePoseLandmarks
from stream3d.pose2d.onestage import OneStageEstimator
from stream3d.pose2d.own import OnnxOneStage, detector_from, keypoints_from
from stream3d.pose2d.protocol import KeypointNet, PersonDetector
from stream3d.pose2d.settings import BLAZEPOSE, PoseSettings

_CROPS = (1,)  # people in one call of the landmark net: on a CPU a batch costs as much as its parts


def make_estimator(
    settings: PoseSettings | None = None,
    engine: EngineSettings | None = None,
    *,
    detector: Callable[[int, int], NetSpec] = detector_spec,
    landmarks: Callable[[], NetSpec] = landmark_spec,
) -> PoseEstimator | OneStageEstimator:
    """The 2D room: by default BlazePose's detector and full landmark net, fetched on first use.

    ``detector`` (by height and width) and ``landmarks`` may name other nets with BlazePose's inputs and outputs.

    Raises:
        SettingsError: the settings name nets that cannot be used, or not together.
        ModelError: the weights cannot be had or are not what they should be.
        EngineError: the nets cannot be compiled here.
    """
    settings = settings or PoseSettings()
    net: KeypointNet
    if settings.keypoints == BLAZEPOSE:
        crops = make_engine(replace(landmarks(), buckets=_CROPS), engine)
        net = BlazePoseLandmarks(crops, min_presence=settings.min_presence)
    else:
        own = keypoints_from(settings.keypoints, engine)
        if isinstance(own, OnnxOneStage):
            return _one_stage(own, settings)
        net = own
    return PoseEstimator(_detector(settings, engine, detector), net, settings)


def _detector(
    settings: PoseSettings, engine: EngineSettings | None, spec: Callable[[int, int], NetSpec]
) -> PersonDetector:
    if settings.detector != BLAZEPOSE:
        return detector_from(settings.detector, engine)

    def engine_for(height: int, width: int) -> Engine:
        return make_engine(replace(spec(height, width), buckets=(1,)), engine)

    return BlazePoseDetector(
        engine_for, sizes=settings.sizes, min_score=settings.min_score, confirm_score=settings.confirm_score
    )


def _one_stage(net: OnnxOneStage, settings: PoseSettings) -> OneStageEstimator:
    if settings.detector != BLAZEPOSE:
        raise SettingsError(
            f"--keypoints {settings.keypoints} finds people itself: leave out --detector {settings.detector}"
        )
    return OneStageEstimator(net, settings)
