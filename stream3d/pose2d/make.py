"""The 2D room as the settings choose it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from stream3d.engine import Engine, EngineSettings, make_engine, on_gpu, pixel_device
from stream3d.errors import SettingsError
from stream3d.meters import Meters
from stream3d.nets.blazepose import LANDMARK_WEIGHTS, detector_spec, landmark_spec
from stream3d.nets.graph_file import notes_of
from stream3d.nets.spec import NetSpec
from stream3d.pose2d.belief import belief_of
from stream3d.pose2d.both import BothDetectors
from stream3d.pose2d.budget import SMALLEST, budgeted, tiles_along
from stream3d.pose2d.detect import BlazePoseDetector
from stream3d.pose2d.estimator import PoseEstimator
from stream3d.pose2d.glance import BUCKETS, Glancer
from stream3d.pose2d.landmarks import BlazePoseLandmarks
from stream3d.pose2d.measured import MeasuredDetector, MeasuredKeypoints
from stream3d.pose2d.onestage import OneStageEstimator
from stream3d.pose2d.own import OnnxOneStage, detector_from, keypoints_from
from stream3d.pose2d.person import CANDIDATE, person_detector
from stream3d.pose2d.protocol import KeypointNet, PersonDetector
from stream3d.pose2d.reading import Reader
from stream3d.pose2d.settings import BLAZEPOSE, OURS, PoseSettings
from stream3d.pose2d.tiles import TiledDetector
from stream3d.skeleton import BLAZEPOSE33

if TYPE_CHECKING:
    from stream3d.pose2d.device.uploads import Uploads

_LARGE = (224,)  # what BlazePose's detector looks at beside ours
_CROPS = (1,)  # people in one call of the landmark net: on a CPU a batch costs as much as its parts
_CROPS_ON_GPU = (1, 2, 4, 8)


def make_estimator(
    settings: PoseSettings | None = None,
    engine: EngineSettings | None = None,
    *,
    detector: Callable[[int, int], NetSpec] | None = None,
    landmarks: Callable[[], NetSpec] | None = None,
    meters: Meters | None = None,
) -> PoseEstimator | OneStageEstimator:
    """The 2D room, with the detector and the net of keypoints that the settings name; BlazePose's are fetched once.

    ``detector`` (by height and width) and ``landmarks`` may take the place of both, with inputs and outputs as
    BlazePose's have them. ``meters`` get what looks (``detect``) and readings (``keypoints``) cost, apart.

    Raises:
        SettingsError: the settings name nets that cannot be used, or not together.
        ModelError: the weights cannot be had or are not what they should be.
        EngineError: the nets cannot be compiled here.
    """
    given = settings or PoseSettings()
    if detector is not None:
        given = replace(given, detector=BLAZEPOSE)
    if landmarks is not None:
        given = replace(given, keypoints=BLAZEPOSE)
    settings = budgeted(given)
    uploads = _uploads(settings, engine)
    net = _keypoints(settings, engine, landmarks or landmark_spec, uploads)
    if isinstance(net, OnnxOneStage):
        if given.detector != PoseSettings().detector:
            raise SettingsError(
                f"--keypoints {given.keypoints} finds people itself: leave out --detector {given.detector}"
            )
        return OneStageEstimator(net, settings)
    finder = _detector(settings, engine, detector or detector_spec, uploads)
    if meters is not None:
        finder, net = MeasuredDetector(finder, meters), MeasuredKeypoints(net, meters)
    return PoseEstimator(finder, net, settings)


def _keypoints(
    settings: PoseSettings, engine: EngineSettings | None, spec: Callable[[], NetSpec], uploads: Uploads | None
) -> KeypointNet | OnnxOneStage:
    if settings.keypoints not in (BLAZEPOSE, OURS):
        return keypoints_from(settings.keypoints, engine)
    belief = None
    if settings.keypoints == OURS:
        spec = partial(landmark_spec, weights=LANDMARK_WEIGHTS)
        belief = belief_of(notes_of(LANDMARK_WEIGHTS), BLAZEPOSE33.size)
    crops = make_engine(replace(spec(), buckets=_CROPS_ON_GPU if on_gpu(engine) else _CROPS), engine)
    reader = None if uploads is None else _device_reader(crops, uploads)
    return BlazePoseLandmarks(crops, min_presence=settings.min_presence, belief=belief, reader=reader)


def _detector(
    settings: PoseSettings,
    engine: EngineSettings | None,
    spec: Callable[[int, int], NetSpec],
    uploads: Uploads | None,
) -> PersonDetector:
    glancer = None if uploads is None else _device_glancer(uploads)
    finder: PersonDetector
    if settings.detector not in (BLAZEPOSE, OURS):
        own = detector_from(settings.detector, engine)
        finder, smallest, side = own, own.smallest, own.side
    else:
        smallest, side = SMALLEST[settings.detector], max(settings.sizes)
        ours = settings.detector == OURS
        finder = _ours(settings, engine, glancer) if ours else _blazepose(settings, engine, spec, glancer)
    along = tiles_along(settings, smallest=smallest, side=side)
    return TiledDetector(finder, along=along) if along > 1 else finder


def _ours(settings: PoseSettings, engine: EngineSettings | None, glancer: Glancer | None) -> PersonDetector:
    """Our detector; before a net that tells who is no person BlazePose's too, for who fills the picture."""
    if settings.keypoints != OURS:
        return person_detector(None, engine, size=max(settings.sizes), glancer=glancer)
    ours = person_detector(
        None, engine, size=max(settings.sizes), min_score=CANDIDATE, confirm_score=CANDIDATE, glancer=glancer
    )
    return BothDetectors(ours, _blazepose(replace(settings, sizes=_LARGE), engine, detector_spec, glancer))


def _blazepose(
    settings: PoseSettings,
    engine: EngineSettings | None,
    spec: Callable[[int, int], NetSpec],
    glancer: Glancer | None,
) -> BlazePoseDetector:
    buckets = BUCKETS if on_gpu(engine) else (1,)

    def engine_for(height: int, width: int) -> Engine:
        return make_engine(replace(spec(height, width), buckets=buckets), engine)

    return BlazePoseDetector(
        engine_for,
        sizes=settings.sizes,
        min_score=settings.min_score,
        confirm_score=settings.confirm_score,
        glancer=glancer,
    )


def _uploads(settings: PoseSettings, engine: EngineSettings | None) -> Uploads | None:
    """What puts pictures onto the nets' device, where they are to be cut there and any of our nets takes them so."""
    ours = {settings.detector, settings.keypoints} & {OURS, BLAZEPOSE}
    device = pixel_device(engine) if ours else None
    if device is None:
        return None
    from stream3d.pose2d.device.uploads import Uploads

    return Uploads(device)


def _device_reader(engine: Engine, uploads: Uploads) -> Reader:
    from stream3d.pose2d.device.reader import DeviceReader

    return DeviceReader(engine, uploads)


def _device_glancer(uploads: Uploads) -> Glancer:
    from stream3d.pose2d.device.glancer import DeviceGlancer

    return DeviceGlancer(uploads)
