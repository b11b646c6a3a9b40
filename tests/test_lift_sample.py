"""The lifter that ships, on the built-in clip, whose truth is known and whose motion it never saw."""

from __future__ import annotations

import numpy as np
import pytest

from stream3d.engine import EngineSettings, make_engine
from stream3d.lift import Lifter, LiftSettings
from stream3d.nets.lifter import lifter_spec
from stream3d.sample import SampleTruth, load_truth
from stream3d.skeleton import COCO17, H36M17, Layout
from stream3d.values import Tracks2D

# Measured at 0.073 to 0.074 m; a lifter that is worse than this was not meant to ship.
MPJPE_M = 0.080


@pytest.fixture(scope="module")
def truth() -> SampleTruth:
    return load_truth()


def lifted(truth: SampleTruth, keypoints: np.ndarray, layout: Layout) -> tuple[np.ndarray, np.ndarray]:
    """Joints [T, 17, 3] and sigma [T, 17] of exact keypoints, streamed, with the person's height known."""
    engine = make_engine(lifter_spec(), EngineSettings(engine="torch"))
    lifter = Lifter(engine, LiftSettings(height_m=truth.height_m))
    scored = np.concatenate([keypoints, np.ones_like(keypoints[..., :1])], -1).astype(np.float32)
    answers = [
        lifter(
            Tracks2D(
                source_id="sample",
                index=frame,
                pts=float(time),
                captured_at=0.0,
                keypoints=scored[frame : frame + 1],
                layout=layout,
                person=np.zeros(1, np.int64),
            ),
            truth.camera,
        )
        for frame, time in enumerate(truth.time)
    ]
    return np.concatenate([poses.joints for poses in answers]), np.concatenate([poses.sigma for poses in answers])


@pytest.mark.parametrize("layout", [COCO17, H36M17], ids=lambda layout: layout.name)
def test_the_sample_is_lifted_as_well_as_the_card_says(truth: SampleTruth, layout: Layout) -> None:
    keypoints = truth.coco2d if layout is COCO17 else truth.keypoints2d
    joints, sigma = lifted(truth, keypoints, layout)
    meant = truth.convention3d
    error = np.linalg.norm((joints - joints[:, :1]) - (meant - meant[:, :1]), axis=-1)
    assert error.mean() < MPJPE_M
    off_in_depth = np.abs(joints[:, 0, 2] - meant[:, 0, 2]) / meant[:, 0, 2]
    assert off_in_depth.mean() < 0.1
    within = (error[:, 1:] < 2 * np.sqrt(3) * sigma[:, 1:]).mean()
    assert within > 0.8
    jumps = np.linalg.norm(np.diff(joints - joints[:, :1], axis=0), axis=-1)
    assert jumps.max() < 0.3
