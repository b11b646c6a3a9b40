"""The tracker's parts: prediction, pairing, limbs, looks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from stream3d.kernels import assignment, fitting, following, motion
from stream3d.kernels import limbs as limb_kernels
from stream3d.kernels.assignment import cheapest
from stream3d.kernels.motion import CENTRE
from stream3d.skeleton import BLAZEPOSE33, COCO17
from stream3d.track import Tracker, TrackSettings
from stream3d.track.body import body_of
from stream3d.track.follow import follow
from stream3d.track.matching import NEVER, pair
from stream3d.track.motion import Motions
from stream3d.track.scene import Scene
from stream3d.track.sight import sight_of
from stream3d.values import Detections2D, Stamp, Tracks2D

FPS = 25
BODY = body_of(BLAZEPOSE33)
NAMES = BLAZEPOSE33.names
_UP = {"shoulder": -60, "elbow": -30, "wrist": 0, "hip": 0, "knee": 45, "ankle": 90}
_SIDE = {"shoulder": 16, "elbow": 20, "wrist": 24, "hip": 10, "knee": 11, "ankle": 12}


def standing(x: float, y: float = 300.0) -> np.ndarray:
    """Keypoints [33, 3] of somebody upright whose region's side is 250 px."""
    out = np.full((33, 3), 0.9, np.float32)
    for joint, name in enumerate(NAMES):
        part = next((p for p in _UP if p in name), "")
        hand, foot = name.split("_")[-1] in ("pinky", "index", "thumb"), "heel" in name or "foot" in name
        part = part or ("wrist" if hand and not foot else "ankle" if foot else "")
        sign = {"left": 1, "right": -1}.get(name.split("_")[0], 0)
        out[joint, :2] = (x + sign * _SIDE.get(part, 4), y + _UP.get(part, -80))
    return out


def poses(
    index: int,
    people: list[np.ndarray],
    origin: list[int],
    *,
    looks: list[int] | None = None,
    presence: float = 1.0,
    looked: bool = False,
    confirmed: bool = False,
) -> Detections2D:
    """What the 2D room says; ``looks`` are the colours of people's clothes."""
    keypoints = np.array(people, np.float32).reshape(-1, 33, 3)
    hips = keypoints[:, [NAMES.index("left_hip"), NAMES.index("right_hip")], :2].mean(1)
    regions = np.concatenate([hips, np.full((len(hips), 1), 250), np.zeros((len(hips), 1))], 1)
    return Detections2D(
        source_id="a",
        index=index,
        pts=index / FPS,
        captured_at=0.0,
        keypoints=keypoints,
        layout=BLAZEPOSE33,
        presence=np.full(len(people), presence, np.float32),
        regions=regions.astype(np.float32),
        origin=np.array(origin, np.int64),
        looked=looked,
        confirmed=np.full(len(people), confirmed),
        appearance=None if looks is None else np.eye(4, dtype=np.float32)[looks],
        size=(1280, 720),
    )


def stamp(index: int) -> Stamp:
    return Stamp(source_id="a", index=index, pts=index / FPS, captured_at=0.0)


