"""Identity over time: people as numbers, without any picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream3d.errors import SettingsError
from stream3d.skeleton import BLAZEPOSE33
from stream3d.track import Tracker, TrackSettings
from stream3d.values import Detections2D, Stamp

FPS = 25


def stamp(index: int, source: str = "a") -> Stamp:
    return Stamp(source_id=source, index=index, pts=index / FPS, captured_at=0.0)


def seen(
    index: int,
    places: Sequence[tuple[float, float]],
    origin: Sequence[int],
    *,
    source: str = "a",
    looked: bool = False,
    confirmed: Sequence[bool] | None = None,
    visibility: float = 0.9,
) -> Detections2D:
    """People of side 200 px at the given places."""
    people = len(places)
    keypoints = np.zeros((people, 33, 3), np.float32)
    regions = np.zeros((people, 4), np.float32)
    for row, place in enumerate(places):
        keypoints[row, :, :2], keypoints[row, :, 2] = place, visibility
        regions[row] = *place, 200, 0
    where = stamp(index, source)
    return Detections2D(
        source_id=source,
        index=index,
        pts=where.pts,
        captured_at=0.0,
        keypoints=keypoints,
        layout=BLAZEPOSE33,
        presence=np.ones(people, np.float32),
        regions=regions,
        origin=np.array(origin, np.int64),
        looked=looked,
        confirmed=np.array([False] * people if confirmed is None else confirmed, np.bool_),
    )


NOW = TrackSettings(birth_s=0.0)


def test_an_id_stays_with_the_region_it_came_from() -> None:
    tracker = Tracker(NOW)
    first = tracker(seen(0, [(100, 100), (500, 100)], [-1, -1]))
    swapped = tracker(seen(1, [(505, 100), (105, 100)], [1, 0]))
    assert first.person.tolist() == [1, 2]
    assert swapped.person.tolist() == [2, 1]


def test_regions_are_asked_for_oldest_first() -> None:
    tracker = Tracker(NOW)
    tracker(seen(0, [(500, 100)], [-1]))
    tracker(seen(1, [(100, 100), (500, 100)], [-1, 0]))
    assert tracker.regions(stamp(2))[:, 0].tolist() == [500, 100]


def test_a_steady_walker_is_expected_where_they_will_be() -> None:
    tracker = Tracker(NOW)
    tracker(seen(0, [(100, 100)], [-1]))
    for index in range(1, 30):
        tracker(seen(index, [(100 + 40 * index, 100)], [0]))
    assert tracker.regions(stamp(30))[0, 0] == pytest.approx(100 + 40 * 30, abs=2)


def test_noise_does_not_move_the_region() -> None:
    tracker = Tracker(NOW)
    tracker(seen(0, [(100, 100)], [-1]))
    for index in range(1, 30):
        tracker(seen(index, [(100 + (-1) ** index, 100)], [0]))
    assert abs(tracker.regions(stamp(30))[0, 0] - 100) <= 1


def test_a_newcomer_is_believed_after_a_while() -> None:
    tracker = Tracker(TrackSettings(birth_s=0.1))
    people = [len(tracker(seen(i, [(100, 100)], [-1 if i == 0 else 0]))) for i in range(6)]
    assert people == [0, 0, 0, 1, 1, 1]


def test_somebody_back_within_the_memory_keeps_their_id() -> None:
    tracker = Tracker(TrackSettings(birth_s=0.0, memory_s=1.0))
    tracker(seen(0, [(100, 100)], [-1]))
    for index in range(1, 20):
        assert len(tracker(seen(index, [], []))) == 0
        assert tracker.searching("a")
    assert tracker(seen(20, [(110, 100)], [-1])).person.tolist() == [1]


def test_somebody_back_later_or_elsewhere_is_somebody_else() -> None:
    late = Tracker(TrackSettings(birth_s=0.0, memory_s=1.0))
    late(seen(0, [(100, 100)], [-1]))
    late(seen(1, [], []))
    late(seen(30, [], []))
    assert not late.searching("a")
    assert late(seen(31, [(100, 100)], [-1])).person.tolist() == [2]
    far = Tracker(NOW)
    far(seen(0, [(100, 100)], [-1]))
    far(seen(1, [], []))
    assert far(seen(2, [(600, 100)], [-1])).person.tolist() == [2]


def test_nobody_is_known_again_after_a_gap_in_the_video_longer_than_the_memory() -> None:
    tracker = Tracker(NOW)
    for index in range(10):
        tracker(seen(index, [(100, 100)], [0 if index else -1]))
    inside, beyond = (9 + round(seconds * FPS) for seconds in (4.0, 9.1))
    assert len(tracker.regions(stamp(inside))) == len(tracker.guess(stamp(inside))) == 1
    assert tracker(seen(inside, [(100, 100)], [0])).person.tolist() == [1]
    tracker(seen(inside + 1, [(100, 100)], [0]))
    assert len(tracker.regions(stamp(beyond))) == len(tracker.guess(stamp(beyond))) == 0
    assert tracker(seen(beyond, [(100, 100)], [-1])).person.tolist() == [2]


def test_frames_that_always_are_far_apart_are_no_gap() -> None:
    tracker = Tracker(NOW)
    for number in range(5):
        ids = tracker(seen(number * 10 * FPS, [(100, 100)], [0 if number else -1])).person.tolist()
        assert ids == [1]


def ghost_story(visibility: float) -> list[int]:
    """A figure that the detector looks for in vain once in every five frames."""
    tracker = Tracker(TrackSettings(birth_s=0.0, doubt_s=1.0, doubt_looks=3))
    people = []
    for index in range(60):
        looked = index % 5 == 0
        alive = len(tracker.regions(stamp(index))) > 0
        if index == 0:
            now = seen(0, [(100, 100)], [-1], looked=True, confirmed=[True], visibility=visibility)
        elif alive:
            now = seen(index, [(100, 100)], [0], looked=looked, visibility=visibility)
        else:
            now = seen(index, [], [], looked=looked)
        people.append(len(tracker(now)))
    return people


def test_a_figure_that_the_detector_never_confirms_is_a_ghost() -> None:
    people = ghost_story(visibility=0.6)
    assert people[20] == 1
    assert people[-1] == 0


def test_a_clearly_seen_person_needs_no_confirmation() -> None:
    assert ghost_story(visibility=0.95)[-1] == 1


def test_sources_do_not_know_each_other() -> None:
    tracker = Tracker(NOW)
    tracker(seen(0, [(100, 100)], [-1]))
    assert len(tracker.regions(stamp(1, "b"))) == 0
    assert tracker(seen(0, [(100, 100)], [-1], source="b")).person.tolist() == [1]


def test_forgetting_a_source_never_reuses_its_ids() -> None:
    tracker = Tracker(NOW)
    tracker(seen(0, [(100, 100)], [-1]))
    tracker.forget("a")
    assert tracker(seen(1, [(100, 100)], [-1])).person.tolist() == [2]


@given(st.lists(st.lists(st.booleans(), min_size=3, max_size=3), min_size=1, max_size=40))
def test_ids_are_unique_in_a_frame_and_never_fall(story: list[list[bool]]) -> None:
    """Three people far apart, each visible or not in every frame: one id each at a time, no id given to two."""
    tracker = Tracker(TrackSettings(birth_s=0.0, memory_s=0.0))
    place_of: dict[int, int] = {}
    for index, visible in enumerate(story):
        given_regions = tracker.regions(stamp(index))
        followed = {round(region[0] / 1000): row for row, region in enumerate(given_regions)}
        places = [p for p in range(3) if visible[p]]
        out = tracker(seen(index, [(1000.0 * p, 0.0) for p in places], [followed.get(p, -1) for p in places]))
        assert len(set(out.person.tolist())) == len(places)
        for person, place in zip(out.person.tolist(), places, strict=True):
            assert place_of.setdefault(person, place) == place


def test_negative_settings_are_refused() -> None:
    with pytest.raises(SettingsError, match="memory_s"):
        TrackSettings(memory_s=-1)
