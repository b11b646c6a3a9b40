from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream3d.meters import Meter, Meters


@given(st.lists(st.floats(1e-6, 10), min_size=1, max_size=200))
def test_summary_agrees_with_numpy(seconds: list[float]) -> None:
    meter = Meter(name="stage")
    for value in seconds:
        meter.add(value)
    said = meter.summary()
    assert said["count"] == len(seconds)
    assert said["total_s"] == pytest.approx(sum(seconds), abs=1e-6)
    assert said["mean_ms"] == pytest.approx(np.mean(seconds) * 1e3, abs=1e-3)
    assert said["p50_ms"] <= said["p95_ms"] <= said["p99_ms"] <= max(seconds) * 1e3 + 1e-3


def test_a_pass_that_fails_is_counted_too() -> None:
    meters = Meters()
    with pytest.raises(ValueError, match="no"), meters["stage"].measure():
        raise ValueError("no")
    assert meters.summary()["stage"]["count"] == 1


def test_memory_is_bounded() -> None:
    meter = Meter(name="stage")
    for _ in range(10_000):
        meter.add(0.001)
    assert meter.count == 10_000
    assert len(meter.recent_s) == 4096
