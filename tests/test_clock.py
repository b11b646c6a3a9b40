"""Every kind of camera clock comes out as media time that increases, and that keeps to the time that passed."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream3d.source.clock import MediaClock

Raw = float | None
WRAP_TS, WRAP_RTP, WRAP_RTMP = 2**33 / 90_000, 2**32 / 90_000, 2**32 / 1000
PERIOD_S = 0.04
EXACT = 1e-6


def run(raws: list[Raw], captured: list[float], period_s: float = PERIOD_S) -> tuple[list[float], MediaClock]:
    clock = MediaClock(origin_s=raws[0] or 0.0, period_s=period_s)
    return [clock(raw, at) for raw, at in zip(raws, captured, strict=True)], clock


def increases(times: list[float]) -> bool:
    return all(later > earlier for earlier, later in itertools.pairwise(times))


def arrivals(true_s: list[float], jitter_s: float, seed: int) -> list[float]:
    """When pictures of ``true_s`` come: in order, each up to ``jitter_s`` late, by a clock that began at 5000."""
    rng, latest, out = random.Random(seed), 0.0, []  # noqa: S311 - not for secrets
    for time_s in true_s:
        latest = max(latest, 5000.0 + time_s + rng.uniform(0, jitter_s))
        out.append(latest)
    return out


def ticks(count: int, period_s: float = PERIOD_S) -> list[float]:
    return [number * period_s for number in range(count)]


FAULTS: dict[str, Callable[[float, int], Raw]] = {
    "zero always": lambda _t, _n: 0.0,
    "absent": lambda _t, _n: None,
    "absent every third": lambda t, n: None if n % 3 == 2 else t,
    "jumps forwards": lambda t, n: t + 1000 * (n // 90),
    "jumps backwards": lambda t, n: 1e6 + t - 1000 * (n // 90),
    "set back a little": lambda t, n: 1e6 + t - 0.7 * (n >= 120),
    "begins anew": lambda _t, n: (n % 120) * PERIOD_S,
    "wraps at 33 bits": lambda t, _n: (WRAP_TS - 5 + t) % WRAP_TS,
    "wraps at 32 bits": lambda t, _n: (WRAP_RTP - 5 + t) % WRAP_RTP,
    "wraps in milliseconds": lambda t, _n: (WRAP_RTMP - 5 + t) % WRAP_RTMP,
    "doubled": lambda _t, n: (n // 2) * 2 * PERIOD_S,
    "stands still for a while": lambda t, n: 4.0 if 100 <= n < 200 else t,
    "one spike": lambda t, n: t + 500 * (n == 100),
    "swapped pairs": lambda _t, n: (n ^ 1) * PERIOD_S,
    "fast by 300 ppm": lambda t, _n: t * 1.0003,
    "slow by 300 ppm": lambda t, _n: t * 0.9997,
    "noise": lambda t, n: t + 1e4 * math.sin(n),
}


@pytest.mark.parametrize("fault", FAULTS)
@given(jitter_s=st.sampled_from([0.0, 0.01, 0.2, 0.5]), seed=st.integers(0, 2**32))
def test_every_fault_keeps_to_the_time_that_passed(fault, jitter_s, seed):
    true_s = ticks(400)
    raws = [FAULTS[fault](time_s, number) for number, time_s in enumerate(true_s)]
    times, _ = run(raws, arrivals(true_s, jitter_s, seed))
    assert increases(times)
    np.testing.assert_allclose(times, true_s, atol=0.1 + 2 * jitter_s)


@given(
    steps=st.lists(st.floats(0.001, 1.0), min_size=2, max_size=200),
    jitter_s=st.floats(0, 1.5),
    seed=st.integers(0, 2**32),
    start=st.floats(-1e6, 1e6),
)
def test_late_pictures_do_not_move_good_stamps(steps, jitter_s, seed, start):
    true_s = [0.0, *itertools.accumulate(steps)]
    times, clock = run([start + time_s for time_s in true_s], arrivals(true_s, jitter_s, seed))
    np.testing.assert_allclose(times, true_s, atol=EXACT)
    assert clock.repaired == 0


@given(
    raws=st.lists(st.none() | st.floats(-1e9, 1e9) | st.sampled_from([0.0, 1.0, WRAP_TS]), min_size=1, max_size=100),
    waits=st.lists(st.floats(0, 30), min_size=100, max_size=100),
    live=st.booleans(),
)
def test_whatever_comes_time_increases(raws, waits, live):
    captured = list(itertools.accumulate(waits[: len(raws)]))
    clock = MediaClock(origin_s=raws[0] or 0.0, period_s=PERIOD_S)
    times = [clock(raw, at if live else None) for raw, at in zip(raws, captured, strict=True)]
    assert all(math.isfinite(time_s) for time_s in times)
    assert live is False or increases(times)


@given(st.lists(st.none() | st.floats(-1e3, 1e3), min_size=1, max_size=100), st.integers(0, 2**32))
def test_no_noise_leaves_the_time_that_passed_for_long(raws, seed):
    true_s = ticks(len(raws))
    times, _ = run(raws, arrivals(true_s, 0.2, seed))
    assert increases(times)
    assert np.abs(np.subtract(times, true_s)).max() < 2 * 2.0 + 0.2 + 0.1


def test_segments_that_come_at_once_keep_their_stamps():
    true_s = ticks(3000)  # two minutes, in segments of 6 s, three of them at the beginning
    captured = [5000 + max(0.0, (time_s // 6 - 2) * 6) for time_s in true_s]
    times, clock = run(true_s, captured)
    np.testing.assert_allclose(times, true_s, atol=EXACT)
    assert clock.repaired == 0


def test_a_stalled_network_that_catches_up_changes_nothing():
    true_s = ticks(1000)
    captured = [5000 + (25.0 if 20 <= time_s < 25 else time_s) for time_s in true_s]
    times, clock = run(true_s, captured)
    np.testing.assert_allclose(times, true_s, atol=EXACT)
    assert clock.repaired == 0


def test_pictures_lost_in_a_stall_change_nothing():
    true_s = [time_s for time_s in ticks(1000) if not 20.5 < time_s < 25]
    captured = [5000 + (25.0 if 20 <= time_s < 25 else time_s) for time_s in true_s]
    times, _ = run(true_s, captured)
    np.testing.assert_allclose(times, true_s, atol=EXACT)


def test_a_camera_whose_clock_paused_is_brought_back():
    true_s = [*ticks(500), *(60 + time_s for time_s in ticks(500))]
    times, _ = run(ticks(1000), [5000 + time_s for time_s in true_s])
    assert increases(times)
    np.testing.assert_allclose(times[:500], true_s[:500], atol=EXACT)
    np.testing.assert_allclose(times[560:], true_s[560:], atol=0.1)


@pytest.mark.parametrize("share", [0.003, 0.001, -0.001, -0.003])
def test_a_clock_that_drifts_for_hours_stays_in_line(share):
    true_s = ticks(36_000, 0.2)  # two hours
    times, _ = run([time_s * (1 + share) for time_s in true_s], arrivals(true_s, 0.2, 1), 0.2)
    steps = np.diff(times)
    assert steps.min() > 0.19
    assert steps.max() < 0.21
    assert np.abs(np.subtract(times, true_s)).max() < 1.0


def test_stamps_at_double_speed_are_held_back():
    true_s = ticks(20_000)
    times, _ = run([time_s * 2 for time_s in true_s], [5000 + time_s for time_s in true_s])
    assert increases(times)
    assert np.abs(np.subtract(times, true_s)).max() < 45


def test_files_are_as_before():
    clock = MediaClock(origin_s=5.0, period_s=0.1)
    got = [clock(raw) for raw in [5.0, 5.1, 500.0, 500.1, 5.0, 5.1]]
    np.testing.assert_allclose(got, [0, 0.1, 495, 495.1, 495.2, 495.3])
