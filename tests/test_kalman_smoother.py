"""Skeletons through the Kalman smoother: what it does with sigma, with what is unseen and with what is wrong."""

from __future__ import annotations

import numpy as np
import pytest

from stream3d.cli.parser import make_parser
from stream3d.errors import SettingsError
from stream3d.pipeline import RunSettings
from stream3d.settings import from_table
from stream3d.skeleton import H36M17
from stream3d.solve import SMOOTHERS, KalmanSettings, make_keypoint_smoother, make_smoother
from stream3d.values import Poses3D

FPS = 30
BODY = np.random.default_rng(5).normal(0, 0.4, (17, 3))
BODY[0] = 0
AHEAD = np.array([0.5, 0.0, 4.0])
WRIST = H36M17.names.index("right_wrist")


def poses(joints, time_s: float, *, person=(1,), sigma: float = 0.05) -> Poses3D:
    joints = np.asarray(joints, np.float32)
    return Poses3D(
        source_id="a",
        index=round(time_s * FPS),
        pts=time_s,
        captured_at=time_s,
        joints=joints,
        sigma=np.full(joints.shape[:2], sigma, np.float32),
        person=np.array(person, np.int64),
        layout=H36M17,
    )


def smoothed(clip: np.ndarray, settings: KalmanSettings | None = None, sigma: float = 0.05) -> np.ndarray:
    """``clip`` [T, J, 3] of one person at ``FPS``, smoothed."""
    smooth = make_smoother("kalman", kalman=settings)
    return np.stack([smooth(poses(joints[None], i / FPS, sigma=sigma)).joints[0] for i, joints in enumerate(clip)])


def still(frames: int, noise_m: float = 0.0) -> np.ndarray:
    return BODY + AHEAD + np.random.default_rng(0).normal(0, noise_m or 1e-9, (frames, 17, 3))


def jitter(clip: np.ndarray) -> float:
    return float(np.abs(np.diff(clip[FPS:], 2, axis=0)).mean())


def test_noise_is_smoothed_and_more_where_sigma_is_larger():
    clip = still(5 * FPS, 0.01)
    little, much = smoothed(clip, sigma=0.03), smoothed(clip, sigma=0.3)
    assert jitter(clip) > 1.4 * jitter(little) > 1.4 * 1.3 * jitter(much)
    off_mm = [1000 * np.linalg.norm(x - BODY - AHEAD, axis=-1)[FPS:].mean() for x in (clip, little, much)]
    assert off_mm[0] > 1.05 * off_mm[1] > 1.05 * 1.2 * off_mm[2]


def test_an_unknown_sigma_is_the_setting():
    clip = still(2 * FPS, 0.01)
    settings = KalmanSettings(noise_m=0.03, noise_per_sigma=0.3)
    np.testing.assert_allclose(smoothed(clip, settings, np.nan), smoothed(clip, settings, 0.1), atol=1e-6)


def test_whoever_walks_evenly_does_not_lag():
    walk = np.arange(4 * FPS)[:, None] / FPS * np.array([0.0, 0.0, 1.4])  # towards the camera's back, along its axis
    clip = BODY + np.array([0.0, 0.0, 4.0]) + walk[:, None]
    np.testing.assert_allclose(smoothed(clip)[2 * FPS :], clip[2 * FPS :], atol=0.002)


def test_an_unseen_joint_goes_on_for_a_moment_and_is_then_unknown():
    clip = still(2 * FPS)
    clip[40:, WRIST] = np.nan
    out = smoothed(clip)
    np.testing.assert_allclose(out[40:43, WRIST], clip[39, WRIST] * np.ones((3, 1)), atol=0.001)
    assert np.isnan(out[43:, WRIST]).all()
    assert np.isfinite(np.delete(out, WRIST, axis=1)).all()


def test_a_limb_that_jumps_for_a_frame_is_held_and_one_that_stays_is_followed():
    clip = still(2 * FPS, 0.002)
    clip[40, WRIST, 0] += 0.5
    clip[50:, WRIST, 0] += 0.5
    out = smoothed(clip)
    assert np.abs(out[38:50, WRIST] - clip[39, WRIST]).max() < 0.02
    assert np.abs(out[53:, WRIST] - clip[53:, WRIST]).max() < 0.02


def test_people_are_filtered_by_id_and_without_a_pelvis_handed_through():
    clip = np.stack([still(20, 0.02), still(20, 0.03) + 1], axis=1)
    apart = [smoothed(clip[:, p]) for p in range(2)]
    smooth = make_smoother("kalman")
    for i, frame in enumerate(clip):
        order = [0, 1] if i % 2 else [1, 0]
        out = smooth(poses(frame[order], i / FPS, person=np.array(order) + 7))
        for place, p in enumerate(order):
            np.testing.assert_array_equal(out.joints[place], apart[p][i])
    lost = clip[-1].copy()
    lost[0, 0] = np.nan
    out = smooth(poses(lost, 20 / FPS, person=(7, 8)))
    np.testing.assert_array_equal(out.joints[0], lost[0].astype(np.float32))


@pytest.mark.parametrize(
    "change", [{"drift_mps2": 0}, {"gate_probability": 1.0}, {"leap_mps": -1}, {"max_rejected": -1}, {"predict_s": 2.6}]
)
def test_settings_out_of_range_are_refused(change):
    with pytest.raises(SettingsError, match=next(iter(change))):
        KalmanSettings(**change)


def test_a_config_file_and_the_command_line_know_it():
    told = from_table(RunSettings, {"smoother": "kalman", "kalman": {"drift_mps2": 30}}, "config")
    assert (told.smoother, told.kalman.drift_mps2) == ("kalman", 30.0)
    for name in SMOOTHERS:
        assert make_parser().parse_args(["run", "sample", "--smooth", name]).smooth == name
    with pytest.raises(SystemExit):
        make_parser().parse_args(["run", "sample", "--smooth", "butterworth"])


def test_keypoints_beside_it_are_smoothed_as_ever():
    assert type(make_keypoint_smoother("kalman")) is type(make_keypoint_smoother("one-euro"))
