"""Several sources at once: files beside files, and live sources that nobody can make wait."""

from __future__ import annotations

import json
import logging
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import stream3d.pipeline.lane as pipeline_lane
import stream3d.pipeline.runner as pipeline_run
from stream3d.cli.options import run_settings
from stream3d.cli.parser import make_parser
from stream3d.cli.run import as_json, told
from stream3d.errors import SettingsError, SinkError, SourceError
from stream3d.lift import LiftSettings
from stream3d.pipeline import RunSettings, Summary, results, run_all
from stream3d.pipeline.lane import saves_for
from stream3d.pipeline.outputs import Outputs
from stream3d.pipeline.together import Budget
from stream3d.source import HealthRecord, SourceCounts, SourceInfo
from stream3d.source_meter import SourceReport
from stream3d.trackfile import load_tracks
from stream3d.values import Frame, Result
from tests.fakes import fake_rooms, white_people, write_video

pytestmark = pytest.mark.usefixtures("fake_nets", "no_thread_stays_behind")

SIDE = 400
PATIENCE_S = 20.0


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """One person walking, 20 frames; two people, one of them walking the other way, 30 frames, another size."""
    folder = tmp_path_factory.mktemp("clips")
    one = [white_people(SIDE, SIDE, 20 + index) for index in range(20)]
    two = [white_people(SIDE + 80, SIDE, 200 - index, 380) for index in range(30)]
    return write_video(folder / "one.mp4", one), write_video(folder / "two.mp4", two)


class Camera:
    """A live source whose pictures come when the test says so, or as fast as they are read."""

    def __init__(
        self,
        name: str,
        *,
        count: int = 10**9,
        wait: Callable[[int], None] = lambda _: None,
        age_s: Callable[[int], float] = lambda _: 0.0,
        fails_at: int | None = None,
        fps: float | None = 30.0,
    ) -> None:
        self.info = SourceInfo(
            source_id=name,
            kind="url",
            name=name,
            width=SIDE,
            height=SIDE,
            fps=fps,
            duration_s=None,
            frame_count=None,
            live=True,
            codec="h264",
            container="rtsp",
        )
        self.counts, self.health = SourceCounts(), HealthRecord()
        self._count, self._wait, self._age_s, self._fails_at = count, wait, age_s, fails_at
        self._stopped = False

    def __iter__(self) -> Iterator[Frame]:
        for index in range(self._count):
            self._wait(index)
            if self._stopped:
                return
            if index == self._fails_at:
                raise SourceError(f"{self.info.source_id}: the cable was cut")
            captured_at = time.monotonic() - self._age_s(index)
            self.health.frame(captured_at=captured_at)
            self.counts.read += 1
            image = white_people(SIDE, SIDE, 100 + index % 100)
            yield Frame(
                source_id=self.info.source_id, index=index, pts=index / 30, captured_at=captured_at, image=image
            )
        self.health.becomes("ended")

    def __enter__(self) -> Camera:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._stopped = True

    stop = close


