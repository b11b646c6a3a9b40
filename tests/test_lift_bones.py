"""Both sides of a body alike."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from stream3d.lift.bones import even_sided
from stream3d.skeleton import H36M17
from tests.walker import walker
from train.metrics import asymmetry

LEFT = [bone for bone in H36M17.bones if H36M17.side(bone[1]) == "left"]
RIGHT = [(H36M17.mirror[parent], H36M17.mirror[child]) for parent, child in LEFT]


def poses(seed: int) -> np.ndarray:
    """Two people [2, 17, 3] somewhere, each limb of whom has a length of its own."""
    rng = np.random.default_rng(seed)
    return (walker(2)[:, :17] + rng.normal(0, 0.04, (2, 17, 3)) + rng.normal(0, 3, (2, 1, 3))).astype(np.float32)


@settings(deadline=None)  # the first call compiles
@given(st.integers(0, 1000))
def test_both_sides_become_alike_and_nothing_else_turns(seed: int) -> None:
    before = poses(seed)
    after = even_sided(before)
    assert asymmetry(before, LEFT, RIGHT).min() > 0.01
    np.testing.assert_allclose(asymmetry(after, LEFT, RIGHT), 0, atol=1e-4)
    np.testing.assert_array_equal(after[:, 0], before[:, 0])
    for parent, child in H36M17.bones:
        was, now = before[:, child] - before[:, parent], after[:, child] - after[:, parent]
        lengths = np.linalg.norm(was, axis=-1), np.linalg.norm(now, axis=-1)
        np.testing.assert_allclose(was / lengths[0][:, None], now / lengths[1][:, None], atol=1e-3)
    for (parent, child), (twin_parent, twin_child) in zip(LEFT, RIGHT, strict=True):
        both = [
            np.linalg.norm(before[:, c] - before[:, p], axis=-1)
            for p, c in ((parent, child), (twin_parent, twin_child))
        ]
        np.testing.assert_allclose(
            np.linalg.norm(after[:, child] - after[:, parent], axis=-1), np.mean(both, 0), atol=1e-4
        )


def test_what_is_even_stays() -> None:
    even = even_sided(poses(0))
    np.testing.assert_allclose(even_sided(even), even, atol=1e-5)


def test_joints_on_top_of_each_other_stay_finite() -> None:
    assert np.isfinite(even_sided(np.zeros((1, 17, 3), np.float32))).all()
