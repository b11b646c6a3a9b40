"""Filters of whole series against SciPy's, and what they do with gaps, uneven times and outliers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import interpolate, signal

from stream3d.errors import SettingsError, ShapeError
from stream3d.kernels.interpolate import hermite, monotone_slopes, parabolic_slopes
from stream3d.kernels.zero_lag import both_ways, fitted
from stream3d.solve import WholeSettings, butterworth, savgol, smooth_series
from stream3d.solve.kalman import model_of
from stream3d.solve.lowpass import butterworth_sections, polynomial_hat
from stream3d.solve.outliers import outliers
from stream3d.solve.settings import KalmanSettings

FPS = 30


def walk(count: int, columns: int = 4, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, (count, columns)).cumsum(axis=0)


@pytest.mark.parametrize("order", [2, 4, 6, 8, 12])
@pytest.mark.parametrize(("rate", "cutoff"), [(30, 6), (59.94, 6), (25, 1.5), (13, 6)])
def test_butterworth_is_scipys_with_the_cutoff_corrected_for_two_passes(order, rate, cutoff):
    """Winter's correction of the warped cut-off; SciPy warps what it is given itself."""
    raised = np.tan(np.pi * cutoff / rate) / (np.sqrt(2) - 1) ** (1 / order)
    sos = signal.butter(order // 2, rate / np.pi * np.arctan(raised), fs=rate, output="sos")
    values, sections = walk(120), butterworth_sections(cutoff_hz=cutoff, rate_hz=rate, order=order)
    expected = signal.sosfiltfilt(sos, values, axis=0, padtype="odd", padlen=25)
    np.testing.assert_allclose(both_ways(values, sections, 25), expected, atol=1e-10)
    full = np.insert(sections, 3, 1.0, axis=1)
    _, gain = signal.sosfreqz(full, [cutoff], fs=rate)
    assert abs(gain[0]) ** 4 == pytest.approx(0.5)  # half the power after both passes


def test_order_four_is_filtfilt_of_order_two():
    values = walk(90)
    corrected = FPS / np.pi * np.arctan(np.tan(np.pi * 6 / FPS) / 0.8022429)  # the factor that books print
    b, a = signal.butter(2, corrected, fs=FPS)
    np.testing.assert_allclose(butterworth(values, FPS), signal.filtfilt(b, a, values, axis=0, padlen=9), atol=1e-6)


def test_butterworth_does_not_lag_and_a_line_passes_unchanged():
    times = np.arange(10 * FPS) / FPS
    wave = np.sin(2 * np.pi * 1.5 * times)[:, None]
    out = butterworth(wave, FPS)[FPS:-FPS, 0]
    shifts = [float(out @ wave[FPS + s : len(wave) - FPS + s, 0]) for s in (-1, 0, 1)]
    assert shifts[1] > max(shifts[0], shifts[2])
    assert shifts[0] == pytest.approx(shifts[2], rel=1e-3)
    line = times[:, None] * 2 + 1
    np.testing.assert_allclose(butterworth(line, FPS), line, atol=1e-4)


@pytest.mark.parametrize(("window", "degree"), [(5, 2), (9, 3), (21, 4), (7, 0)])
def test_savgol_is_scipys(window, degree):
    values = walk(60)
    expected = signal.savgol_filter(values, window, degree, axis=0, mode="interp")
    np.testing.assert_allclose(fitted(values, polynomial_hat(window, degree)), expected, atol=1e-9)
    np.testing.assert_allclose(savgol(values, 100.0, window_s=window / 100, degree=degree), expected, atol=1e-9)


def test_savgol_follows_what_is_a_polynomial_exactly_and_copes_with_few_samples():
    s = np.linspace(-1, 1, 40)[:, None]
    cubic = 3 * s**3 - s**2 + 0.5 * s + 7
    np.testing.assert_allclose(savgol(cubic, FPS, window_s=0.5, degree=3), cubic, atol=1e-10)
    for few in range(1, 9):
        out = savgol(walk(few), FPS, window_s=0.3, degree=3)
        assert out.shape == (few, 4)
        assert (few > 4) == (not np.array_equal(out, walk(few)))


rising = st.lists(st.floats(0.01, 1.0), min_size=1, max_size=30)


@settings(deadline=None, max_examples=60)
@given(rising, st.integers(0, 999))
def test_curves_are_scipys(steps, seed):
    times = np.array([0.0, *np.cumsum(steps)])
    values, at = walk(len(times), 3, seed), np.linspace(0, times[-1], 50)
    curve = hermite(times, values, monotone_slopes(times, values), at)
    np.testing.assert_allclose(curve, interpolate.PchipInterpolator(times, values)(at), atol=1e-9)
    if len(times) > 2:
        slopes = np.gradient(values, times, axis=0, edge_order=2)
        np.testing.assert_allclose(parabolic_slopes(times, values), slopes, atol=1e-9)
        curve = hermite(times, values, slopes, at)
        np.testing.assert_allclose(curve, interpolate.CubicHermiteSpline(times, values, slopes)(at), atol=1e-9)


def series(values, *, times=None, even=None, fill_s=0.2) -> np.ndarray:
    times = np.arange(len(values)) / FPS if times is None else times
    return smooth_series(times, values, even=even, fill_s=fill_s)


def test_gaps_up_to_the_limit_are_filled_and_longer_ones_stay():
    values = walk(60, 6).reshape(60, 2, 3)
    holes = values.copy()
    holes[10:15, 0] = np.nan  # 0.2 s between the samples round it
    holes[30:36, 0, 1] = np.nan  # one axis is enough; longer
    holes[:3, 1] = np.nan  # before the first sample there is nothing to go by
    out = series(holes)
    known = np.delete(np.arange(60), [*range(10, 15), *range(30, 36)])
    np.testing.assert_array_equal(out[known, 0], values[known, 0])
    around = np.delete(np.arange(30), range(10, 15))
    expected = interpolate.PchipInterpolator(around, values[around, 0])(np.arange(10, 15))
    np.testing.assert_allclose(out[10:15, 0], expected, atol=1e-9)
    assert np.isnan(out[30:36, 0]).all()
    assert np.isnan(out[:3, 1]).all()
    np.testing.assert_array_equal(out[3:, 1], values[3:, 1])


def test_both_sides_of_a_long_gap_are_filtered_apart():
    values = walk(80, 3)[:, None]
    holes = values.copy()
    holes[40:50] = np.nan
    out = series(holes, even=butterworth)
    np.testing.assert_allclose(out[:40, 0], butterworth(values[:40, 0], FPS), atol=1e-9)
    np.testing.assert_allclose(out[50:, 0], butterworth(values[50:, 0], FPS), atol=1e-9)


def test_joints_are_independent_of_each_other():
    values = walk(50, 12).reshape(50, 4, 3)
    values[20:23, 1] = np.nan
    values[30:, 2] = np.nan
    together = series(values, even=savgol)
    for joint in range(4):
        np.testing.assert_allclose(together[:, joint], series(values[:, [joint]], even=savgol)[:, 0], atol=1e-12)


@pytest.mark.parametrize("even", [butterworth, savgol])
def test_uneven_times_are_resampled_and_brought_back(even):
    """A slow motion comes out as if it had been sampled evenly."""
    rng = np.random.default_rng(0)
    times = np.cumsum(rng.uniform(0.02, 0.05, 300))

    def motion(at):
        return (0.3 * np.sin(2 * np.pi * at) + 0.1 * at)[:, None, None]

    out = series(motion(times), times=times, even=even)
    middle = slice(20, -20)
    np.testing.assert_allclose(out[middle], motion(times)[middle], atol=0.004)
    noisy = motion(times) + rng.normal(0, 0.02, (300, 1, 1))
    better = series(noisy, times=times, even=even) - motion(times)
    assert np.sqrt((better**2).mean()) < 0.75 * 0.02


def test_a_few_frames_far_apart_do_not_lower_the_rate_of_the_track():
    """The two last are 0.2 s from each other and 1 s from the rest: alone they would be 5 frames a second."""
    times = np.array([*np.arange(60) / FPS, 3.0, 3.2])
    values = walk(62, 3)[:, None]
    out = series(values, times=times, even=butterworth)
    np.testing.assert_allclose(out[:60], series(values[:60], even=butterworth), atol=1e-9)
    np.testing.assert_allclose(out[60:], values[60:], atol=0.1)
    assert np.isfinite(out).all()


def test_times_rounded_to_milliseconds_count_as_even():
    values = walk(60, 3)[:, None]
    exact = series(values, even=butterworth)
    rounded = series(values, times=np.round(np.arange(60) / FPS, 3), even=butterworth)
    np.testing.assert_allclose(rounded, exact, atol=1e-4)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 999), st.sampled_from([butterworth, savgol, None]), st.integers(1, 12))
