"""Measuring whether scores mean what they say."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.belief import reliability

RNG = np.random.default_rng(4)


def test_true_probabilities_have_no_error_and_boasts_have_theirs() -> None:
    chance = RNG.random(40000)
    right = RNG.random(40000) < chance
    error, bins = reliability(chance, right)
    assert error < 0.015
    assert [count for _, _, count in bins] == [int(n) for n in np.histogram(chance, 10, (0, 1))[0]]
    boasts, _ = reliability(np.sqrt(chance), right)
    assert boasts == pytest.approx(np.mean(np.sqrt(chance) - chance), abs=0.015)
    assert reliability(np.ones(10), np.ones(10, np.bool_)) == (0.0, [[1.0, 1.0, 10]])
