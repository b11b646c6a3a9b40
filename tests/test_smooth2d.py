"""2D keypoints as they go out: still people tremble less, moving ones do not lag."""

from __future__ import annotations

import numpy as np
import pytest

from stream3d.skeleton import COCO17
from stream3d.solve import make_keypoint_smoother
from stream3d.values import Tracks2D

FPS, TALL = 25, 400.0
_POSE = np.random.default_rng(0).uniform(0, TALL, (17, 2))
_POSE[0], _POSE[1] = (0, 0), (0, TALL)


def tracks(index: int, poses: np.ndarray, person: list[int], *, source: str = "a") -> Tracks2D:
    keypoints = np.concatenate([poses, np.full((*poses.shape[:2], 1), 0.9)], -1).astype(np.float32)
    return Tracks2D(
        source_id=source,
        index=index,
        pts=index / FPS,
        captured_at=0.0,
        keypoints=keypoints,
        layout=COCO17,
        person=np.array(person, np.int64),
    )


def test_who_stands_still_trembles_half_as_much() -> None:
    rng, smooth = np.random.default_rng(1), make_keypoint_smoother("one-euro")
    noisy = [_POSE + rng.normal(0, 0.3, _POSE.shape) for _ in range(80)]
    out = np.stack([smooth(tracks(k, pose[None], [1])).keypoints[0, :, :2] for k, pose in enumerate(noisy)])
    before, after = np.stack(noisy)[20:], out[20:]
    assert after.std(0).mean() < 0.5 * before.std(0).mean()
    assert np.abs(np.diff(after, 2, axis=0)).mean() < 0.25 * np.abs(np.diff(before, 2, axis=0)).mean()


@pytest.mark.parametrize("heights_per_s", [0.2, 1.0, 3.0])
def test_who_moves_lags_less_than_half_a_percent_of_their_height(heights_per_s: float) -> None:
    smooth, lag = make_keypoint_smoother("one-euro"), 0.0
    for index in range(50):
        moved = _POSE + np.array([heights_per_s * TALL * index / FPS, 0])
        lag = float(moved[0, 0] - smooth(tracks(index, moved[None], [1])).keypoints[0, 0, 0])
    assert 0 <= lag < 0.005 * TALL


def test_unseen_joints_stay_unseen_and_scores_stay() -> None:
    smooth, pose = make_keypoint_smoother("one-euro"), _POSE.copy()
    smooth(tracks(0, pose[None], [1]))
    pose[3] = np.nan
    out = smooth(tracks(1, pose[None], [1])).keypoints
    assert np.isnan(out[0, 3, :2]).all()
    assert not np.isnan(np.delete(out, 3, 1)).any()
    assert (out[..., 2] == np.float32(0.9)).all()


def test_people_and_sources_have_pasts_of_their_own() -> None:
    smooth = make_keypoint_smoother("one-euro")
    smooth(tracks(0, np.stack([_POSE, _POSE + 900]), [1, 2]))
    swapped = smooth(tracks(1, np.stack([_POSE + 900, _POSE]), [2, 1]))
    np.testing.assert_allclose(swapped.keypoints[:, :, :2], np.stack([_POSE + 900, _POSE]), atol=1e-2)
    other = smooth(tracks(1, _POSE[None] + 50, [1], source="b"))
    np.testing.assert_allclose(other.keypoints[0, :, :2], _POSE + 50, atol=1e-3)


def test_nobody_and_no_smoothing_are_handed_through() -> None:
    nobody = tracks(0, np.zeros((0, 17, 2)), [])
    assert make_keypoint_smoother("one-euro")(nobody) is nobody
    given = tracks(0, _POSE[None], [1])
    assert make_keypoint_smoother("none")(given) is given
