"""Identity over time on scenes with known truth, in small; the measuring itself on answers that are known."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from benchmarks import tracking
from benchmarks.stick_nets import Errors, StickNets, visible_shares
from benchmarks.stick_plays import PLAYS, take_motions
from benchmarks.stick_scenes import HIPS, Scene
from stream3d.skeleton import BLAZEPOSE33
from stream3d.track import Tracker
from stream3d.values import Tracks2D


@cache
def motions() -> list[tuple[np.ndarray, float]]:
    return take_motions(None)


@cache
def scene(name: str, seed: int = 0) -> Scene:
    return PLAYS[name](motions(), seed)


@cache
def figures(name: str, seed: int = 0) -> dict[str, float]:
    return tracking.judged(scene(name, seed), tracking.play(scene(name, seed), Tracker(), seed=seed))


@pytest.mark.parametrize(
    ("name", "most_missed"),
    [("crossing", 0.08), ("twins", 0.08), ("meeting", 0.25), ("hiding", 0.2), ("returning", 0.06), ("fast", 0.25)],
)
def test_ids_stay_with_their_people(name: str, most_missed: float) -> None:
    """Two cross, in different clothes or the same, meet and part, stand behind each other, leave and return, run."""
    found = figures(name)
    assert found["num_switches"] == 0
    assert found["ids"] == found["people"]
    assert found["num_misses"] < most_missed * found["num_objects"]
    assert found["num_false_positives"] == 0


@pytest.mark.slow
def test_ids_stay_in_a_crowd() -> None:
    every = [figures("crowd", seed) for seed in range(3)]
    assert sum(found["num_switches"] for found in every) <= 6
    assert sum(found["ids"] for found in every) <= 20
    assert tracking.summed(every)["idf1"] > 0.85


def test_furniture_is_hardly_taken_for_people() -> None:
    """Three things that the detector takes for people at three looks in ten; the net agrees three times in four."""
    every = [figures("furnished", seed) for seed in range(2)]
    assert sum(found["num_false_positives"] for found in every) <= 5
    assert sum(found["num_switches"] for found in every) == 0


def test_newcomers_are_believed_within_half_a_second() -> None:
    clear = tracking.play(scene("returning"), Tracker(), errors=Errors(miss=0.0, nothing=0.0))
    assert tracking.judged(scene("returning"), clear)["longest_wait"] <= 0.5


def answers(*people: list[int]) -> tracking.Story:
    """What a perfect tracker would say of the first frames of the crossing, with these ids."""
    story = tracking.Story()
    for index, ids in enumerate(people):
        keypoints = np.ones((len(ids), 33, 3), np.float32)
        keypoints[..., :2] = scene("crossing").keypoints[: len(ids), index]
        story.tracks.append(
            Tracks2D(
                source_id="a",
                index=index,
                pts=index / 25,
                captured_at=0.0,
                keypoints=keypoints,
                layout=BLAZEPOSE33,
                person=np.array(ids, np.int64),
            )
        )
    return story


def test_a_perfect_answer_has_no_errors() -> None:
    found = tracking.judged(scene("crossing"), answers([1, 2], [1, 2], [1, 2]))
    assert (found["num_objects"], found["num_misses"], found["num_switches"], found["stolen"]) == (6, 0, 0, 0)
    assert tracking.summed([found])["mota"] == 1
    assert tracking.summed([found])["idf1"] == 1


def test_exchanged_ids_are_two_switches_and_a_missed_person_one_miss() -> None:
    found = tracking.judged(scene("crossing"), answers([1, 2], [2, 1], [2]))
    assert found["num_switches"] == 2
    assert found["num_misses"] == 1


def test_somebody_else_s_arm_is_stolen() -> None:
    story = answers([1, 2])
    wrists = [BLAZEPOSE33.names.index(f"{side}_wrist") for side in ("left", "right")]
    story.tracks[0].keypoints[0, wrists] = story.tracks[0].keypoints[1, wrists]
    assert tracking.judged(scene("crossing"), story)["stolen"] == 2


def test_who_stands_behind_somebody_is_hidden() -> None:
    shares = visible_shares(scene("crossing"))
    centres = scene("crossing").keypoints[:, :, HIPS].mean(2)
    together = int(np.abs(centres[0, :, 0] - centres[1, :, 0]).argmin())
    assert shares[0, together] > 0.75
    assert shares[1, together] < 0.55
    assert shares[1, 0] > 0.75


def test_the_net_shows_who_is_in_front() -> None:
    nets = StickNets(scene("crossing"))
    centres = scene("crossing").keypoints[:, :, HIPS].mean(2)
    together = int(np.abs(centres[0, :, 0] - centres[1, :, 0]).argmin())
    nets.show(together)
    pose = nets.read(scene("crossing").regions[1, together : together + 1].astype(np.float32))
    assert pose.presence[0] > 0.5
    np.testing.assert_allclose(pose.keypoints[0, HIPS, :2], scene("crossing").keypoints[0, together, HIPS], atol=25)