@pytest.fixture
def cameras(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    def known(*given_cameras: Camera) -> list[str]:
        by_name = {camera.info.source_id: camera for camera in given_cameras}
        monkeypatch.setattr(pipeline_run, "open_source", lambda what, _: by_name[str(what)])
        return list(by_name)

    return known


def pace(seconds: float) -> Callable[[int], None]:
    return lambda _: time.sleep(seconds)


def test_files_together_give_what_each_gives_alone(clips: tuple[Path, Path]) -> None:
    together = list(results(list(clips)))
    for clip, count in zip(clips, (20, 30), strict=True):
        mine = [result for result in together if result.frame.source_id == str(clip)]
        alone = list(results(clip, RunSettings(mode="latency")))
        assert [result.frame.index for result in mine] == list(range(count))
        for one, other in zip(mine, alone, strict=True):
            assert one.poses.person.tolist() == other.poses.person.tolist()
            np.testing.assert_allclose(one.poses.joints, other.poses.joints, atol=1e-4)
            assert one.latency_s > 0


def test_each_source_has_files_and_ids_of_its_own(clips: tuple[Path, Path], tmp_path: Path) -> None:
    summaries = run_all(list(clips), saves=[tmp_path / "out.npz", tmp_path / "out.jsonl"])
    assert [summary.frames for summary in summaries] == [20, 30]
    for summary, name, people in zip(summaries, ("one", "two"), ({1}, {1, 2}), strict=True):
        assert summary.outputs == (str(tmp_path / f"out.{name}.npz"), str(tmp_path / f"out.{name}.jsonl"))
        tracks = load_tracks(tmp_path / f"out.{name}.npz")
        assert set(tracks.person.tolist()) == people
        assert tracks.meta["frames"] == summary.frames
        assert len((tmp_path / f"out.{name}.jsonl").read_text().splitlines()) == summary.frames
    said = as_json(summaries)
    assert [one["frames"] for one in said["sources"]] == [20, 30]  # type: ignore[index,attr-defined]
    json.dumps(said, allow_nan=False)


def test_what_cannot_be_run_together_is_refused(clips: tuple[Path, Path], tmp_path: Path) -> None:
    import cv2

    cv2.imwrite(str(tmp_path / "a.png"), white_people(SIDE, SIDE, 50))
    with pytest.raises(SettingsError, match="named twice"):
        list(results([clips[0], clips[0]]))
    with pytest.raises(SettingsError, match="images can only be run alone"):
        list(results([clips[0], tmp_path / "a.png"]))
    with pytest.raises(SettingsError, match="no source"):
        list(results([]))


def test_names_that_are_the_same_are_numbered(clips: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    other = tmp_path / "b" / "one.mp4"
    other.write_bytes(clips[0].read_bytes())
    run_all([clips[0], other], saves=[tmp_path / "out.npz"])
    assert sorted(path.name for path in tmp_path.glob("*.npz")) == ["out.one-2.npz", "out.one.npz"]


@given(st.lists(st.sampled_from(["a.npz", "x/b.json/", "c.2d.json", "d"]), max_size=3))
def test_saves_stay_distinct_by_source(saves: list[str]) -> None:
    assert saves_for(saves, "door", alone=True) == tuple(saves)
    named = saves_for(saves, "door", alone=False)
    assert all(
        ("door" in new) and new.endswith("/") == old.endswith("/") for new, old in zip(named, saves, strict=True)
    )


def test_a_busy_source_starves_no_other(cameras: Callable[..., list[str]]) -> None:
    """One always has a picture, the other only once its last one, and ten more of the first, were answered."""
    turn = threading.Condition()
    answered = {"busy": 0, "calm": 0}

    def wait(index: int) -> None:
        with turn:
            assert turn.wait_for(lambda: answered["calm"] == index and answered["busy"] >= 10 * index, PATIENCE_S)

    busy = Camera("busy", wait=pace(0.001))
    names = cameras(busy, Camera("calm", count=6, wait=wait))
    for result in results(names):
        with turn:
            answered[result.frame.source_id] += 1
            turn.notify_all()
        if answered["calm"] == 6:
            busy.stop()
    assert answered["calm"] == 6


def test_results_of_each_live_source_come_in_order(cameras: Callable[..., list[str]]) -> None:
    names = cameras(*(Camera(name, count=200, wait=pace(0.002)) for name in "abc"))
    seen: dict[str, list[int]] = {name: [] for name in names}
    for result in results(names):
        seen[result.frame.source_id].append(result.frame.index)
    assert all(indices == sorted(set(indices)) and indices for indices in seen.values())


def test_old_pictures_are_dropped_and_counted(cameras: Callable[..., list[str]], tmp_path: Path) -> None:
    """Every other picture is half a second old when it comes."""
    names = cameras(Camera("door", count=60, wait=pace(0.03), age_s=lambda index: 0.5 * (index % 2)))
    seen: list[Result] = []
    (summary,) = run_all(
        names,
        settings=RunSettings(max_latency_s=0.3),
        saves=[tmp_path / "out.jsonl"],
        watch=lambda result, _: seen.append(result),
    )
    assert seen
    assert all(result.frame.index % 2 == 0 for result in seen)
    assert summary.dropped >= 30
    assert summary.frames + summary.dropped == 60
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [line["latency_ms"] for line in lines] == [round(1e3 * result.latency_s, 2) for result in seen]
    assert summary.live_report["processed_frames"] == summary.frames
    assert "dropped" in told(summary)


@pytest.mark.parametrize("max_latency_s", [None, 5.0])
def test_nothing_live_waits_for_the_detector(
    cameras: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch, max_latency_s: float | None
) -> None:
    threads: set[str] = set()
    made = pipeline_run.make_rooms

    def noted(*arguments: object) -> object:
        rooms = made(*arguments)  # type: ignore[arg-type]
        look = rooms.pose2d.look

        def looking(frame: Frame) -> object:
            threads.add(threading.current_thread().name)
            return look(frame)

        monkeypatch.setattr(rooms.pose2d, "look", looking)
        return rooms

    monkeypatch.setattr(pipeline_run, "make_rooms", noted)
    names = cameras(Camera("door", count=80, wait=pace(0.02)))
    settings = RunSettings(max_latency_s=max_latency_s)
    people = [tuple(result.poses.person.tolist()) for result in results(names, settings)]
    assert threads
    assert all(name.startswith("stream3d-nets") for name in threads)
    assert people[0] == ()  # the detector had only just been asked
    assert people[-1] == (1,)
    assert set(people) == {(), (1,)}


def test_a_slow_output_slows_only_itself(
    cameras: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Slow:
        got = 0

        def write(self, _: Result) -> None:
            self.got += 1
            time.sleep(0.2)

        def close(self, _: object) -> None:
            pass

    class Quick(Slow):
        def write(self, _: Result) -> None:
            self.got += 1

    slow, quick = Slow(), Quick()
    outputs = Outputs(sinks=(slow, quick), viewer=None, names=("slow.mp4", "quick.npz"))
    monkeypatch.setattr(pipeline_lane, "open_outputs", lambda *_, **__: outputs)
    names = cameras(Camera("door", count=150, wait=pace(0.01)))
    with caplog.at_level(logging.WARNING):
        (summary,) = run_all(names, saves=[])
    assert quick.got == summary.frames
    assert slow.got < quick.got
    assert summary.live_report["left_out"] == {"slow.mp4": quick.got - slow.got}
    assert [record for record in caplog.messages if "slower than the source" in record] == [
        "slow.mp4: slower than the source; results are left out of it, and counted"
    ]
    assert "slow.mp4" in told(summary)


def test_a_full_disk_ends_a_live_run_with_all_else_saved(
    cameras: Callable[..., list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = pipeline_lane.open_outputs

    class Full:
        got = 0

        def write(self, _: Result) -> None:
            self.got += 1
            if self.got == 10:
                raise SinkError("full.csv: no space left on device")

        def close(self, _: object) -> None:
            pass

    def with_a_full_one(*arguments: object, **more: object) -> Outputs:
        outputs = opened(*arguments, **more)  # type: ignore[arg-type]
        return Outputs(sinks=(*outputs.sinks, Full()), viewer=None, names=(*outputs.names, "full.csv"))

    monkeypatch.setattr(pipeline_lane, "open_outputs", with_a_full_one)
    names = cameras(Camera("a", wait=pace(0.01)), Camera("b", wait=pace(0.01)))
    with pytest.raises(SinkError, match="no space left"):
        run_all(names, saves=[tmp_path / "out.npz"])
    assert all(len(load_tracks(tmp_path / f"out.{name}.npz")) >= 5 for name in names)
    assert not list(tmp_path.glob("*.journal"))


def test_a_source_that_fails_stops_no_other(cameras: Callable[..., list[str]], tmp_path: Path) -> None:
    names = cameras(Camera("cut", fails_at=5, wait=pace(0.01)), Camera("well", count=60, wait=pace(0.01)))
    with pytest.raises(SourceError, match="cut: the cable was cut"):
        run_all(names, saves=[tmp_path / "out.npz"])
    well, cut = (load_tracks(tmp_path / f"out.{name}.npz") for name in ("well", "cut"))
    assert well.frame.max() > 30
    assert 0 < len(cut) <= 5
    assert not list(tmp_path.glob("*.journal"))


def test_ctrl_c_saves_every_source(cameras: Callable[..., list[str]], tmp_path: Path) -> None:
    seen: set[str] = set()

    def interrupt(result: Result, summary: Summary) -> None:
        seen.add(result.frame.source_id)
        if len(seen) == 2 and summary.frames > 5:
            raise KeyboardInterrupt

    names = cameras(Camera("a", wait=pace(0.01)), Camera("b", wait=pace(0.01)))
    summaries = run_all(names, saves=[tmp_path / "out.npz"], watch=interrupt)
    assert all(summary.interrupted for summary in summaries)
    assert all(len(load_tracks(tmp_path / f"out.{name}.npz")) for name in names)


def test_reports_come_also_while_nothing_does(cameras: Callable[..., list[str]]) -> None:
    enough = threading.Event()
    reports: list[SourceReport] = []

    def report(now: object, _: float) -> None:
        reports.extend(now)  # type: ignore[arg-type]
        if len(reports) > 5:
            enough.set()

    def wait(index: int) -> None:
        if index == 3:
            assert enough.wait(PATIENCE_S)

    run_all(cameras(Camera("door", count=6, wait=wait)), saves=[], report=report)
    assert [one.processed_frames for one in reports] == sorted(one.processed_frames for one in reports)
    assert reports[-1].processed_frames <= 3


def test_metrics_are_served_while_it_runs(cameras: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    import stream3d.pipeline.metrics_server as metrics

    ports: list[int] = []
    entered = metrics.MetricsServer.__enter__

    def noted(self: metrics.MetricsServer) -> metrics.MetricsServer:
        server = entered(self)
        ports.append(server.port)
        return server

    monkeypatch.setattr(metrics.MetricsServer, "__enter__", noted)
    texts: list[str] = []

    def ask(_: Result, summary: Summary) -> None:
        if summary.frames == 5:
            for page in ("metrics", "health"):
                with urllib.request.urlopen(f"http://127.0.0.1:{ports[0]}/{page}", timeout=PATIENCE_S) as answer:
                    texts.append(answer.read().decode())

    run_all(
        cameras(Camera("door", count=40, wait=pace(0.01))),
        settings=RunSettings(metrics_port=0),
        saves=[],
        watch=ask,
    )
    assert 'stream3d_source_frames_total{source="door",kind="processed"} 5' in texts[0]
    assert json.loads(texts[1])["sources"][0]["source"] == "door"


def test_a_lookahead_that_breaks_the_promise_is_refused(
    cameras: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline_run, "make_rooms", lambda *_: fake_rooms(lookahead=4))
    settings = RunSettings(max_latency_s=0.1, lift=LiftSettings(lookahead=4))
    with pytest.raises(SettingsError, match="a lookahead of 4 frames at 30 frames/s waits 133 ms"):
        list(results(cameras(Camera("door", count=3)), settings))
    assert list(results(cameras(Camera("door", count=3)), RunSettings(max_latency_s=0.2)))


@given(st.lists(st.floats(0.0, 1.0), max_size=100), st.floats(0.01, 1.0))
def test_a_budget_is_never_more_than_the_promise_nor_less_than_a_quarter(took: list[float], most_s: float) -> None:
    budget = Budget(most_s)
    for seconds in took:
        budget.spent(seconds)
    assert 0.25 * most_s <= budget.oldest_s() <= most_s


def test_settings_and_flags() -> None:
    arguments = make_parser().parse_args(["run", "a.mp4", "b.mp4", "--max-latency", "80", "--metrics", "0"])
    settings = run_settings(arguments)
    assert arguments.source == ["a.mp4", "b.mp4"]
    assert (settings.max_latency_s, settings.metrics_port) == (0.08, 0)
    for change in ({"max_latency_s": 0.0}, {"max_latency_s": float("nan")}, {"metrics_port": 70000}):
        with pytest.raises(SettingsError, match=next(iter(change))):
            RunSettings(**change)  # type: ignore[arg-type]


def test_sources_are_opened_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """None comes open before all are being opened."""
    all_there = threading.Barrier(3)

    def slowly(what: object, _: object) -> Camera:
        all_there.wait(PATIENCE_S)
        return Camera(str(what), count=2)

    monkeypatch.setattr(pipeline_run, "open_source", slowly)
    assert {result.frame.source_id for result in results(["a", "b", "c"])} == {"a", "b", "c"}


def test_those_that_were_opened_are_closed_where_another_cannot_be(monkeypatch: pytest.MonkeyPatch) -> None:
    early, late, failed = Camera("early"), Camera("late"), threading.Event()
    closed = {"early": threading.Event(), "late": threading.Event()}
    for camera in (early, late):
        monkeypatch.setattr(camera, "close", closed[camera.info.source_id].set)

    def some(what: object, _: object) -> Camera:
        if what == "bad":
            raise SourceError("bad: no answer")
        if what == "late":
            assert failed.wait(PATIENCE_S)
        return {"early": early, "late": late}[str(what)]

    monkeypatch.setattr(pipeline_run, "open_source", some)
    with pytest.raises(SourceError, match="bad: no answer"):
        list(results(["early", "bad", "late"]))
    assert closed["early"].is_set()
    failed.set()
    assert closed["late"].wait(PATIENCE_S)
