"""The benchmark of filters: what its measures say of known errors, and that it writes what it measures."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import filters
from benchmarks.filter_motions import NOISE_M, PUNCH_M, filtered, lag_of, measures, noisy_sample, punch, punched

STEP_S = 1 / 30


@pytest.mark.parametrize("late_s", [-0.05, 0.0, 0.013, 0.1])
def test_a_known_lag_is_found(late_s: float) -> None:
    times = np.arange(200) * STEP_S

    def wave(at: np.ndarray) -> np.ndarray:
        return np.sin(2 * np.pi * 0.8 * at)[:, None]

    assert lag_of(wave(times - late_s), wave(times), STEP_S) == pytest.approx(late_s, abs=0.001)


def test_known_noise_is_told_in_millimetres() -> None:
    motion = noisy_sample()
    said = measures(motion.given, motion)
    assert said["error_mm"] == pytest.approx(1000 * NOISE_M * np.sqrt(8 / np.pi), rel=0.02)  # of a Maxwell distance
    assert said["jitter_mm"] == pytest.approx(1000 * NOISE_M * np.sqrt(6) * np.sqrt(8 / np.pi), rel=0.02)
    said = measures(motion.known, replace(motion, given=motion.known))
    assert said.pop("lag_ms") == pytest.approx(0, abs=0.2)
    assert set(said.values()) == {0.0}


def test_a_punch_through_no_filter_neither_lags_nor_overshoots() -> None:
    assert punched("none") == {"punch_lag_ms": pytest.approx(0, abs=0.5), "overshoot_mm": pytest.approx(0, abs=0.1)}
    late = punch(0.0)
    assert np.ptp(late.known[:, -1, 0]) == pytest.approx(PUNCH_M, abs=1e-9)


def test_one_euro_lags_and_kalman_and_whole_tracks_do_not() -> None:
    motion = noisy_sample()
    said = {name: measures(filtered(name, motion), motion) for name in ("none", "one-euro", "kalman", "butterworth")}
    assert said["one-euro"]["lag_ms"] > 5
    assert abs(said["butterworth"]["lag_ms"]) < 1
    assert abs(said["kalman"]["lag_ms"]) < 2
    for name in ("one-euro", "kalman", "butterworth"):
        assert said[name]["error_mm"] < 0.9 * said["none"]["error_mm"], name
        assert said[name]["jitter_mm"] < 0.5 * said["none"]["jitter_mm"], name


def test_kalman_follows_a_punch_and_overshoots_little() -> None:
    said = punched("kalman")
    assert abs(said["punch_lag_ms"]) < 5
    assert 0 < said["overshoot_mm"] < 40


def test_it_prints_writes_and_draws(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    filters.main(["--people", "1", "2", "--seconds", "0", "--no-net", "--out", str(tmp_path)])
    said = json.loads(next(tmp_path.glob("filters-*.json")).read_text())
    assert [row["filter"] for row in said["costs"]] == ["one-euro", "kalman", "butterworth", "savgol"]
    assert all(row["2_people_ns_per_joint"] > 0 for row in said["costs"])
    assert said["effects"][0]["filter"] == "none"
    assert next(tmp_path.glob("filters-*.png")).stat().st_size > 1000
    assert "overshoot_mm" in capsys.readouterr().out
