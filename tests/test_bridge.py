"""Joints unseen for a moment go on as they went; those unseen for longer, or never seen, stay unseen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream3d.kernels.bridging import LONGEST_S
from stream3d.lift.bridge import Bridge, warm

ONE = np.ones(17, np.float32)


@pytest.fixture(autouse=True, scope="module")
def compiled() -> None:
    warm()


def rays(x: float) -> np.ndarray:
    return np.full((17, 2), x, np.float32)


@given(st.floats(-1, 1), st.floats(-2, 2), st.floats(0.01, 0.1))
def test_what_is_seen_stays_as_it_is(start: float, speed: float, step: float) -> None:
    bridge = Bridge()
    for frame in range(5):
        given_rays = rays(start + speed * frame * step)
        out, sure = bridge(given_rays, ONE, frame * step)
        np.testing.assert_array_equal(out, given_rays)
        np.testing.assert_array_equal(sure, ONE)


def test_a_joint_unseen_for_a_moment_goes_on_and_is_believed_less() -> None:
    bridge = Bridge()
    bridge(rays(0.0), ONE, 0.0)
    bridge(rays(0.1), ONE, 0.1)
    hidden = ONE.copy()
    hidden[4] = 0
    out, sure = bridge(rays(0.2), hidden, 0.2)
    assert 0.1 < out[4, 0] < 0.2
    assert 0 < sure[4] < 1
    seen = np.arange(17) != 4
    np.testing.assert_array_equal(out[seen], rays(0.2)[seen])


def test_nothing_is_bridged_for_long_and_nothing_that_was_never_seen() -> None:
    bridge, none = Bridge(), np.zeros(17, np.float32)
    assert not bridge(rays(0.5), none, 0.0)[1].any()
    bridge(rays(0.0), ONE, 0.1)
    assert bridge(rays(0.0), none, 0.1 + 0.9 * LONGEST_S)[1].all()
    assert not bridge(rays(0.0), none, 0.1 + 1.1 * LONGEST_S)[1].any()


def test_a_bridged_joint_is_not_taken_for_a_seen_one() -> None:
    bridge = Bridge()
    bridge(rays(0.0), ONE, 0.0)
    bridge(rays(0.1), ONE, 0.1)
    first = bridge(rays(0.0), 0 * ONE, 0.2)[0][0, 0]
    second = bridge(rays(0.0), 0 * ONE, 0.3)[0][0, 0]
    assert second - first == pytest.approx(first - 0.1, rel=1e-4)
    assert not bridge(rays(0.0), 0 * ONE, 0.4)[1].any()
