"""``python -m benchmarks.accuracy``: the whole road on the built-in sample, against its exact truth.

Two ways: as a user runs it first (assumed field of view, default stature), and with the true camera and stature. 2D
errors are of the COCO joints, in percent of the person's height in the picture; 3D errors in millimetres after the
pelvis has been laid on the true one; the root's path in metres, as it is and after the one factor that an unknown
stature leaves open.
"""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import asdict, dataclass, replace

import numpy as np
import numpy.typing as npt

from benchmarks.lifting import add_nets, pose_settings
from stream3d.geometry import Camera
from stream3d.lift import LiftSettings
from stream3d.pipeline import CameraSettings, RunSettings, results
from stream3d.pose2d import PoseSettings
from stream3d.sample import SampleTruth, load_truth
from stream3d.skeleton import COCO17, convert
from stream3d.values import Result
from train.metrics import mpjpe, pa_mpjpe

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Accuracy:
    """How near a run came to the truth; see the module's words for the units."""

    camera: str
    frames: int
    found_share: float
    error_2d_median_percent: float
    error_2d_p95_percent: float
    mpjpe_mm: float
    pa_mpjpe_mm: float
    root_median_m: float
    root_scaled_median_m: float
    ids: int


def true_settings(truth: SampleTruth, pose: PoseSettings | None = None) -> RunSettings:
    """The settings that know the sample's camera and stature."""
    fov = math.degrees(2 * math.atan(max(truth.width, truth.height) / 2 / truth.fx))
    known = RunSettings(camera=CameraSettings(fov_deg=fov), lift=LiftSettings(height_m=truth.height_m))
    return replace(known, pose=pose or PoseSettings())


def measure(settings: RunSettings | None = None) -> Accuracy:
    """Run the sample with ``settings`` and compare every frame in which its person was found."""
    truth = load_truth()
    settings = settings or RunSettings()
    seen = list(results("sample", settings))
    found = [result for result in seen if len(result.poses)]
    rows = np.array([result.frame.index for result in found])
    joints = np.stack([result.poses.joints[0] for result in found]).astype(np.float64)
    wanted = truth.convention3d[rows].astype(np.float64)
    relative, true_relative = joints - joints[:, :1], wanted - wanted[:, :1]
    root, true_root = joints[:, 0], wanted[:, 0]
    scale = float((root * true_root).sum() / (root * root).sum())
    errors = _errors_2d(found, truth, rows)
    return Accuracy(
        camera=_camera(settings, truth).origin,
        frames=len(seen),
        found_share=len(found) / len(seen),
        error_2d_median_percent=float(np.nanmedian(errors)),
        error_2d_p95_percent=float(np.nanpercentile(errors, 95)),
        mpjpe_mm=1e3 * float(mpjpe(relative, true_relative).mean()),
        pa_mpjpe_mm=1e3 * float(pa_mpjpe(relative, true_relative).mean()),
        root_median_m=float(np.median(np.linalg.norm(root - true_root, axis=-1))),
        root_scaled_median_m=float(np.median(np.linalg.norm(scale * root - true_root, axis=-1))),
        ids=len({int(person) for result in seen for person in result.poses.person}),
    )


def _errors_2d(found: list[Result], truth: SampleTruth, rows: npt.NDArray[np.int64]) -> Array:
    """Percent of the person's height [F, 17]; NaN where a joint was not seen."""
    seen = np.stack([convert(result.tracks.keypoints[0], result.tracks.layout, COCO17) for result in found])
    height = truth.box[rows, 3] - truth.box[rows, 1]
    errors: Array = 100 * np.linalg.norm(seen[..., :2] - truth.coco2d[rows], axis=-1) / height[:, None]
    return errors


def _camera(settings: RunSettings, truth: SampleTruth) -> Camera:
    return settings.camera.load().of_size(truth.width, truth.height)


def main() -> None:
    """Print both ways as a table, or as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy", description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    add_nets(parser)
    arguments = parser.parse_args()
    pose = pose_settings(arguments)
    ways = {"as it comes": RunSettings(pose=pose), "camera and stature known": true_settings(load_truth(), pose)}
    rows = {name: measure(settings) for name, settings in ways.items()}
    if arguments.json:
        print(json.dumps({name: asdict(row) for name, row in rows.items()}))
        return
    for field in Accuracy.__slots__:
        values = [getattr(row, field) for row in rows.values()]
        print(f"{field:<26}", *(f"{v:>26.3f}" if isinstance(v, float) else f"{v!s:>26.26}" for v in values))


if __name__ == "__main__":
    main()
