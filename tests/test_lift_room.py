"""The room that lifts: state, order, time, metres."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream3d.errors import LayoutError, SettingsError
from stream3d.geometry import Camera, project
from stream3d.lift import Lifter, LiftSettings
from stream3d.lift.features import FEATURES, WINDOW
from stream3d.lift.history import Histories, Past
from stream3d.lift.placement import FARTHEST_M, NEAREST_M, Sight
from stream3d.lift.placement import standing as placed_by
from stream3d.skeleton import BLAZEPOSE33, COCO17, H36M17, Layout
from stream3d.values import Tracks2D
from tests.walker import walker

CAMERA = Camera.from_fov(1280, 720, 60.0)
REST = walker(1)[0, :17]


class KnownEngine:
    """Answers a fixed pose, seen from the virtual camera as it is, and remembers what it was asked."""

    buckets = (1, 2, 4, 8)

    def __init__(self, joints: np.ndarray | None = None, log_sigma: float = -3.0) -> None:
        upright = (REST - REST[0])[:, [0, 2, 1]] * np.array([1, -1, 1])
        self.joints = np.asarray(upright if joints is None else joints, np.float32)
        self.log_sigma, self.asked = log_sigma, []

    def __call__(self, **inputs: np.ndarray) -> dict[str, np.ndarray]:
        asked = inputs["features"]
        assert asked.dtype == np.float32
        assert asked.shape[1:] == (WINDOW, FEATURES)
        self.asked.append(asked)
        # Something of each row is in its answer, so that rows taken for each other would show.
        wobble = asked[:, -1, :51].reshape(-1, 17, 3) * 1e-3
        return {
            "joints": self.joints + wobble - wobble[:, :1],
            "log_sigma": np.full((len(asked), 17), self.log_sigma, np.float32),
        }

    def describe(self) -> dict[str, str]:
        return {"runtime": "known"}


def standing(root: tuple[float, float, float], engine: KnownEngine) -> np.ndarray:
    """Pixels [17, 3] of the engine's pose at a place on the optical axis' height."""
    pixels = project(engine.joints + np.array(root, np.float32), CAMERA)
    return np.concatenate([pixels, np.ones((17, 1), np.float32)], -1).astype(np.float32)


def tracks(people: dict[int, np.ndarray], pts: float = 0.0, *, source: str = "a", layout: Layout = H36M17) -> Tracks2D:
    shape = (0, layout.size, 3)
    return Tracks2D(
        source_id=source,
        index=0,
        pts=pts,
        captured_at=7.0,
        keypoints=np.stack(list(people.values())) if people else np.zeros(shape, np.float32),
        layout=layout,
        person=np.array(list(people), np.int64),
    )


def test_a_person_stands_where_the_picture_says() -> None:
    engine = KnownEngine()
    poses = Lifter(engine)(tracks({4: standing((0.0, 0.0, 5.0), engine)}), CAMERA)
    np.testing.assert_allclose(poses.root[0], [0, 0, 5], atol=0.05)
    np.testing.assert_allclose(project(poses.joints, CAMERA)[0], standing((0, 0, 5), engine)[:, :2], atol=4)
    assert poses.layout is H36M17
    assert (poses.person == [4]).all()
    assert (poses.pts, poses.captured_at, poses.source_id) == (0.0, 7.0, "a")
    np.testing.assert_allclose(poses.sigma, np.exp(-3), rtol=1e-6)


def test_everything_scales_with_the_stature() -> None:
    engine = KnownEngine()
    seen = tracks({0: standing((0.0, 0.0, 5.0), engine)})
    usual, child = (Lifter(engine, LiftSettings(height_m=h))(seen, CAMERA) for h in (1.70, 0.85))
    np.testing.assert_allclose(child.joints, usual.joints / 2, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(child.sigma, usual.sigma / 2, rtol=1e-5)


def test_nobody_in_nobody_out_and_the_engine_sleeps() -> None:
    engine = KnownEngine()
    poses = Lifter(engine)(tracks({}), CAMERA)
    assert poses.joints.shape == (0, 17, 3)
    assert poses.sigma.shape == (0, 17)
    assert not engine.asked


def test_the_order_of_people_changes_nothing() -> None:
    engine = KnownEngine()
    people = {9: standing((0.5, 0, 4), engine), 2: standing((-1, 0, 6), engine), 5: standing((1, 0.2, 8), engine)}
    forth = Lifter(engine)(tracks(people), CAMERA)
    back = Lifter(engine)(tracks(dict(reversed(people.items()))), CAMERA)
    np.testing.assert_array_equal(forth.person[::-1], back.person)
    np.testing.assert_array_equal(forth.joints[::-1], back.joints)
    assert not np.array_equal(forth.joints[0], forth.joints[1])


def test_all_people_of_all_sources_share_one_call() -> None:
    engine = KnownEngine()
    one, two = {1: standing((0, 0, 4), engine), 2: standing((1, 0, 4), engine)}, {1: standing((0, 0, 6), engine)}
    poses = Lifter(engine).lift([(tracks(one), CAMERA), (tracks(two, source="b"), CAMERA)])
    assert [len(p) for p in poses] == [2, 1]
    assert [len(asked) for asked in engine.asked] == [3]
    alone = Lifter(engine)(tracks(two, source="b"), CAMERA)
    np.testing.assert_allclose(poses[1].joints, alone.joints, atol=1e-6)


def seen_frames(engine: KnownEngine) -> int:
    return int((engine.asked[-1][0, :, 2::3][:, :17] > 0).any(-1).sum())


def test_history_grows_to_27_frames_and_no_further() -> None:
    engine = KnownEngine()
    lifter = Lifter(engine)
    for frame in range(40):
        lifter(tracks({0: standing((0, 0, 5), engine)}, pts=frame / 30), CAMERA)
        assert seen_frames(engine) == min(frame + 1, WINDOW)
    np.testing.assert_allclose(engine.asked[-1][0, 1:, 51], 10 / 30, rtol=1e-4)


def test_a_gap_or_a_jump_back_in_time_begins_anew() -> None:
    engine = KnownEngine()
    lifter = Lifter(engine, LiftSettings(reset_gap_s=0.5, forget_s=0.5))
    for pts, expected in ((0.0, 1), (0.1, 2), (0.6, 3), (1.2, 1), (1.3, 2), (0.2, 1), (0.3, 2)):
        lifter(tracks({0: standing((0, 0, 5), engine)}, pts=pts), CAMERA)
        assert seen_frames(engine) == expected


def test_a_body_outlives_the_gap_that_ends_its_motion() -> None:
    histories = Histories(reset_gap_s=1.0, forget_s=5.0, max_people=3)

    def at(pts: float) -> Past:
        return histories.push(("a", 1), np.zeros((17, 2), np.float32), np.ones(17, np.float32), pts).past

    before = at(0.0)
    assert at(0.9) is before
    after = at(2.9)
    assert (after.body is before.body, after.count) == (True, 1)
    histories.drop_stale("a", 7.8)
    assert at(7.8).body is before.body
    assert at(12.9).body is not before.body


def test_forgetting_a_source_leaves_the_others() -> None:
    engine = KnownEngine()
    lifter = Lifter(engine)
    for source in ("a", "b"):
        lifter(tracks({0: standing((0, 0, 5), engine)}, source=source), CAMERA)
    lifter.forget("a")
    for source, expected in (("a", 1), ("b", 2)):
        lifter(tracks({0: standing((0, 0, 5), engine)}, pts=0.1, source=source), CAMERA)
        assert seen_frames(engine) == expected


def test_memory_is_bounded() -> None:
    histories = Histories(reset_gap_s=1.0, forget_s=1.0, max_people=3)
    for person in range(10):
        histories.push(("a", person), np.zeros((17, 2), np.float32), np.ones(17, np.float32), 0.0)
    assert len(histories) == 3
    histories.drop_stale("b", 99.0)
    assert len(histories) == 3
    histories.drop_stale("a", 99.0)
    assert len(histories) == 0


@pytest.mark.parametrize("layout", [COCO17, BLAZEPOSE33])
def test_other_layouts_are_converted(layout: Layout) -> None:
    engine = KnownEngine()
    pose = standing((0, 0, 5), engine)
    given_pose = np.full((layout.size, 3), (640, 360, 0.9), np.float32)
    for row, name in enumerate(layout.names):
        if name in H36M17.names:
            given_pose[row] = pose[H36M17.names.index(name)]
    poses = Lifter(engine)(tracks({0: given_pose}, layout=layout), CAMERA)
    assert np.isfinite(poses.joints).all()
    assert 4 < poses.root[0, 2] < 6


def test_a_layout_without_limbs_is_refused() -> None:
    face = Layout(name="face", names=("nose",), parents=(-1,))
    with pytest.raises(LayoutError, match="face"):
        Lifter(KnownEngine())(tracks({0: np.zeros((1, 3), np.float32)}, layout=face), CAMERA)


def test_half_a_body_stands_in_the_same_place() -> None:
    engine = KnownEngine()
    pose = standing((0.3, 0.1, 3.0), engine)
    pose[[H36M17.names.index(n) for n in ("left_knee", "left_ankle", "right_knee", "right_ankle")], :2] = np.nan
    poses = Lifter(engine)(tracks({0: pose}), CAMERA)
    np.testing.assert_allclose(poses.root[0], [0.3, 0.1, 3.0], atol=0.35)


def test_one_joint_is_no_person() -> None:
    engine = KnownEngine()
    pose = np.full((17, 3), np.nan, np.float32)
    pose[0] = (600, 300, 1)
    poses = Lifter(engine)(tracks({0: pose, 1: standing((0, 0, 5), engine)}), CAMERA)
    assert np.isnan(poses.joints[0]).all()
    assert np.isnan(poses.sigma[0]).all()
    assert np.isfinite(poses.joints[1]).all()


def test_low_scores_are_not_believed() -> None:
    engine = KnownEngine()
    pose = standing((0, 0, 5), engine)
    pose[3, :2], pose[3, 2] = (9000, -9000), 0.05
    poses = Lifter(engine, LiftSettings(min_score=0.1))(tracks({0: pose}), CAMERA)
    np.testing.assert_allclose(poses.root[0], [0, 0, 5], atol=0.1)


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_rubbish_in_never_throws_anybody_behind_the_camera(seed: int) -> None:
    rng = np.random.default_rng(seed)
    pose = rng.normal(500, 10 ** rng.uniform(0, 4), (17, 3)).astype(np.float32)
    pose[:, 2] = rng.random(17)
    pose[rng.random(17) < rng.random(), :2] = np.nan
    body = rng.normal(0, 1, (17, 3))
    engine = KnownEngine(body - body[0])
    poses = Lifter(engine)(tracks({0: pose}), CAMERA)
    there = np.isfinite(poses.joints[0])
    assert there.all() or not there.any()
    if there.all():
        assert NEAREST_M - 1e-3 <= poses.root[0, 2] <= FARTHEST_M + 1e-3


def test_outliers_hardly_move_the_root() -> None:
    engine = KnownEngine()
    root = np.array([[0.2, 0.1, 5.0]], np.float32)
    placed = engine.joints[None] + root[:, None]
    rays = placed[..., :2] / placed[..., 2:]
    rays[0, 13] += 0.5
    ones = np.ones((1, 17), np.float32)
    sight = Sight(rays=rays, confidence=ones, trusted=ones > 0)
    found, _ = placed_by(engine.joints[None], 0.05 * ones, sight, np.full(1, 0.16, np.float32), 0.03)
    np.testing.assert_allclose((found - engine.joints)[:, 0], root, atol=0.02)


@pytest.mark.parametrize(
    "wrong",
    [
        {"height_m": 0.0},
        {"height_m": float("nan")},
        {"reset_gap_s": 0.0},
        {"forget_s": -1.0},
        {"min_score": 1.0},
        {"max_people": 0},
    ],
)
def test_settings_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match=next(iter(wrong))):
        LiftSettings(**wrong)
