"""The detectors to compare, each with the net of keypoints that follows it."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stream3d.engine import EngineSettings, make_engine
from stream3d.errors import SettingsError
from stream3d.nets.blazepose import LANDMARK_WEIGHTS, detector_spec, landmark_spec
from stream3d.nets.graph_file import notes_of
from stream3d.nets.person import PERSON_WEIGHTS, SIZE
from stream3d.pose2d import KeypointNet, PersonDetector
from stream3d.pose2d.belief import belief_of
from stream3d.pose2d.both import BothDetectors
from stream3d.pose2d.detect import BlazePoseDetector
from stream3d.pose2d.landmarks import BlazePoseLandmarks
from stream3d.pose2d.newcomers import looked_twice
from stream3d.pose2d.own import detector_from, keypoints_from
from stream3d.pose2d.person import person_detector
from stream3d.skeleton import BLAZEPOSE33, COCO17, convert

Float32 = npt.NDArray[np.float32]

NAMES = ("blazepose-224", "blazepose", "yolox-simplepose", "person", "stream3d")
_LOWEST = 0.15  # score down to which the curves reach
_SAME = 0.1  # mean distance of joints in sides of the region below which two poses are of one person
_YOLOX = 'kind = "yolox"\nweights = "{}"\nchannels = "bgr"\nconfirm_score = {}\n'
_SIMPLEPOSE = 'preset = "simplepose"\nweights = "{}"\n'


@dataclass(frozen=True, kw_only=True)
class Seen:
    """People found in a picture, best first.

    ``keypoints`` float32 [R, 17, 3] COCO's, px, px, score; ``scores`` float32 [R] by which they are believed;
    ``detected``: how many the detector had believed before the keypoint net's presence was asked.
    """

    keypoints: Float32
    scores: Float32
    detected: int


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A detector and a net of keypoints; ``threshold`` is the score from which run time believes in a newcomer.

    The score is the detector's or, where the net knows how far to believe itself (``by_joints``), what run time asks
    of both.
    """

    name: str
    detector: PersonDetector
    keypoints: KeypointNet
    by_joints: bool = False

    @property
    def threshold(self) -> float:
        """See the class."""
        return self.keypoints.agreement if self.by_joints else self.detector.min_score

    def __call__(self, image: npt.NDArray[np.uint8]) -> Seen:
        """Everybody in a picture uint8 [H, W, 3] RGB down to the lowest score of the curves."""
        found = self.detector(image)
        detected = int((found.scores >= self.detector.min_score).sum())
        if not len(found.regions):
            return Seen(keypoints=np.zeros((0, 17, 3), np.float32), scores=found.scores, detected=0)
        said, scores = self.keypoints(image, found.regions), found.scores
        if self.by_joints:
            said, scores = looked_twice(self.keypoints, image, found, said)
        points = convert(said.keypoints, self.keypoints.layout, COCO17)
        least = _LOWEST if self.by_joints else self.keypoints.min_presence
        keep: list[int] = []
        for row in np.argsort(-scores, kind="stable").tolist():
            if said.presence[row] >= least and not _repeated(points, row, keep, found.regions[row, 2]):
                keep.append(row)
        return Seen(keypoints=points[keep], scores=scores[keep], detected=detected)


def _repeated(points: Float32, row: int, earlier: list[int], side: float) -> bool:
    """Whether a pose lies on an earlier one, by the joints that both have."""
    apart = np.linalg.norm(points[earlier, 5:, :2] - points[row, 5:, :2], axis=-1)
    known = np.isfinite(apart)
    mean = np.where(known, apart, 0).sum(-1) / np.maximum(known.sum(-1), 1)
    return bool(((mean < _SAME * side) & known.any(-1)).any())


def pair_of(name: str, data: Path, size: int = SIZE, landmarks: Path | None = None) -> Pair:
    """One of NAMES, a detector's ``.safetensors``, or an ONNX detector's TOML.

    ``stream3d`` is what ships: ``person``, our detector alone, and BlazePose's beside it, before our landmark net.
    ``landmarks`` are weights of a landmark net other than BlazePose's.

    Raises:
        SettingsError: there is no such detector.
    """
    if name == "yolox-simplepose":
        return _peers(data / "nets")
    landmarks = landmarks or (LANDMARK_WEIGHTS if name == "stream3d" else None)
    net = make_engine(replace(landmark_spec(weights=landmarks), buckets=(1,)), _settings())
    if landmarks is None:
        return Pair(name=Path(name).stem, detector=_detector(name, size), keypoints=BlazePoseLandmarks(net))
    belief = belief_of(notes_of(landmarks), BLAZEPOSE33.size)
    return Pair(
        name=name if name == "stream3d" else f"{Path(name).stem}+{landmarks.stem}",
        detector=_detector(name, size),
        keypoints=BlazePoseLandmarks(net, belief=belief),
        by_joints=belief is not None,
    )


def _settings() -> EngineSettings:
    return EngineSettings(threads=1)


def _detector(name: str, size: int) -> PersonDetector:
    if name == "stream3d":
        return BothDetectors(_detector("person", size), _detector("blazepose-224", size))
    if name in ("blazepose-224", "blazepose"):
        sizes = (224,) if name == "blazepose-224" else (224, 448)
        return BlazePoseDetector(
            lambda h, w: make_engine(replace(detector_spec(h, w), buckets=(1,)), _settings()),
            sizes=sizes,
            confirm_score=_LOWEST,
        )
    path = PERSON_WEIGHTS if name == "person" else Path(name)
    if path.suffix == ".safetensors":
        return person_detector(path, _settings(), size=size, confirm_score=_LOWEST)
    if path.suffix in (".toml", ".onnx"):
        return detector_from(str(path), _settings())
    raise SettingsError(f"--detector {name}: known are {', '.join(NAMES)}, or a .safetensors, .toml or .onnx file")


def _peers(nets: Path) -> Pair:
    """YOLOX-nano and the small SimplePose of the data folder."""
    with tempfile.TemporaryDirectory() as folder:
        detector, keypoints = Path(folder) / "detector.toml", Path(folder) / "keypoints.toml"
        detector.write_text(_YOLOX.format(nets / "yolox_nano.onnx", _LOWEST), encoding="utf-8")
        keypoints.write_text(_SIMPLEPOSE.format(nets / "ultralight_simplepose.onnx"), encoding="utf-8")
        reader = keypoints_from(str(keypoints), _settings())
        finder = detector_from(str(detector), _settings())
    return Pair(name="yolox-simplepose", detector=finder, keypoints=reader)  # type: ignore[arg-type]
