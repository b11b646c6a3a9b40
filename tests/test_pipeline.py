"""The rooms joined, on nets that find white rectangles."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import stream3d.pipeline.lane as pipeline_lane
import stream3d.pipeline.runner as pipeline_run
from stream3d.errors import SettingsError, SinkError, SourceError
from stream3d.meters import Meters
from stream3d.pipeline import RunSettings, Summary, run, stream
from stream3d.pipeline.outputs import Outputs
from stream3d.pipeline.threads import Reader, Writer
from stream3d.source import SourceSettings
from stream3d.trackfile import load_tracks
from stream3d.values import Result
from tests.fakes import break_off, white_people, write_video

pytestmark = pytest.mark.usefixtures("fake_nets", "no_thread_stays_behind")

SIDE = 400


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people, 40 frames; the left one walks to the right, the other stands."""
    pictures = [white_people(SIDE, SIDE, 20 + index, 300) for index in range(40)]
    return write_video(tmp_path_factory.mktemp("video") / "walk.mp4", pictures)


def test_stream_gives_every_frame_in_order(walk: Path) -> None:
    poses = list(stream(walk))
    assert [pose.index for pose in poses] == list(range(40))
    np.testing.assert_allclose([pose.pts for pose in poses], np.arange(40) / 25, atol=1e-3)
    assert {tuple(sorted(pose.person.tolist())) for pose in poses[1:]} == {(1, 2)}
    assert poses[-1].joints.shape == (2, 17, 3)
    assert np.isfinite(poses[-1].joints).all()


def test_leaving_the_stream_early_ends_the_reader(walk: Path) -> None:
    poses = stream(walk)
    next(poses)
    poses.close()


def test_run_writes_what_it_says(walk: Path, tmp_path: Path) -> None:
    saves = [str(tmp_path / name) for name in ("out.npz", "out.jsonl", "out.csv", "out.mp4", "out.json/")]
    seen: list[int] = []
    summary = run(walk, saves=saves, watch=lambda result, _: seen.append(result.frame.index))
    assert (summary.frames, summary.frames_with_people, len(summary.person_ids)) == (40, 40, 2)
    assert seen == list(range(40))
    tracks = load_tracks(saves[0])
    assert len(tracks) == 80
    assert tracks.meta["frames"] == 40
    assert tracks.meta["counts"]["read"] == 40
    assert "assumed field of view" in tracks.meta["camera"]["origin"]
    assert all(Path(save).exists() for save in saves)
    assert not list(tmp_path.glob("*.journal"))
    assert set(summary.stages) >= {"pose2d", "track", "lift", "smooth", "sinks"}
    json.dumps(summary.as_dict(), allow_nan=False)


def test_without_save_or_view_the_defaults_go_to_the_current_folder(
    walk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(walk).outputs == ("walk.npz", "walk.mp4")
    assert (tmp_path / "walk.npz").is_file()


def test_the_source_is_never_overwritten(walk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(walk.parent)
    before = walk.read_bytes()
    assert run("walk.mp4").outputs == ("walk.npz", "walk.overlay.mp4")
    with pytest.raises(SettingsError, match=r"walk\.mp4 would overwrite"):
        run(walk, saves=[walk])
    with pytest.raises(SettingsError, match="another output"):
        run(walk, saves=[tmp_path / "a.npz", tmp_path / "a.npz"])
    assert walk.read_bytes() == before


def test_a_part_of_the_video(walk: Path) -> None:
    settings = RunSettings(source=SourceSettings(start_s=0.4, end_s=0.8))
    times = [pose.pts for pose in stream(walk, settings)]
    assert min(times) >= 0.4 - 1e-6
    assert max(times) < 0.8
    assert len(times) == 10


def test_nobody_in_sight_is_an_empty_valid_file(tmp_path: Path) -> None:
    video = write_video(tmp_path / "empty.mp4", [white_people(SIDE, SIDE)] * 5)
    summary = run(video, saves=[tmp_path / "out.npz"])
    assert (summary.frames, summary.frames_with_people) == (5, 0)
    assert len(load_tracks(tmp_path / "out.npz")) == 0


def test_images_are_scenes_of_their_own(tmp_path: Path) -> None:
    import cv2

    folder = tmp_path / "images"
    folder.mkdir()
    for index in range(3):
        cv2.imwrite(str(folder / f"{index}.png"), white_people(SIDE, SIDE, 50))
    run(folder, saves=[tmp_path / "out.npz", tmp_path / "out.2d.npz"])
    assert load_tracks(tmp_path / "out.npz").person.tolist() == [1, 2, 3]
    keypoints = np.load(tmp_path / "out.2d.npz", allow_pickle=False)
    assert keypoints["image_names"].tolist() == ["0.png", "1.png", "2.png"]


def test_ctrl_c_saves_what_was_done(walk: Path, tmp_path: Path) -> None:
    def interrupt(result: Result, _: Summary) -> None:
        if result.frame.index == 9:
            raise KeyboardInterrupt

    summary = run(walk, saves=[tmp_path / "out.npz"], watch=interrupt)
    assert summary.interrupted
    assert load_tracks(tmp_path / "out.npz").frame.max() == 9


def test_a_failing_sink_fails_the_run_and_closes_the_others(
    walk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stream3d.sinks.text import CsvSink

    def full(self: CsvSink, result: Result) -> None:
        if result.frame.index == 5:
            raise SinkError("cannot write out.csv: no space left on device")
        wrote(self, result)

    wrote = CsvSink.write
    monkeypatch.setattr(CsvSink, "write", full)
    with pytest.raises(SinkError, match="no space left"):
        run(walk, saves=[tmp_path / "out.npz", tmp_path / "out.csv"])
    assert load_tracks(tmp_path / "out.npz").frame.max() >= 4


def test_a_source_that_breaks_off_saves_what_came(walk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    break_off(monkeypatch, frame=7)
    with pytest.raises(SourceError, match="cable"):
        run(walk, saves=[tmp_path / "out.npz"])
    assert load_tracks(tmp_path / "out.npz").frame.max() == 6


def test_the_reader_ends_when_its_consumer_leaves() -> None:
    with Reader(iter(range(1000)), capacity=2, policy="block") as items:
        assert items.get(5) == 0


def test_a_closed_writer_may_be_closed_again() -> None:
    writer = Writer((), Meters())
    writer.close({})
    writer.close({})


def test_what_is_only_watched_plays_at_its_own_speed(walk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sleeps add up to the media's length, less the time that the work itself took."""
    slept: list[float] = []
    monkeypatch.setattr(pipeline_run.time, "sleep", slept.append)
    clock = iter(range(10**6))
    monkeypatch.setattr(pipeline_run.time, "perf_counter", lambda: next(clock) * 1e-6)

    class Window:
        closed = False

        def write(self, result: Result) -> None: ...

        def close(self, meta: object) -> None: ...

    window = Window()
    outputs = Outputs(sinks=(window,), viewer=window, names=("the viewer",))  # type: ignore[arg-type]
    monkeypatch.setattr(pipeline_lane, "open_outputs", lambda *_, **__: outputs)
    monkeypatch.setattr(pipeline_run, "check_outputs", lambda *_, **__: None)
    run(walk, view=True)
    assert len(slept) == 40
    assert slept[-1] == pytest.approx(39 / 25, abs=0.01)
