"""The 2D room as the settings choose it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from stream3d.engine import Engine, EngineSettings, make_engine
from stream3d.errors import SettingsError
from stream3d.meters import Meters
from stream3d.nets.blazepose import detector_spec, landmark_spec
from stream3d.nets.spec import NetSpec
from stream3d.pose2d.budget import BLAZEPOSE_SMALLEST, budgeted, tiles_along
from stream3d.pose2d.detect import BlazePoseDetector
from stream3d.pose2d.estimator import PoseEstimator
from stream3d.pose2d.landmarks import BlazePoseLandmarks
from stream3d.pose2d.measured import MeasuredDetector, MeasuredKeypoints
from stream3d.pose2d.onestage import OneStageEstimator
from stream3d.pose2d.own import OnnxDetector, OnnxOneStage, detector_from, keypoints_from
from stream3d.pose2d.protocol import KeypointNet, PersonDetector
from stream3d.pose2d.settings import BLAZEPOSE, PoseSettings
from stream3d.pose2d.tiles import TiledDetector

_CROPS = (1,)  # people in one call of the landmark net: on a CPU a batch costs as much as its parts


def make_estimator(
    settings: PoseSettings | None = None,
    engine: EngineSettings | None = None,
    *,
    detector: Callable[[int, int], NetSpec] = detector_spec,
    landmarks: Callable[[], NetSpec] = landmark_spec,
    meters: Meters | None = None,
) -> PoseEstimator | OneStageEstimator:
    """The 2D room: by default BlazePose's detector and full landmark net, fetched on first use.

    ``detector`` (by height and width) and ``landmarks`` may name other nets with BlazePose's inputs and outputs.
    ``meters`` get what looks (``detect``) and readings (``keypoints``) cost, apart.

    Raises:
        SettingsError: the settings name nets that cannot be used, or not together.
        ModelError: the weights cannot be had or are not what they should be.
        EngineError: the nets cannot be compiled here.
    """
    settings = budgeted(settings or PoseSettings())
    net: KeypointNet
    if settings.keypoints == BLAZEPOSE:
        crops = make_engine(replace(landmarks(), buckets=_CROPS), engine)
        net = BlazePoseLandmarks(crops, min_presence=settings.min_presence)
    else:
        own = keypoints_from(settings.keypoints, engine)
        if isinstance(own, OnnxOneStage):
            return _one_stage(own, settings)
        net = own
    finder = _detector(settings, engine, detector)
    if meters is not None:
        finder, net = MeasuredDetector(finder, meters), MeasuredKeypoints(net, meters)
    return PoseEstimator(finder, net, settings)


def _detector(
    settings: PoseSettings, engine: EngineSettings | None, spec: Callable[[int, int], NetSpec]
) -> PersonDetector:
    finder: OnnxDetector | BlazePoseDetector
    if settings.detector != BLAZEPOSE:
        finder = detector_from(settings.detector, engine)
        along = tiles_along(settings, smallest=finder.smallest, side=finder.side)
    else:
        finder = _blazepose(settings, engine, spec)
        along = tiles_along(settings, smallest=BLAZEPOSE_SMALLEST, side=max(settings.sizes))
    return TiledDetector(finder, along=along) if along > 1 else finder


def _blazepose(
    settings: PoseSettings, engine: EngineSettings | None, spec: Callable[[int, int], NetSpec]
) -> BlazePoseDetector:
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
