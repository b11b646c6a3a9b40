"""The smoothing of skeletons: what its defaults do to noise and to motion, and who is filtered with whom."""

from __future__ import annotations

import numpy as np
import pytest

from stream3d.errors import LayoutError, SettingsError
from stream3d.skeleton import COCO17, H36M17, Layout
from stream3d.solve import Smoother, SmoothSettings, make_smoother
from stream3d.values import Poses3D

FPS = 30
NOISE_M = 0.010  # per axis, of a joint
DEPTH_NOISE_M = 0.040  # of the pelvis, along the line of sight
JITTER_CUT = 3.0  # what the defaults promise for a still person
PUNCH_MPS, PUNCH_M, PUNCH_LAG_S = 6.0, 0.6, 0.040

BODY = np.random.default_rng(5).normal(0, 0.4, (17, 3))
BODY[0] = 0
AHEAD = np.array([0.0, 0.0, 4.0])
WRIST = H36M17.names.index("right_wrist")


def poses(joints, time_s: float, *, person=(1,), source: str = "a", layout: Layout = H36M17) -> Poses3D:
    joints = np.asarray(joints, np.float32)
    return Poses3D(
        source_id=source,
        index=round(time_s * FPS),
        pts=time_s,
        captured_at=time_s,
        joints=joints,
        sigma=np.full(joints.shape[:2], 0.05, np.float32),
        person=np.array(person, np.int64),
        layout=layout,
    )


def smoothed(clip: np.ndarray, settings: SmoothSettings | None = None) -> np.ndarray:
    """``clip`` [T, J, 3] of one person at ``FPS``, smoothed."""
    smooth = make_smoother("one-euro", settings)
    return np.stack([smooth(poses(joints[None], i / FPS)).joints[0] for i, joints in enumerate(clip)])


def noisy_person(pelvis: np.ndarray, seed: int = 0) -> np.ndarray:
    """A stiff body at ``pelvis`` [T, 3], with joint noise, and pelvis noise along the line of sight."""
    rng = np.random.default_rng(seed)
    sight = pelvis / np.linalg.norm(pelvis, axis=1, keepdims=True)
    noise = rng.normal(0, NOISE_M, (len(pelvis), 17, 3))
    return (pelvis + sight * rng.normal(0, DEPTH_NOISE_M, (len(pelvis), 1)))[:, None] + BODY + noise


def jitter(clip: np.ndarray) -> np.ndarray:
    """Mean absolute second difference per axis."""
    return np.abs(np.diff(clip, 2, axis=0)).mean(axis=(0, 1))


def error_m(clip: np.ndarray, pelvis: np.ndarray) -> float:
    return float(np.linalg.norm(clip - pelvis[:, None] - BODY, axis=-1)[FPS:].mean())


def test_a_still_person_stops_jittering_and_comes_closer_to_the_truth():
    pelvis = np.tile([1.0, 0.2, 4.0], (10 * FPS, 1))
    clip = noisy_person(pelvis)
    out = smoothed(clip)
    assert (jitter(clip) / jitter(out) > JITTER_CUT).all()
    assert error_m(out, pelvis) < 0.6 * error_m(clip, pelvis)


@pytest.mark.parametrize("velocity", [(0, 0, -1.4), (1.4, 0, 0)])
def test_a_walking_person_comes_no_farther_from_the_truth(velocity):
    pelvis = np.array([-3.0, 0.2, 16.0]) + np.arange(10 * FPS)[:, None] / FPS * np.array(velocity)
    clip = noisy_person(pelvis)
    assert error_m(smoothed(clip), pelvis) < error_m(clip, pelvis)


@pytest.mark.parametrize("phase", [0.0, 0.25, 0.5, 0.75])
def test_a_punch_hardly_lags(phase):
    times = np.arange(2 * FPS) / FPS
    lasts = 1.875 * PUNCH_M / PUNCH_MPS  # minimum jerk: the peak is 1.875 times the mean speed
    start = 1.0 + phase / FPS
    s = np.clip((times - start) / lasts, 0, 1)
    clip = np.tile(BODY + AHEAD, (len(times), 1, 1))
    clip[:, WRIST, 0] += PUNCH_M * (10 * s**3 - 15 * s**4 + 6 * s**5)
    reach = smoothed(clip)[:, WRIST, 0] - BODY[WRIST, 0]
    lag = np.interp(PUNCH_M / 2, reach, times) - (start + lasts / 2)
    assert 0 <= lag < PUNCH_LAG_S


