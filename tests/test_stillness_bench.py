"""The benchmarks of stillness and of crowds: what they count and show."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import crowds
from benchmarks.stillness import jitter


def test_known_noise_is_told_in_percent_of_the_height() -> None:
    noise = np.random.default_rng(0).normal(0, 0.5, (4000, 9, 2))
    found = jitter(100 + noise, 500.0)
    assert found["std_%"] == pytest.approx(100 * 0.5 * np.sqrt(2) / 500, rel=0.05)
    assert found["shake_%"] == pytest.approx(100 * 0.5 * np.sqrt(6) * np.sqrt(np.pi / 2) / 500, rel=0.05)


def test_even_motion_does_not_shake() -> None:
    walk = np.linspace(0, 100, 50)[:, None, None] * np.ones((1, 4, 2))
    assert jitter(walk, 400.0)["shake_%"] == 0


def test_as_many_people_are_shown_as_were_asked_for() -> None:
    one, ten = (next(crowds.pictures(people, 1)).image for people in (1, 10))
    room, figures = crowds.cut_out()
    changed = [int((image != room).any(-1).sum()) for image in (one, ten)]
    assert changed[1] == pytest.approx(10 * changed[0], rel=0.25)
    assert 0.2 < np.mean([mask.mean() for _, mask in figures]) < 0.8
