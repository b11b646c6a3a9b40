"""The Kalman filter against one written out with matrices, and what it promises of motion, gaps and outliers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import block_diag, expm
from scipy.stats import chi2

from stream3d.errors import SettingsError, ShapeError
from stream3d.kernels import kalman, kalman_bank
from stream3d.kernels.chi_square import chi_square_limit
from stream3d.kernels.kalman_bank import BEGUN, REJECTED, TAKEN, TURNED, UNSEEN, KalmanBank, KalmanModel

FPS = 30
MODEL = {"drift": 20.0, "speed": 2.0, "acceleration": 20.0, "leap": 0.0}
MODEL |= {"max_gap_s": 0.5, "predict_s": 0.12, "max_rejected": 3}
BELIEVE_ALL = 1e30
ROUNDING = 1e-8

steps = st.lists(st.floats(0.002, 0.4), min_size=1, max_size=25)
seeds = st.integers(0, 999)


def for_all(*strategies):
    """``given``, without a deadline: the first call compiles the kernel."""
    return lambda test: settings(deadline=None, max_examples=50)(given(*strategies)(test))


def bank_of(points=1, axes=3, gate=BELIEVE_ALL, **change) -> KalmanBank:
    return KalmanBank(points=points, axes=axes, model=KalmanModel(**(MODEL | {"gate": gate} | change)))


def filtered(times, values, *, noise=0.01, **how) -> tuple[np.ndarray, np.ndarray]:
    """``values`` [T, P, A] of one row, through a bank; places [T, P, A] and fates [T, P]."""
    values = np.asarray(values, np.float64)
    bank = bank_of(values.shape[1], values.shape[2], **how)
    row = np.array([0])
    out = [bank(row, v[None], time_s=t, noise=noise) for t, v in zip(times, values, strict=True)]
    return np.stack([places[0] for places, _ in out]), np.stack([fates[0] for _, fates in out])


def signal(draw_steps, seed, points=1, axes=3) -> tuple[np.ndarray, np.ndarray]:
    times = np.array([0.0, *np.cumsum(draw_steps)])
    return times, np.random.default_rng(seed).normal(0, 0.3, (len(times), points, axes))


class Reference:
    """The textbook's matrices for three axes at once, x = (p, v, a) per axis; Q by Van Loan's exponential."""

    def __init__(self, noise: float, drift: float, speed: float, acceleration: float) -> None:
        self.noise, self.drift = noise, drift
        self.prior = np.diag([noise**2, speed**2, acceleration**2])
        self.x = self.p = self.seen_at = None

    def model(self, step: float) -> tuple[np.ndarray, np.ndarray]:
        a = np.diag([1.0, 1.0], 1)
        push = np.diag([0.0, 0.0, self.drift**2])
        both = expm(np.block([[-a, push], [np.zeros((3, 3)), a.T]]) * step)
        f = both[3:, 3:].T
        return block_diag(f, f, f), block_diag(*[f @ both[:3, 3:]] * 3)

    def predicted(self, time: float) -> tuple[np.ndarray, np.ndarray]:
        f, q = self.model(time - self.seen_at)
        return f @ self.x, f @ self.p @ f.T + q

    def distance(self, time: float, z: np.ndarray) -> float:
        """Squared Mahalanobis distance of the innovation."""
        h = np.kron(np.eye(3), [[1.0, 0.0, 0.0]])
        x, p = self.predicted(time)
        error = z - h @ x
        return float(error @ np.linalg.solve(h @ p @ h.T + self.noise**2 * np.eye(3), error))

    def take(self, time: float, z: np.ndarray) -> np.ndarray:
        h, r = np.kron(np.eye(3), [[1.0, 0.0, 0.0]]), self.noise**2 * np.eye(3)
        if self.x is None:
            self.x, self.p = h.T @ z, block_diag(*[self.prior] * 3)
        else:
            x, p = self.predicted(time)
            gain = np.linalg.solve(h @ p @ h.T + r, h @ p).T
            rest = np.eye(9) - gain @ h
            self.x, self.p = x + gain @ (z - h @ x), rest @ p @ rest.T + gain @ r @ gain.T  # Joseph's form
        self.seen_at = time
        return h @ self.x


@for_all(steps, seeds, st.floats(0.001, 0.1), st.floats(1, 100))
def test_equals_the_textbooks_matrices_at_irregular_times(draw_steps, seed, noise, drift):
    times, values = signal(draw_steps, seed)
    ours, _ = filtered(times, values, noise=noise, drift=drift)
    reference = Reference(noise, drift, MODEL["speed"], MODEL["acceleration"])
    theirs = [reference.take(t, v[0]) for t, v in zip(times, values, strict=True)]
    np.testing.assert_allclose(ours[:, 0], theirs, rtol=1e-6, atol=ROUNDING)


@for_all(seeds, st.floats(0.05, 0.9999))
def test_the_gate_is_chi_square_on_the_innovation(seed, probability):
    """What it rejects is what lies beyond the quantile of the reference's own Mahalanobis distance."""
    times, values = signal([0.03] * 12, seed)
    _, fates = filtered(times, values, noise=0.2, gate=chi_square_limit(3, probability), max_rejected=99, predict_s=0.5)
    reference, limit = Reference(0.2, MODEL["drift"], MODEL["speed"], MODEL["acceleration"]), chi2.ppf(probability, 3)
    taken, rejected = 0, 0
    for time, value, fate in zip(times, values, fates, strict=True):
        if taken and reference.distance(time, value[0]) > limit:
            rejected += 1
            if rejected <= taken:
                assert fate[0] == REJECTED
                continue
            reference.x, taken = None, 0
        assert fate[0] == (TAKEN if taken else BEGUN)
        reference.take(time, value[0])
        taken, rejected = taken + 1, 0