def ids(tracks: Tracks2D) -> dict[int, int]:
    """Person by the rounded x of their nose."""
    return {round(float(k[0, 0])): int(p) for k, p in zip(tracks.keypoints, tracks.person, strict=True)}


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 7), st.integers(0, 4), st.integers(0, 2**32 - 1))
def test_the_assignment_is_as_cheap_as_scipy_s(rows: int, more: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    cost = np.where(rng.random((rows, rows + more)) < 0.3, NEVER, rng.uniform(0, 2, (rows, rows + more)))
    columns = cheapest(cost)
    assert len(set(columns.tolist())) == rows
    best = cost[linear_sum_assignment(cost)].sum()
    assert cost[np.arange(rows), columns].sum() == pytest.approx(best)


def test_what_cannot_be_is_no_pair() -> None:
    assert pair(np.array([[NEVER, NEVER]])) == []
    assert sorted(pair(np.array([[0.1, NEVER], [NEVER, NEVER], [0.2, 0.9]]))) == [(0, 0), (2, 1)]
    assert pair(np.zeros((0, 3))) == []


def moved(dx: float = 0.0, turn: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Region [1, 4] and pose [1, 33, 3] of somebody who went ``dx`` px from (100, 300)."""
    pose = standing(100)[None]
    pose[..., 0] += dx
    return np.array([[100 + dx, 300, 250, turn]], np.float32), pose


def newcomer(turn: float = 0.0) -> Motions:
    motions = Motions()
    motions.add(*moved(turn=turn), 0.0)
    return motions


def see(motions: Motions, pts: float, region: np.ndarray, pose: np.ndarray) -> None:
    motions.correct(np.zeros(1, np.int64), region, pose, pts, np.zeros(1, np.bool_))


@pytest.mark.parametrize("fps", [10.0, 25.0, 60.0])
def test_motion_at_constant_speed_is_predicted_at_any_rate(fps: float) -> None:
    motions, frames = newcomer(), round(2 * fps)
    for index in range(1, frames):
        see(motions, index / fps, *moved(200 * index / fps))
    ahead = motions.values[0] + motions.speeds[0] / fps
    there, pose = moved(200 * frames / fps)
    np.testing.assert_allclose(motions.expected(frames / fps)[0, :2], there[0, :2], atol=2)
    np.testing.assert_allclose(ahead[2:], pose[0, :, :2], atol=2.5)


def test_uncertainty_grows_while_nothing_is_seen_and_shrinks_when_it_is() -> None:
    motions = newcomer()
    new = motion.spread(motions.states[0], 0.04, 250, CENTRE)
    for index in range(1, 21):
        see(motions, 0.04 * index, *moved())
    known = [motion.spread(motions.states[0], step, 250, CENTRE) for step in (0.04, 0.2, 0.5, 1.0)]
    assert known[0] < new / 5
    assert known == sorted(known)
    assert known[-1] > 10 * known[0]


def test_a_rotation_goes_the_short_way_round() -> None:
    motions = newcomer(turn=3.1)
    see(motions, 0.04, *moved(turn=-3.1))
    assert 3.1 <= motions.values[0, 1, 1] <= 3.2
    assert abs(abs(motions.expected(0.04)[0, 3]) - 3.12) < 0.05


def test_an_unseen_joint_moves_with_the_others() -> None:
    motions, wrist = newcomer(), NAMES.index("left_wrist")
    for index in range(1, 25):
        region, pose = moved(8 * index)
        pose[0, wrist, :2] = np.nan
        see(motions, 0.04 * index, region, pose)
    assert motions.values[0, 2 + wrist, 0] == pytest.approx(moved(8 * 24)[1][0, wrist, 0], abs=6)


def test_the_first_frame_finds_everything_compiled() -> None:
    """A crowd with every kind of trouble compiles nothing that making the tracker has not."""
    kernels = [
        *(assignment.cheapest, fitting.fit, fitting.distinct, fitting.crowded),
        *(following.weigh, following.measure, following.appear),
        *(motion.expected, motion.correct, limb_kernels.meetings, limb_kernels.misfits),
    ]
    tracker = Tracker(TrackSettings(birth_s=0.0))
    compiled = [kernel.signatures[:] for kernel in kernels]
    assert all(compiled)
    for index in range(20):
        people = [standing(300 + 5 * index), standing(420 - 5 * index), standing(900)][: 2 if index > 12 else 3]
        tracker.regions(stamp(index))
        tracker(poses(index, people, [k if index else -1 for k in range(len(people))], looks=[0, 1, 2][: len(people)]))
    assert [kernel.signatures for kernel in kernels] == compiled


def test_a_still_person_s_region_stays_the_same_crop() -> None:
    rng, tracker = np.random.default_rng(0), Tracker(TrackSettings(birth_s=0.0))
    regions = []
    for index in range(60):
        regions.append(tracker.regions(stamp(index)))
        noisy = standing(400)
        noisy[:, :2] += rng.normal(0, 1, (33, 2))
        tracker(poses(index, [noisy], [0 if index else -1]))
    assert len({region.tobytes() for region in regions[5:]}) <= 3
    assert np.ptp(np.concatenate(regions[5:])[:, :2]) != 0 or len({r.tobytes() for r in regions[5:]}) == 1


def walk_past(clothes: list[int] | None) -> dict[int, int]:
    """Two walk past each other; while they are together only the front one is seen, in the elder's region."""
    tracker, out = Tracker(TrackSettings(birth_s=0.0)), {}
    for index in range(60):
        left, right = standing(200 + 10 * index), standing(790 - 10 * index)
        together = abs((200 + 10 * index) - (790 - 10 * index)) < 110
        asked = tracker.regions(stamp(index))
        if together:
            now = poses(index, [right], [0], looks=clothes and clothes[1:])
        else:
            origin = [int(np.abs(asked[:, 0] - x).argmin()) if index else -1 for x in (left[0, 0], right[0, 0])]
            now = poses(index, [left, right], origin, looks=clothes)
        out = ids(tracker(now))
    return out


@pytest.mark.parametrize("clothes", [None, [0, 1]])
def test_who_passes_behind_somebody_keeps_their_id(clothes: list[int] | None) -> None:
    assert walk_past(clothes) == {790: 1, 200: 2}


def test_the_hidden_are_looked_for_where_they_should_be() -> None:
    tracker = Tracker(TrackSettings(birth_s=0.0))
    for index in range(20):
        tracker(poses(index, [standing(300 + 6 * index), standing(560)], [-1, -1] if not index else [0, 1]))
    for index in range(20, 26):
        tracker(poses(index, [standing(560)], [1 if index == 20 else 0]))
        assert tracker.searching("a")
    asked = tracker.regions(stamp(26))
    assert len(asked) == 2
    assert 400 < asked[1, 0] < 470


def test_somebody_who_looks_the_same_is_known_again_after_seconds_and_a_stranger_is_not() -> None:
    for colour, person in ((0, 1), (2, 2)):
        tracker = Tracker(TrackSettings(birth_s=0.1, memory_s=5.0))
        for index in range(20):
            tracker(poses(index, [standing(900)], [0 if index else -1], looks=[0]))
        for index in range(20, 80):
            tracker(poses(index, [], [], looks=[]))
        for index in range(80, 86):
            found = tracker(poses(index, [standing(1050)], [-1 if index == 80 else 0], looks=[colour]))
        assert found.person.tolist() == [person]


def test_exchanged_identities_are_given_back_once_looks_tell() -> None:
    """Two stand so near that a region's pose is the other's afterwards; their clothes betray them."""
    tracker = Tracker(TrackSettings(birth_s=0.0))
    for index in range(30):
        tracker(poses(index, [standing(300), standing(600)], [-1, -1] if not index else [0, 1], looks=[0, 1]))
    for index in range(30, 40):
        x = 300 + 13 * (index - 30)
        tracker(poses(index, [standing(x), standing(900 - x)], [0, 1], looks=[0, 1]))
    for index in range(40, 70):
        x = min(600, 430 + 13 * (index - 40))  # they went on and turned back in truth: clothes are the other way round
        found = tracker(poses(index, [standing(900 - x), standing(x)], [0, 1], looks=[1, 0]))
    assert ids(found) == {300: 2, 600: 1}


def side_by_side(*people: np.ndarray) -> Scene:
    """A scene in which these have been standing for a while."""
    scene = Scene()
    for index in range(20):
        sight = sight_of(poses(index, list(people), [-1] * len(people)))
        if index:
            follow(scene, [(person, row) for row, person in enumerate(scene.followed)], sight)
        else:
            scene.part(scene.add(sight, list(range(len(people)))), [], 0.0, TrackSettings())
    return scene


def next_poses(scene: Scene, seen: np.ndarray) -> np.ndarray:
    sight = sight_of(poses(20, list(seen), [-1] * len(seen)))
    return follow(scene, [(person, row) for row, person in enumerate(scene.followed)], sight)


def test_a_limb_on_another_body_is_unseen_and_stays_with_its_owner() -> None:
    one, other = standing(300), standing(390)
    arm = BODY.limbs[[limb.kind for limb in BODY.limbs].index("elbow")]
    mixed = np.stack([one, other])
    mixed[0, arm.lost] = other[[NAMES.index(NAMES[j].replace("left", "right")) for j in arm.lost]]
    settled = next_poses(side_by_side(one, other), mixed)
    assert np.isnan(settled[0, arm.lost, :2]).all()
    assert (settled[0, arm.lost, 2] == 0).all()
    np.testing.assert_array_equal(settled[1], mixed[1])
    assert not np.isnan(np.delete(settled[0], arm.lost, 0)).any()
    assert not np.isnan(mixed).any()


def test_hands_that_meet_stay_with_both() -> None:
    one, other = standing(300), standing(348)  # the wrists lie side by side, 24 px from either trunk
    assert not np.isnan(next_poses(side_by_side(one, other), np.stack([one, other]))).any()


def impossible(pose: np.ndarray) -> float:
    return sight_of(poses(0, [pose], [-1])).wrong[0]


def test_bones_that_no_body_has_are_implausible() -> None:
    good = standing(300)
    assert impossible(good) == 0
    bad = good.copy()
    bad[[NAMES.index("left_wrist"), NAMES.index("right_ankle"), NAMES.index("left_ankle")], :2] += (160, -120)
    assert impossible(bad) > 0.25
    stretched = good.copy()
    stretched[:23, 1] -= 150
    assert impossible(stretched) == 1


def ghost(index: int, *, moving: bool) -> Detections2D:
    """Something hardly visible that the detector sees at every third look."""
    pose = standing(300 + (6 * index if moving else 0))
    pose[:, 2] = 0.5
    looked = index % 4 == 0
    return poses(index, [pose], [0 if index else -1], presence=0.8, looked=looked, confirmed=index % 12 == 0)


@pytest.mark.parametrize(("moving", "people"), [(False, 0), (True, 1)])
def test_what_is_hardly_visible_must_move_to_be_a_person(moving: bool, people: int) -> None:
    tracker = Tracker()
    for index in range(40):
        asked = tracker.regions(stamp(index))
        seen = ghost(index, moving=moving) if len(asked) or index == 0 else poses(index, [], [])
        found = tracker(seen)
    assert len(found) == people


def dim(index: int, followed: bool, seen_by_detector: bool, looked: bool) -> Detections2D:
    """Somebody at rest who is hardly visible."""
    if not followed and not seen_by_detector:
        return poses(index, [], [], looked=looked)
    pose = standing(300)
    pose[:, 2] = 0.5
    return poses(index, [pose], [0 if followed else -1], presence=0.85, looked=looked, confirmed=seen_by_detector)


def shown(share: float, seed: int) -> list[int]:
    """How many people are told in each frame of somebody dim whom the detector finds in a share of its looks."""
    rng, tracker, people, looked_at = np.random.default_rng(seed), Tracker(), [], -9
    for index in range(250):
        followed = len(tracker.regions(stamp(index))) > 0
        looked = index - looked_at >= (5 if tracker.searching("a") or not followed else 12)
        looked_at = index if looked else looked_at
        people.append(len(tracker(dim(index, followed, looked and rng.random() < share, looked))))
    return people


def test_somebody_dim_at_rest_is_kept_if_the_detector_finds_them_mostly_and_furniture_is_not() -> None:
    assert np.mean([shown(0.9, seed) for seed in range(6)]) > 0.85
    assert np.mean([shown(0.3, seed) for seed in range(6)]) < 0.1


def test_who_looks_like_another_all_at_once_is_looked_for_where_they_were_and_known_again() -> None:
    """Somebody's pose slides onto a passer-by in other clothes; at their old place they are found again."""
    tracker, asked_home = Tracker(TrackSettings(birth_s=0.1)), False
    for index in range(40):
        tracker(poses(index, [standing(500)], [0 if index else -1], looks=[0]))
    for index in range(40, 60):
        passer = 500 + 12 * (index - 40)
        asked = tracker.regions(stamp(index))
        home = [row for row, region in enumerate(asked) if abs(region[0] - 500) < 20 and passer > 540]
        asked_home = asked_home or bool(home)
        people, looks, origin = [standing(passer)], [1], [int(np.abs(asked[:, 0] - passer).argmin())]
        if home:
            people, looks, origin = [*people, standing(500)], [1, 0], [*origin, home[0]]
        found = tracker(poses(index, people, origin, looks=looks))
    assert asked_home
    assert ids(found) == {500: 1, 500 + 12 * 19: 2}


def test_a_crowd_in_another_layout_is_followed_too() -> None:
    places = [NAMES.index(name) for name in COCO17.names]
    tracker = Tracker(TrackSettings(birth_s=0.0))
    for index in range(10):
        whole = poses(index, [standing(300 + 5 * index), standing(900)], [-1, -1] if not index else [0, 1])
        given_rows = {name: getattr(whole, name) for name in whole.__dataclass_fields__}
        now = Detections2D(**{**given_rows, "keypoints": whole.keypoints[:, places], "layout": COCO17})
        found = tracker(now)
    assert sorted(found.person.tolist()) == [1, 2]