def test_depth_noise_never_moves_the_pelvis_in_the_picture():
    rng = np.random.default_rng(3)
    sight = np.array([0.4, -0.2, 1.0])
    depths = 4 + rng.normal(0, 0.1, 60)
    out = smoothed(depths[:, None, None] * sight + np.zeros((1, 17, 1)))[:, 0]
    np.testing.assert_allclose(out[:, :2] / out[:, 2:], np.tile(sight[:2], (60, 1)), atol=1e-6)
    assert np.abs(np.diff(depths, 2)).mean() > JITTER_CUT * np.abs(np.diff(out[:, 2], 2)).mean()


def test_people_are_filtered_by_id_wherever_they_stand_in_the_array():
    rng = np.random.default_rng(1)
    clip = rng.normal(0, 0.3, (20, 3, 17, 3)) + AHEAD
    apart = [smoothed(clip[:, p]) for p in range(3)]
    smooth = Smoother(SmoothSettings())
    for i, frame in enumerate(clip):
        order = rng.permutation(3)
        out = smooth(poses(frame[order], i / FPS, person=order + 10))
        assert out.person.tolist() == (order + 10).tolist()
        for place, p in enumerate(order):
            np.testing.assert_array_equal(out.joints[place], apart[p][i])


def test_sources_are_filtered_apart():
    smooth = Smoother(SmoothSettings())
    one, other = np.full((1, 17, 3), 3.0), np.full((1, 17, 3), 5.0)
    smooth(poses(one, 0.0, source="a"))
    np.testing.assert_allclose(smooth(poses(other, 0.1, source="b")).joints, other)
    assert (smooth(poses(other, 0.1, source="a")).joints < 5).all()


def test_a_dropped_frame_changes_nothing_but_the_step():
    clip = np.random.default_rng(2).normal(0, 0.1, (9, 17, 3)) + AHEAD
    first, second = Smoother(SmoothSettings()), Smoother(SmoothSettings())
    nobody = np.zeros((0, 17, 3))
    for i in (0, 1, 2, 5, 6, 8):
        left_out = first(poses(clip[i : i + 1], i / FPS))
        if i == 5:
            second(poses(nobody, 4 / FPS, person=()))
        unseen = second(poses(clip[i : i + 1], i / FPS))
        np.testing.assert_array_equal(left_out.joints, unseen.joints)


def test_whoever_was_gone_for_longer_than_the_gap_starts_anew_and_rows_are_used_again():
    smooth = Smoother(SmoothSettings(max_gap_s=0.5))
    for i in range(40):
        out = smooth(poses(np.full((1, 17, 3), float(i + 1)), i * 0.6, person=(i,)))
        np.testing.assert_allclose(out.joints, i + 1)
    assert smooth._sources["a"].rows(np.array([99]), 40 * 0.6).max() <= 1


def test_unseen_joints_stay_unseen_and_a_person_without_pelvis_is_handed_through():
    smooth = Smoother(SmoothSettings())
    joints = np.tile(BODY + AHEAD, (2, 1, 1))
    smooth(poses(joints, 0.0, person=(1, 2)))
    joints = joints + 0.1
    joints[0, WRIST] = np.nan
    joints[1, 0] = np.nan
    out = smooth(poses(joints, 0.1, person=(1, 2))).joints
    assert np.isnan(out[0, WRIST]).all()
    assert np.isfinite(np.delete(out[0], WRIST, axis=0)).all()
    np.testing.assert_array_equal(out[1], joints[1].astype(np.float32))


def test_everything_but_the_joints_is_handed_through():
    smooth = make_smoother("one-euro")
    smooth(poses(np.zeros((1, 17, 3)) + 4, 0.0))
    given = poses(np.ones((1, 17, 3)), 0.1)
    out = smooth(given)
    for name in ("source_id", "index", "pts", "captured_at", "layout"):
        assert getattr(out, name) == getattr(given, name)
    assert out.sigma is given.sigma
    assert out.joints.dtype == np.float32


def test_none_changes_nothing():
    given = poses(np.ones((1, 17, 3)), 0.1)
    assert make_smoother("none")(given) is given


@pytest.mark.parametrize("name", ["", "One-Euro", "butterworth"])
def test_unknown_smoothers_are_refused_with_the_known_ones(name):
    with pytest.raises(SettingsError, match="one-euro, kalman, none"):
        make_smoother(name)


def test_a_layout_without_a_pelvis_is_refused():
    with pytest.raises(LayoutError, match="coco17"):
        make_smoother("one-euro")(poses(np.zeros((1, 17, 3)), 0.0, layout=COCO17))


@pytest.mark.parametrize("change", [{"min_cutoff_hz": 0}, {"beta_hz_per_mps": -1}, {"max_gap_s": float("nan")}])
def test_settings_out_of_range_are_refused(change):
    with pytest.raises(SettingsError, match=next(iter(change))):
        SmoothSettings(**change)