@pytest.mark.parametrize("axes", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("probability", [1e-6, 0.5, 0.95, 0.999, 1 - 1e-9])
def test_limits_are_those_of_scipy(axes, probability):
    assert chi_square_limit(axes, probability) == pytest.approx(chi2.ppf(probability, axes), rel=1e-6)


@pytest.mark.parametrize("probability", [0.0, 1.0, -1.0, math.nan])
def test_what_is_no_probability_is_refused(probability):
    with pytest.raises(SettingsError, match="probability"):
        chi_square_limit(3, probability)


@for_all(seeds, st.lists(st.floats(0.01, 0.06), min_size=60, max_size=60))
def test_constant_acceleration_is_followed_exactly_once_it_is_known(seed, draw_steps):
    rng = np.random.default_rng(seed)
    place, speed, acceleration = rng.normal(0, 1, (3, 1, 3)) * [[[1]], [[3]], [[5]]]
    times = np.array([0.0, *np.cumsum(draw_steps)])
    s = times[:, None, None]
    path = place + speed * s + acceleration * s**2 / 2
    out, _ = filtered(times, path, noise=0.001)
    np.testing.assert_allclose(out[-1], path[-1], atol=1e-4)
    sharp, _ = filtered(times, path, noise=1e-7)
    np.testing.assert_allclose(sharp, path, atol=1e-6)


@for_all(steps, seeds)
def test_moving_and_turning_the_world_moves_and_turns_the_output(draw_steps, seed):
    times, values = signal(draw_steps, seed, points=2)
    rng = np.random.default_rng(seed + 1)
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    away = rng.normal(0, 5, 3)
    plain, fates = filtered(times, values, gate=chi_square_limit(3, 0.99))
    moved, moved_fates = filtered(times, values @ turn.T + away, gate=chi_square_limit(3, 0.99))
    np.testing.assert_array_equal(fates, moved_fates)
    np.testing.assert_allclose(moved, plain @ turn.T + away, atol=1e-6)


@for_all(steps, seeds, st.floats(0.01, 100))
def test_another_unit_changes_nothing_but_the_unit(draw_steps, seed, unit):
    times, values = signal(draw_steps, seed)
    plain, _ = filtered(times, values, gate=11.0)
    bank = bank_of(gate=11.0)
    row = np.array([0])
    scaled = [
        bank(row, unit * v[None], time_s=t, noise=0.01 * unit, scale=unit)[0][0]
        for t, v in zip(times, values, strict=True)
    ]
    np.testing.assert_allclose(np.array(scaled) / unit, plain, rtol=1e-6, atol=1e-8)


@for_all(steps, seeds, st.permutations([0, 1, 2]), st.permutations([0, 1, 2, 3]))
def test_people_and_joints_are_independent_of_their_order(draw_steps, seed, people, joints):
    times = np.array([0.0, *np.cumsum(draw_steps)])
    values = np.random.default_rng(seed).normal(0, 0.3, (len(times), 3, 4, 3))
    noise = np.random.default_rng(seed).uniform(0.01, 0.1, (3, 4))

    def run(order, columns):
        bank, rows = bank_of(points=4), np.array(order) * 2
        picked, n = values[:, order][:, :, columns], noise[order][:, columns]
        return np.stack([bank(rows, v, time_s=t, noise=n)[0] for t, v in zip(times, picked, strict=True)])

    plain = run([0, 1, 2], [0, 1, 2, 3])
    np.testing.assert_array_equal(run(list(people), list(joints)), plain[:, list(people)][:, :, list(joints)])


@for_all(seeds, st.data())
def test_people_come_and_go_without_touching_the_others(seed, data):
    values = np.random.default_rng(seed).normal(0, 0.3, (20, 3, 2, 3))
    there = data.draw(st.lists(st.sets(st.integers(0, 2)), min_size=20, max_size=20))
    together, alone = bank_of(points=2), [bank_of(points=2) for _ in range(3)]
    for i, present in enumerate(there):
        rows = np.array(sorted(present), np.int64)
        places, _ = together(rows, values[i, rows], time_s=i / FPS, noise=0.01)
        for row, place in zip(rows, places, strict=True):
            own, _ = alone[row](np.array([0]), values[i, row][None], time_s=i / FPS, noise=0.01)
            np.testing.assert_array_equal(place, own[0])


@for_all(steps, seeds, st.sets(st.integers(1, 25)))
def test_what_is_unseen_leaves_nothing_behind(draw_steps, seed, dropped):
    times, values = signal(draw_steps, seed)
    kept = [i for i in range(len(times)) if i not in dropped]
    missing = values.copy()
    missing[[i for i in range(len(times)) if i in dropped], 0, 1] = np.nan  # one unknown axis is enough
    out, fates = filtered(times, missing)
    left_out, _ = filtered(times[kept], values[kept])
    np.testing.assert_array_equal(out[kept], left_out)
    assert (np.delete(fates, kept) == UNSEEN).all()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_unseen(value):
    times, values = np.arange(9) / FPS, np.zeros((9, 1, 3))
    values[5, 0, 1] = value
    out, fates = filtered(times, values, gate=16.0)
    assert fates[5, 0] == UNSEEN
    np.testing.assert_array_equal(out, 0.0)
    assert np.isnan(filtered(times[5:6], values[5:6])[0]).all()


def test_the_unseen_are_predicted_for_a_while_and_then_unknown():
    times = np.arange(40) / FPS
    path = (1.0 + 0.8 * times + 1.5 * times**2)[:, None, None] * np.ones((1, 1, 3))
    seen = path.copy()
    seen[25:] = np.nan
    out, _ = filtered(times, seen, predict_s=0.12, noise=0.001)
    np.testing.assert_allclose(out[25:28], path[25:28], atol=0.002)  # 0.1 s after the last that was seen
    assert np.isnan(out[28:]).all()
    assert np.isnan(filtered(times, seen, predict_s=0.0)[0][25:]).all()


def test_outliers_are_replaced_and_leave_nothing_behind():
    times, values = np.arange(40) / FPS, np.random.default_rng(0).normal(0, 0.002, (40, 1, 3))
    bad = values.copy()
    bad[[20, 30]] += 0.4
    out, fates = filtered(times, bad, gate=chi_square_limit(3, 0.9999))
    assert np.flatnonzero(fates[:, 0] == REJECTED).tolist() == [20, 30]
    assert np.abs(out).max() < 0.02
    without = np.delete(np.arange(40), [20, 30])
    np.testing.assert_array_equal(out[without], filtered(times[without], values[without])[0])


@pytest.mark.parametrize("max_rejected", [0, 1, 3])
def test_after_so_many_rejections_it_begins_anew(max_rejected):
    times, values = np.arange(40) / FPS, np.zeros((40, 1, 3))
    values[20:] = 1.0  # no outlier after all
    out, fates = filtered(times, values, gate=16.0, max_rejected=max_rejected, predict_s=0.5)
    assert (fates[20 : 20 + max_rejected] == REJECTED).all()
    assert fates[20 + max_rejected, 0] == BEGUN
    np.testing.assert_array_equal(out[20 + max_rejected :], 1.0)


def test_what_can_be_reached_has_turned_and_is_followed_at_once():
    """By two-point differencing: the last place and this one make the new speed."""
    times, values = np.arange(40) / FPS, np.zeros((40, 1, 3))
    values[20:, 0, 0] = 6.0 * (times[20:] - times[19])  # 0.2 m a frame, from rest
    out, fates = filtered(times, values, gate=16.0, leap=8.0)
    assert fates[20:22, 0].tolist() == [TURNED, TAKEN]
    np.testing.assert_allclose(out[20:], values[20:], atol=1e-6)
    _, slower = filtered(times, values, gate=16.0, leap=5.0)
    assert slower[20, 0] == REJECTED


def test_nothing_unseen_is_predicted_of_a_newcomer_or_right_after_a_turn():
    times, values = np.arange(12) / FPS, np.zeros((12, 1, 3))
    values[1] = np.nan
    values[9:] = 0.2
    values[10] = np.nan
    out, fates = filtered(times, values, gate=16.0, leap=12.0)
    assert fates[9, 0] == TURNED
    assert np.flatnonzero(np.isnan(out[:, 0, 0])).tolist() == [1, 10]


def test_after_a_turn_as_much_is_known_as_of_two_samples():
    """The next place is the mean, weighed by variances, of what is seen and of the line through both samples."""
    noise, step, where = 0.01, 0.05, np.array([0.0, 0.0, 0.35, 0.69])
    times = step * np.arange(4)
    out, fates = filtered(
        times, where[:, None, None], noise=noise, gate=1.0, leap=8.0, drift=1e-6, acceleration=1e-3, speed=1e-3
    )
    assert fates[2:, 0].tolist() == [TURNED, TAKEN]
    spread = noise**2 * (1 + 2 + 2)  # of the second sample, of its speed after a step, and of both together
    expected = 0.7 + spread / (spread + noise**2) * (0.69 - 0.7)
    assert out[3].item() == pytest.approx(expected, abs=1e-4)


def test_a_newcomers_first_sample_is_worth_no_more_than_the_next():
    times, values = np.arange(8) / FPS, np.full((8, 1, 3), 2.0)
    values[0] = 0.0
    out, fates = filtered(times, values, gate=16.0, speed=0.5)
    assert fates[:3, 0].tolist() == [BEGUN, REJECTED, BEGUN]
    np.testing.assert_array_equal(out[2:], 2.0)


def test_a_rejection_is_not_covered_up_for_longer_than_a_prediction_holds():
    times, values = np.arange(10) / 5, np.zeros((10, 1, 3))  # 5 frames a second
    values[6:] = 9.0
    out, fates = filtered(times, values, gate=16.0, predict_s=0.12)
    assert fates[6, 0] == BEGUN
    np.testing.assert_array_equal(out[6:], 9.0)


def test_starts_anew_after_a_gap_and_when_time_jumps_back():
    values = np.array([0.0, 0.1, 7.0, 3.0])[:, None, None] * np.ones(3)
    out, fates = filtered([0.0, 0.1, 0.7, 0.6], values)
    assert fates[:, 0].tolist() == [BEGUN, TAKEN, BEGUN, BEGUN]
    np.testing.assert_array_equal(out[2:], values[2:])


def test_a_doubled_frame_changes_nothing():
    times, values = np.arange(20) / FPS, np.random.default_rng(1).normal(0, 0.1, (20, 2, 3))
    once, _ = filtered(times, values)
    twice, _ = filtered(np.repeat(times, 2), np.repeat(values, 2, axis=0) + np.array([0.0, 9.0] * 20)[:, None, None])
    np.testing.assert_array_equal(twice[::2], once)
    np.testing.assert_allclose(twice[1::2], once)


def test_what_is_noisier_counts_less():
    """And the covariance says how much: the place is the mean weighed by variances."""
    bank = bank_of(points=2, axes=1)
    noise = np.array([[0.01, 0.02]])
    bank(np.array([0]), np.zeros((1, 2, 1)), time_s=0.0, noise=noise)
    out, _ = bank(np.array([0]), np.ones((1, 2, 1)), time_s=0.001, noise=noise)
    spread = 0.002**2  # of a newcomer's speed after a millisecond
    np.testing.assert_allclose(out[0, :, 0], [(n**2 + spread) / (2 * n**2 + spread) for n in (0.01, 0.02)], rtol=1e-3)


def test_one_compilation_serves_every_call():
    kalman_bank.warm()
    before = list(kalman.step.signatures)
    bank = KalmanBank(
        points=3, axes=2, model=KalmanModel(**(MODEL | {"gate": 9, "speed": 2, "max_gap_s": 1, "predict_s": 0}))
    )
    views = np.zeros((8, 3, 4), np.float32)[::2, :, ::2]
    bank(np.arange(4, dtype=np.int32), views, time_s=0, noise=np.ones(3, np.float32), scale=np.ones(4))
    assert list(kalman.step.signatures) == before


def test_nobody_is_fine_and_rows_can_be_reset():
    bank = bank_of()
    assert bank(np.zeros(0, np.int64), np.zeros((0, 1, 3)), time_s=0.0, noise=0.01)[0].shape == (0, 1, 3)
    bank(np.array([5]), np.zeros((1, 1, 3)), time_s=0.0, noise=0.01)
    bank.reset(np.array([5, 99]))
    assert bank(np.array([5]), np.ones((1, 1, 3)), time_s=0.1, noise=0.01)[1].item() == BEGUN


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"rows": [0, 0]}, ShapeError),
        ({"rows": [-1, 0]}, ShapeError),
        ({"rows": [0]}, ShapeError),
        ({"time_s": math.nan}, ShapeError),
        ({"noise": 0.0}, SettingsError),
        ({"noise": math.nan}, SettingsError),
        ({"noise": np.ones((3, 3))}, ShapeError),
        ({"scale": -1.0}, SettingsError),
    ],
)
def test_what_does_not_fit_is_refused(change, error):
    call = {"rows": [0, 1], "time_s": 0.0, "noise": 1.0} | change
    with pytest.raises(error):
        bank_of()(np.array(call.pop("rows")), np.zeros((2, 1, 3)), **call)


@pytest.mark.parametrize(
    "change", [{"drift": 0}, {"max_rejected": -1}, {"predict_s": 0.6}, {"leap": -1}, {"gate": math.inf}]
)
def test_a_model_that_cannot_be_is_refused(change):
    with pytest.raises(SettingsError, match=next(iter(change))):
        KalmanModel(**(MODEL | {"gate": 9.0} | change))


def test_a_bank_without_points_is_refused():
    with pytest.raises(SettingsError, match="at least one"):
        bank_of(points=0)