def test_moving_and_turning_the_world_moves_and_turns_the_output(seed, even, count):
    rng = np.random.default_rng(seed)
    values = walk(count, 6, seed).reshape(count, 2, 3)
    values[rng.random((count, 2)) < 0.2] = np.nan
    times = np.cumsum(rng.uniform(0.02, 0.05, count))
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    plain = series(values, times=times, even=even)
    moved = series(values @ turn.T + 2.0, times=times, even=even)
    if even is None:  # PCHIP holds axis by axis to the range of its samples, so only moving is free
        moved = series(values + 2.0, times=times, even=even)
        turn = np.eye(3)
    elif np.isnan(values).any():
        return
    np.testing.assert_allclose(moved, plain @ turn.T + 2.0, atol=1e-9)


def test_a_series_that_is_none_is_refused():
    with pytest.raises(ShapeError, match="rise"):
        series(walk(5)[:, None], times=np.array([0, 1, 1, 2, 3.0]))
    with pytest.raises(ShapeError, match="rise"):
        series(walk(3)[:, None], times=np.array([0, np.nan, 1.0]))
    with pytest.raises(ShapeError, match="must be"):
        series(walk(5))
    assert series(np.zeros((0, 2, 3))).shape == (0, 2, 3)


def found(values: np.ndarray) -> list[int]:
    count = len(values)
    model = model_of(KalmanSettings(), 3)
    noise, scale = np.full((count, 1), 0.01), np.ones(count)
    wrong = outliers(np.arange(count) / FPS, values, noise=noise, scale=scale, model=model)
    return np.flatnonzero(wrong[:, 0]).tolist()


def test_outliers_are_found_and_jumps_that_stay_are_none():
    rng = np.random.default_rng(1)
    values = 0.3 * np.sin(2 * np.pi * np.arange(90) / FPS)[:, None, None] + rng.normal(0, 0.002, (90, 1, 3))
    assert found(values) == []
    wrong = [0, 20, 40, 41, 42, 89]
    values[wrong] += 1.0  # more than can be reached in three frames
    assert found(values) == wrong
    values[wrong] -= 1.0
    values[60:] += 1.0
    assert found(values) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"order": 3}, "even"),
        ({"order": 14}, "order"),
        ({"method": "median"}, "median"),
        ({"cutoff_hz": 0}, "cutoff_hz"),
        ({"window_s": -1}, "window_s"),
        ({"degree": -1}, "degree"),
        ({"fill_s": -0.1}, "fill_s"),
    ],
)
def test_settings_out_of_range_are_refused(change, said):
    with pytest.raises(SettingsError, match=said):
        WholeSettings(**change)


def test_a_cutoff_above_half_the_rate_is_refused_in_words_of_frames():
    with pytest.raises(SettingsError, match=r"needs more than 12 frames a second.* have 10"):
        butterworth(walk(30), 10.0)
