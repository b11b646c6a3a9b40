"""Several frames in flight give what one frame after the other gives, in the same order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import stream3d.pipeline.flow as pipeline_flow
import stream3d.pipeline.runner as pipeline_run
from stream3d.cli.options import run_settings
from stream3d.cli.parser import make_parser
from stream3d.pipeline import Rooms, RunSettings, results
from stream3d.pipeline.in_flight import at_once, groups, in_flight, possible
from stream3d.pipeline.rooms import of_stills
from stream3d.pose2d import Ahead, Found, Landmarks
from stream3d.source import open_source
from stream3d.values import Result
from tests.fakes import fake_rooms, white_people, write_video

pytestmark = pytest.mark.usefixtures("no_thread_stays_behind")

SIDE, COUNT = 400, 30
NEAR_PX = 4.0  # of people 120 px tall: what the crop's place may change, see Ahead.rows


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people; the left one walks to the right and pauses, the other stands and leaves."""
    pictures = [
        white_people(SIDE, SIDE, 20 + 3 * min(index, 15), *([300] if index < 22 else [])) for index in range(COUNT)
    ]
    return write_video(tmp_path_factory.mktemp("video") / "walk.mp4", pictures)


def through(walk: Path, count: int, *, lookahead: int = 0) -> list[Result]:
    with open_source(walk) as source:
        rooms = fake_rooms(lookahead=lookahead)
        if count == 1:
            found = [result for frame in source for result in rooms(frame)]
        else:
            found = list(in_flight(rooms, source, count=count, workers=2))
        return found + rooms.finish(source.info.source_id)


@pytest.mark.parametrize("count", [2, 3, 4])
@pytest.mark.parametrize("lookahead", [0, 3])
@pytest.mark.parametrize("on_cpu", [True, False])
def test_nothing_changes_but_the_speed(
    walk: Path, count: int, lookahead: int, on_cpu: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Rooms, "on_cpu", on_cpu)
    ours, theirs = (through(walk, number, lookahead=lookahead) for number in (count, 1))
    assert [result.frame.index for result in ours] == list(range(COUNT))
    for one, other in zip(ours, theirs, strict=True):
        assert one.poses.person.tolist() == other.poses.person.tolist()
        np.testing.assert_allclose(one.tracks.keypoints[..., :2], other.tracks.keypoints[..., :2], atol=NEAR_PX)
    assert sum(len(result.poses) for result in ours) > COUNT


def test_leaving_early_ends_all_threads(walk: Path) -> None:
    with open_source(walk) as source:
        flow = in_flight(fake_rooms(), source, count=2, workers=2)
        next(flow)
        flow.close()


@pytest.mark.parametrize(("mode", "many"), [("auto", True), ("throughput", True), ("latency", False)])
def test_the_mode_is_chosen(walk: Path, mode: str, many: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[int] = []

    def noted(*arguments: object, count: int, workers: int) -> Iterator[Result]:
        used.append(count)
        return in_flight(*arguments, count=count, workers=workers)  # type: ignore[arg-type]

    monkeypatch.setattr(pipeline_flow, "in_flight", noted)
    monkeypatch.setattr(pipeline_flow, "cores", lambda: 2)
    monkeypatch.setattr(pipeline_run, "make_rooms", lambda _, info, __: fake_rooms(stills=of_stills(info)))
    assert len(list(results(walk, RunSettings(mode=mode)))) == COUNT  # type: ignore[arg-type]
    assert used == ([at_once(2)] if many else [])


def test_stills_are_never_in_flight() -> None:
    assert possible(fake_rooms())
    assert not possible(fake_rooms(stills=True))


def test_the_mode_can_be_said() -> None:
    arguments = make_parser().parse_args(["run", "clip.mp4", "--mode", "latency"])
    assert run_settings(arguments).mode == "latency"
    assert run_settings(make_parser().parse_args(["bench", "clip.mp4"])).mode == "auto"


def test_groups_are_whole_but_for_the_last() -> None:
    assert [len(group) for group in groups(iter([None] * 7), 3)] == [3, 3, 1]  # type: ignore[arg-type]


def ahead(*regions: list[float]) -> Ahead:
    count = len(regions)
    seen = Landmarks(
        keypoints=np.zeros((count, 33, 3), np.float32),
        presence=np.ones(count, np.float32),
        regions=np.float32(regions),
    )
    return Ahead(regions=np.float32(regions), seen=seen)


def test_only_what_lies_near_enough_serves() -> None:
    guess = ahead([100, 100, 200, 0.1], [300, 100, 200, 3.13])
    near = (
        [301, 101, 203, -3.13],
        [102, 102, 199, 0.12],
        [105, 100, 200, 0.1],
        [100, 100, 210, 0.1],
        [100, 100, 200, 0.2],
    )
    assert guess.rows(np.float32(near)).tolist() == [1, 0, -1, -1, -1]
    assert guess.rows(np.zeros((0, 4), np.float32)).tolist() == []
    assert Ahead(regions=np.zeros((0, 4), np.float32)).rows(np.float32([[1, 1, 1, 0]])).tolist() == [-1]


def test_what_is_known_ahead_is_not_asked_again(walk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The nets are asked for nobody who was read in the right place."""
    rooms = fake_rooms()
    with open_source(walk) as source:
        frames = list(source)[:4]
    for frame in frames[:2]:
        rooms(frame)
    frame, asked = frames[2], []
    regions = rooms.track.guess(frame.stamp)
    assert len(regions) == 2
    assert (rooms.track.guess(frame.stamp) == regions).all()
    seen, found = rooms.pose2d.read(frame, regions), rooms.pose2d.look(frame)
    net = rooms.pose2d._keypoints  # type: ignore[attr-defined]
    monkeypatch.setattr(type(net), "__call__", lambda _, __, regions: asked.append(len(regions)))
    tracks = rooms.followed(frame, Ahead(regions=regions, seen=seen, found=found))
    assert len(tracks) == 2
    assert asked == []
    assert isinstance(found, Found)
