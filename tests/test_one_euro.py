"""The One-Euro filter against the paper's equations, and exact in time."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream3d.errors import SettingsError, ShapeError
from stream3d.kernels import one_euro
from stream3d.kernels.one_euro import OneEuroBank

ROUNDING = 1e-9  # of values of order one, after some tens of steps

finite = st.floats(-10, 10, allow_subnormal=False)
cutoffs = st.tuples(st.floats(0.05, 20), st.floats(0, 50), st.floats(0.05, 20))
steps = st.lists(st.floats(0.001, 0.9), min_size=1, max_size=25)


def for_all(*strategies):
    """``given``, without a deadline: the first call compiles the kernel."""
    return lambda test: settings(deadline=None, max_examples=60)(given(*strategies)(test))


def reference(times: list[float], values: list[float], *, low: float, beta: float, speed_cutoff: float) -> list[float]:
    """Algorithm 1 of Casiez et al. 2012, one scalar signal, with the true step in place of 1 / rate."""

    def alpha(cutoff: float, step: float) -> float:
        tau = 1.0 / (2 * math.pi * cutoff)
        return 1.0 / (1.0 + tau / step)

    out, previous, derivative, last = [], None, 0.0, 0.0
    for time, value in zip(times, values, strict=True):
        if previous is None:
            previous = value
        else:
            step = time - last
            speed = (value - previous) / step
            weight = alpha(speed_cutoff, step)
            derivative = weight * speed + (1 - weight) * derivative
            weight = alpha(low + beta * abs(derivative), step)
            previous = weight * value + (1 - weight) * previous
        last = time
        out.append(previous)
    return out


def filtered(times, values, *, low=1.0, beta=0.0, speed_cutoff=1.0, max_gap_s=1e9) -> np.ndarray:
    """``values`` [T, P, A] of one row, through the bank."""
    values = np.asarray(values, np.float64)
    bank = OneEuroBank(points=values.shape[1], axes=values.shape[2], speed_cutoff_hz=speed_cutoff, max_gap_s=max_gap_s)
    row = np.array([0])
    return np.stack(
        [bank(row, v[None], time_s=t, min_cutoff_hz=low, beta=beta)[0] for t, v in zip(times, values, strict=True)]
    )


def signal(draw_steps: list[float], seed: int, points: int = 1, axes: int = 1) -> tuple[list[float], np.ndarray]:
    times = [0.0, *np.cumsum(draw_steps).tolist()]
    return times, np.random.default_rng(seed).normal(0, 1, (len(times), points, axes))


@for_all(steps, st.integers(0, 999), cutoffs)
def test_equals_the_papers_equations(draw_steps, seed, tuning):
    low, beta, speed_cutoff = tuning
    times, values = signal(draw_steps, seed)
    ours = filtered(times, values, low=low, beta=beta, speed_cutoff=speed_cutoff)[:, 0, 0]
    theirs = reference(times, values[:, 0, 0].tolist(), low=low, beta=beta, speed_cutoff=speed_cutoff)
    np.testing.assert_allclose(ours, theirs, atol=ROUNDING)


@for_all(steps, st.integers(0, 999), st.sets(st.integers(0, 25)))
def test_a_dropped_frame_changes_nothing_but_the_step(draw_steps, seed, dropped):
    times, values = signal(draw_steps, seed)
    kept = [i for i in range(len(times)) if i not in dropped] or [0]
    missing = values.copy()
    missing[[i for i in range(len(times)) if i not in kept]] = np.nan
    theirs = reference([times[i] for i in kept], values[kept, 0, 0].tolist(), low=1.0, beta=2.0, speed_cutoff=1.0)
    left_out = filtered([times[i] for i in kept], values[kept], beta=2.0)
    unseen = filtered(times, missing, beta=2.0)
    np.testing.assert_allclose(left_out[:, 0, 0], theirs, atol=ROUNDING)
    np.testing.assert_allclose(unseen[kept, 0, 0], theirs, atol=ROUNDING)
    assert np.isnan(np.delete(unseen, kept, axis=0)).all()


@for_all(steps, st.integers(0, 999), st.integers(0, 25), finite)
def test_a_doubled_frame_changes_nothing(draw_steps, seed, where, other_value):
    times, values = signal(draw_steps, seed, points=2, axes=3)
    where = min(where, len(times) - 1)
    once = filtered(times, values, beta=2.0)
    doubled = np.insert(values, where + 1, other_value, axis=0)
    twice = filtered([*times[: where + 1], times[where], *times[where + 1 :]], doubled, beta=2.0)
    np.testing.assert_array_equal(np.delete(twice, where + 1, axis=0), once)
    np.testing.assert_array_equal(twice[where + 1], once[where])


@for_all(steps, finite, cutoffs)
def test_what_stands_still_stays(draw_steps, value, tuning):
    times = [0.0, *np.cumsum(draw_steps)]
    low, beta, speed_cutoff = tuning
    out = filtered(times, np.full((len(times), 1, 1), value), low=low, beta=beta, speed_cutoff=speed_cutoff)
    np.testing.assert_array_equal(out, value)


@for_all(steps, st.integers(0, 999), st.sampled_from([-1e5, -3.25, 1e-3, 7.0, 1e6]))
def test_the_origin_of_time_does_not_matter(draw_steps, seed, shift):
    times, values = signal(draw_steps, seed, points=2, axes=2)
    moved = [t + shift for t in times]
    true_steps_of_moved = np.abs(np.diff(moved) - np.diff(times)).max()  # what float64 makes of the shift
    out = filtered(moved, values, beta=2.0)
    np.testing.assert_allclose(out, filtered(times, values, beta=2.0), atol=1e-8 + 1e5 * true_steps_of_moved)


@for_all(steps, st.integers(0, 999), st.permutations(range(3)), st.permutations(range(4)))
def test_permuting_people_and_joints_permutes_the_output(draw_steps, seed, people, joints):
    times, values = signal(draw_steps, seed, points=3 * 4, axes=2)
    values = values.reshape(-1, 3, 4, 2)
    beta = np.random.default_rng(seed).uniform(0, 5, (3, 4))
    low = np.array([0.5, 1.0, 2.0, 4.0])

    def run(order: list[int], columns: list[int]) -> np.ndarray:
        bank = OneEuroBank(points=4, axes=2, speed_cutoff_hz=1.0, max_gap_s=1e9)
        picked = values[:, order][:, :, columns]
        rise = beta[order][:, columns]
        rows = np.array(order) * 2
        return np.stack(
            [bank(rows, v, time_s=t, min_cutoff_hz=low[columns], beta=rise) for t, v in zip(times, picked, strict=True)]
        )

    plain = run([0, 1, 2], [0, 1, 2, 3])
    np.testing.assert_array_equal(run(list(people), list(joints)), plain[:, list(people)][:, :, list(joints)])


@for_all(steps, st.integers(0, 999), st.floats(0, 2 * math.pi))
def test_turning_the_axes_turns_the_output(draw_steps, seed, angle):
    times, values = signal(draw_steps, seed, points=1, axes=2)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    np.testing.assert_allclose(
        filtered(times, values @ turn.T, beta=3.0), filtered(times, values, beta=3.0) @ turn.T, atol=1e-8
    )


@for_all(steps, st.integers(0, 999), cutoffs)
def test_the_output_stays_within_the_range_of_the_input(draw_steps, seed, tuning):
    low, beta, speed_cutoff = tuning
    times, values = signal(draw_steps, seed)
    out = filtered(times, values, low=low, beta=beta, speed_cutoff=speed_cutoff)
    assert values.min() - ROUNDING <= out.min()
    assert out.max() <= values.max() + ROUNDING


def test_starts_anew_after_a_gap_and_when_time_jumps_back():
    values = np.array([[[0.0]], [[10.0]], [[20.0]], [[30.0]]])
    out = filtered([0.0, 0.4, 1.0, 0.9], values, low=0.1, max_gap_s=0.5)[:, 0, 0]
    assert 0 < out[1] < 10
    assert out[2:].tolist() == [20.0, 30.0]


def test_a_gap_counts_from_when_the_point_itself_was_seen():
    values = np.array([[[0.0], [0.0]], [[np.nan], [1.0]], [[10.0], [2.0]]])
    out = filtered([0.0, 0.3, 0.6], values, low=0.1, max_gap_s=0.5)
    assert out[2, 0, 0] == 10.0
    assert out[2, 1, 0] < 2.0


def test_zero_is_a_time_like_any_other():
    values = np.array([[[0.0]], [[1.0]], [[1.0]]])
    np.testing.assert_allclose(filtered([-0.1, 0.0, 0.1], values), filtered([0.0, 0.1, 0.2], values), atol=ROUNDING)


def test_a_point_with_one_unknown_axis_is_unseen():
    values = np.array([[[0.0, 0.0]], [[1.0, np.nan]]])
    assert np.isnan(filtered([0.0, 0.1], values)[1]).all()


def test_rows_are_apart_and_can_be_reset():
    bank = OneEuroBank(points=1, axes=1, speed_cutoff_hz=1.0, max_gap_s=10)

    def feed(row: int, value: float, time_s: float) -> float:
        return bank(np.array([row]), np.array([[[value]]]), time_s=time_s, min_cutoff_hz=0.5, beta=0.0).item()

    feed(0, 0.0, 0.0)
    assert feed(7, 5.0, 0.1) == 5.0
    assert 0 < feed(0, 1.0, 0.1) < 1
    bank.reset(np.array([0, 99]))
    assert feed(0, 3.0, 0.2) == 3.0
    assert 5.0 < feed(7, 6.0, 0.2) < 6.0


def test_the_dtype_stays_and_no_people_are_fine():
    bank = OneEuroBank(points=2, axes=3, speed_cutoff_hz=1.0, max_gap_s=1.0)
    out = bank(np.zeros(0, np.int64), np.zeros((0, 2, 3), np.float32), time_s=0.0, min_cutoff_hz=1.0, beta=1.0)
    assert out.shape == (0, 2, 3)
    assert out.dtype == np.float32


def test_one_compilation_serves_every_call():
    one_euro.warm()
    before = list(one_euro._step.signatures)
    bank = OneEuroBank(points=3, axes=2, speed_cutoff_hz=1.0, max_gap_s=1.0)
    views = np.zeros((8, 3, 4), np.float32)[::2, :, ::2]
    bank(np.arange(4, dtype=np.int32), views, time_s=0, min_cutoff_hz=np.ones(3, np.float32), beta=np.ones((4, 3)))
    assert list(one_euro._step.signatures) == before


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"rows": [0, 0]}, ShapeError),
        ({"rows": [-1, 0]}, ShapeError),
        ({"rows": [0]}, ShapeError),
        ({"time_s": math.nan}, ShapeError),
        ({"min_cutoff_hz": 0.0}, SettingsError),
        ({"min_cutoff_hz": math.nan}, SettingsError),
        ({"beta": -1.0}, SettingsError),
        ({"beta": np.ones((3, 3))}, ShapeError),
    ],
)
def test_what_does_not_fit_is_refused(change, error):
    bank = OneEuroBank(points=1, axes=1, speed_cutoff_hz=1.0, max_gap_s=1.0)
    call = {"rows": [0, 1], "time_s": 0.0, "min_cutoff_hz": 1.0, "beta": 0.0} | change
    with pytest.raises(error):
        bank(np.array(call.pop("rows")), np.zeros((2, 1, 1)), **call)


@pytest.mark.parametrize("change", [{"points": 0}, {"axes": 0}, {"speed_cutoff_hz": 0}, {"max_gap_s": math.inf}])
def test_a_bank_that_cannot_be_is_refused(change):
    with pytest.raises(SettingsError):
        OneEuroBank(**({"points": 1, "axes": 1, "speed_cutoff_hz": 1.0, "max_gap_s": 1.0} | change))
