"""Both sides of a body alike, its bones of one length for good, its moves steady."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream3d.lift.body import Body, even_sided
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


SURE = np.full(17, 0.05, np.float32)
STILL = np.zeros((17, 2), np.float32)


def lengths(joints: np.ndarray) -> np.ndarray:
    """Of all bones, float [..., 16]."""
    return np.stack([np.linalg.norm(joints[..., c, :] - joints[..., p, :], axis=-1) for p, c in H36M17.bones], -1)


def test_a_first_frame_is_only_evened() -> None:
    pose = poses(3)
    settled = Body().settle(pose[0], STILL, SURE, 7.0)
    np.testing.assert_allclose(settled, even_sided(pose)[0], atol=1e-5)


def test_bones_come_to_rest_at_the_bodys_own_lengths() -> None:
    rng = np.random.default_rng(1)
    truth = even_sided(walker(200)[:, :17].astype(np.float32))
    noisy = (truth + rng.normal(0, 0.02, truth.shape)).astype(np.float32)
    body = Body()
    settled = np.stack([body.settle(pose, STILL, SURE, t / 30) for t, pose in enumerate(noisy)])[60:]
    assert lengths(settled).std(0).max() < 0.2 * lengths(noisy)[60:].std(0).max()
    np.testing.assert_allclose(lengths(settled).mean(0), lengths(noisy).mean(0), atol=0.004)
    np.testing.assert_array_equal(settled[:, 0], noisy[60:, 0])


def test_a_doubtful_frame_says_less_of_the_lengths() -> None:
    pose = even_sided(poses(5))[0]
    body = Body()
    body.settle(pose, STILL, SURE, 0.0)
    settled = body.settle((pose * 2).astype(np.float32), STILL, SURE * 10, 0.01)
    np.testing.assert_allclose(lengths(settled), lengths(pose) * (1 + 0.01 / 1.01), rtol=0.01)


def moved(bodies_moves: list[tuple[float, float]]) -> float:
    """Where x of the root comes to, told moves at times."""
    body, pose = Body(), np.zeros((17, 3), np.float32)
    for pts, move in bodies_moves:
        out = body.settle(pose, np.full((17, 2), move, np.float32), SURE, pts)
    return float(out[0, 0])


@given(st.floats(0.005, 0.2), st.integers(2, 30))
def test_steadying_depends_on_time_alone(step_s: float, parts: int) -> None:
    """One long step towards a constant is as many short ones; no time is no step."""
    short = [(step_s * part / parts, 0.5) for part in range(1, parts + 1)]
    assert moved([(0.0, 0.1), (step_s, 0.5)]) == pytest.approx(moved([(0.0, 0.1), *short]), abs=1e-5)
    assert moved([(0.0, 0.1), (0.0, 0.5)]) == pytest.approx(0.1)


def test_noise_is_cut_and_a_lasting_gap_is_closed() -> None:
    rng = np.random.default_rng(0)
    seen = 0.1 + 0.05 * rng.standard_normal(300)
    body, pose = Body(), np.zeros((17, 3), np.float32)
    out = [body.settle(pose, np.full((17, 2), v, np.float32), SURE, t / 30)[0, 0] for t, v in enumerate(seen)]
    late = np.array(out[100:])
    assert late.mean() == pytest.approx(0.1, abs=0.01)
    assert late.std() < 0.4 * seen.std()
