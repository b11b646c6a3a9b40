"""The file sinks: round trips, people joined by identity, full disks, kills, refusals before work begins."""

from __future__ import annotations

import csv
import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream3d.errors import SettingsError, ShapeError, SinkError
from stream3d.sinks import OverlaySettings, Sink, check_writable, known_endings, open_sink
from stream3d.sinks.openpose import body25_joints, safe_stem
from stream3d.sinks.people import people_of
from stream3d.skeleton import BODY25, COCO17, H36M17, HALPE26, convert
from stream3d.trackfile import load_tracks, recover
from stream3d.values import Poses3D, Result
from tests.sink_scenes import files_limited_to, killed_after, result_of, run_info

NAMES = ("a.npz", "a.2d.npz", "a.2d.json", "a.jsonl", "a.csv", "a.mp4", "a.json")
TEXTS = ("a.2d.json", "a.jsonl", "a.csv")


def strict(text: str) -> Any:
    """JSON as the standard has it: NaN and Infinity are no numbers."""

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    return json.loads(text, parse_constant=refuse)


def with_poses(result: Result, **changes: Any) -> Result:
    return dataclasses.replace(result, poses=dataclasses.replace(result.poses, **changes))


def with_tracks(result: Result, **changes: Any) -> Result:
    return dataclasses.replace(result, tracks=dataclasses.replace(result.tracks, **changes))


def half_unseen(result: Result) -> Result:
    """The first keypoint is not seen, the second joint is not known, its sigma neither."""
    keypoints, joints, sigma = result.tracks.keypoints.copy(), result.poses.joints.copy(), result.poses.sigma.copy()
    keypoints[:, 0] = (np.nan, np.nan, 0)
    joints[:, 1], sigma[:, 1] = np.nan, np.nan
    return with_tracks(with_poses(result, joints=joints, sigma=sigma), keypoints=keypoints)


def write(sink: Sink, results: list[Result]) -> None:
    for result in results:
        sink.write(result)
    sink.close({"frames_read": len(results)})


def test_track_file_round_trip(tmp_path: Path) -> None:
    results = [
        result_of(0, people=(5, 2), solved=True),
        result_of(1, people=()),
        half_unseen(result_of(4, people=(2,))),
    ]
    write(open_sink(tmp_path / "a.npz", run_info()), results)
    tracks = load_tracks(tmp_path / "a.npz")
    assert tracks.person.tolist() == [5, 2, 2]
    assert tracks.frame.tolist() == [0, 0, 4]
    assert tracks.time.tolist() == [0, 0, 4 / 30]
    for rows, result in zip(tracks.by_frame(), (results[0], results[2]), strict=True):
        np.testing.assert_array_equal(rows.keypoints2d, result.tracks.keypoints)
        np.testing.assert_array_equal(rows.joints3d, result.poses.joints)
        np.testing.assert_array_equal(rows.sigma, result.poses.sigma)
    assert tracks.rotations is not None
    np.testing.assert_array_equal(tracks.rotations[:2], results[0].poses.rotations)
    assert np.isnan(tracks.rotations[2]).all(), "not solved in that frame"
    said = {key: tracks.meta[key] for key in ("source", "width", "height", "fps", "keypoint_layout", "frames_read")}
    assert said == {
        "source": "clips/a clip.mp4",
        "width": 64,
        "height": 48,
        "fps": 30.0,
        "keypoint_layout": "blazepose33",
        "frames_read": 3,
    }
    assert tracks.meta["camera"]["origin"].startswith("assumed field of view")  # type: ignore[index]
    assert tracks.meta["engines"] == {"keypoints": {"runtime": "torch"}}
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]


@pytest.mark.parametrize("name", NAMES)
def test_nobody_seen_makes_a_valid_file(tmp_path: Path, name: str) -> None:
    sink = open_sink(tmp_path / name, run_info())
    write(sink, [result_of(i, people=()) for i in range(3)])
    if name == "a.npz":
        assert len(load_tracks(tmp_path / name)) == 0
    elif name == "a.json":
        assert {p.read_text() for p in (tmp_path / name).iterdir()} == {'{"version":1.3,"people":[]}'}
    else:
        assert (tmp_path / name).stat().st_size > 0


@pytest.mark.parametrize("name", NAMES)
def test_closing_twice_does_nothing_and_writing_on_is_refused(tmp_path: Path, name: str) -> None:
    sink = open_sink(tmp_path / name, run_info())
    write(sink, [result_of(0)])
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")}
    sink.close({})
    assert before == {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")}
    if name != "a.json":  # whose files are each closed already
        with pytest.raises(SinkError):
            sink.write(result_of(1))


def test_json_lines(tmp_path: Path) -> None:
    results = [half_unseen(result_of(0, people=(7, 3))), result_of(1, people=()), result_of(2)]
    write(open_sink(tmp_path / "a.jsonl", run_info()), results)
    lines = [strict(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert [(line["frame"], line["time"]) for line in lines] == [(0, 0.0), (1, 1 / 30), (2, 2 / 30)]
    assert [[p["person"] for p in line["people"]] for line in lines] == [[7, 3], [], [1]]
    person = lines[0]["people"][0]
    assert (person["keypoints2d"][0], person["joints3d"][1], person["sigma"][1]) == (None, None, None)
    np.testing.assert_allclose(person["keypoints2d"][1:], results[0].tracks.keypoints[0, 1:], atol=6e-4)
    np.testing.assert_allclose(person["joints3d"][2:], results[0].poses.joints[0, 2:], atol=6e-6)
    np.testing.assert_allclose(person["sigma"][2:], results[0].poses.sigma[0, 2:], atol=6e-6)
    assert (lines[0]["keypoint_layout"], lines[0]["joint_layout"]) == ("blazepose33", "h36m17")
    assert "image" not in lines[0]


def test_csv(tmp_path: Path) -> None:
    results = [half_unseen(result_of(0, people=(7, 3))), result_of(1, people=()), result_of(2)]
    write(open_sink(tmp_path / "a.csv", run_info()), results)
    with (tmp_path / "a.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["frame"], row["person"]) for row in rows] == [("0", "7"), ("0", "3"), ("2", "1")]
    assert len(rows[0]) == 3 + 17 * 4 + 33 * 3
    assert rows[0]["right_hip_x"] == rows[0]["right_hip_sigma"] == rows[0]["nose_px_x"] == ""
    joint, keypoint = results[0].poses.joints[1, H36M17.names.index("head_top")], results[0].tracks.keypoints[1, 15]
    np.testing.assert_allclose([float(rows[1][f"head_top_{axis}"]) for axis in "xyz"], joint, atol=6e-6)
    wrist = [float(rows[1][f"left_wrist_{part}"]) for part in ("px_x", "px_y", "score")]
    np.testing.assert_allclose(wrist, keypoint, atol=6e-4)
    assert float(rows[2]["time"]) == 2 / 30


def test_image_names_are_kept(tmp_path: Path) -> None:
    info = run_info(image_names=True)
    results = [result_of(0, people=(1, 2), name='Ä, "b".jpg'), result_of(1, name="x.png")]
    for name in ("a.csv", "a.jsonl", "a.2d.json", "a.2d.npz"):
        write(open_sink(tmp_path / name, info), results)
    with (tmp_path / "a.csv").open(newline="", encoding="utf-8") as file:
        assert [row["image"] for row in csv.DictReader(file)] == ['Ä, "b".jpg', 'Ä, "b".jpg', "x.png"]
    assert strict((tmp_path / "a.jsonl").read_text().splitlines()[0])["image"] == 'Ä, "b".jpg'
    assert [i["image"] for i in strict((tmp_path / "a.2d.json").read_text())["images"]] == ['Ä, "b".jpg', "x.png"]
    with np.load(tmp_path / "a.2d.npz", allow_pickle=False) as members:
        assert members["image_names"].tolist() == ['Ä, "b".jpg', 'Ä, "b".jpg', "x.png"]
        assert members["frame"].tolist() == [0, 0, 1]
        assert members["keypoint_names"].tolist() == list(info.keypoint_layout.names)
        kept = members["keypoints"]
    np.testing.assert_array_equal(kept, np.concatenate([r.tracks.keypoints for r in results]))


def test_keypoint_json_is_valid_after_every_frame(tmp_path: Path) -> None:
    sink = open_sink(tmp_path / "a.2d.json", run_info())
    for i in range(3):
        assert len(strict((tmp_path / "a.2d.json").read_text())["images"]) == i
        sink.write(half_unseen(result_of(i)))
    sink.close({})
    said = strict((tmp_path / "a.2d.json").read_text())
    assert said["layout"] == "blazepose33"
    assert said["images"][2]["people"][0]["keypoints"][0] is None


def test_openpose_folder(tmp_path: Path) -> None:
    result = half_unseen(result_of(12, people=(4, 9)))
    write(open_sink(f"{tmp_path}/out/", run_info()), [result])
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["a_clip_000000000012_keypoints.json"]
    said = strict((tmp_path / "out" / "a_clip_000000000012_keypoints.json").read_text())
    assert said["version"] == 1.3
    assert [person["person_id"] for person in said["people"]] == [[4], [9]]
    flat = np.array(said["people"][1]["pose_keypoints_2d"]).reshape(25, 3)
    wanted = convert(result.tracks.keypoints[1], result.tracks.layout, BODY25)
    assert (flat[[0, BODY25.names.index("left_small_toe")]] == 0).all(), "unseen, and not in the source's layout"
    seen = np.isfinite(wanted).all(-1)
    assert seen.sum() == 22
    np.testing.assert_allclose(flat[seen], wanted[seen], atol=6e-4)
    solid = np.array(said["people"][1]["pose_keypoints_3d"]).reshape(25, 4)
    elbow, hip = BODY25.names.index("left_elbow"), BODY25.names.index("right_hip")
    np.testing.assert_allclose(solid[elbow], [*result.poses.joints[1, H36M17.names.index("left_elbow")], 1], atol=6e-6)
    assert solid[hip].tolist() == [0, 0, 0, 0]


def test_openpose_neck_is_where_the_thorax_is() -> None:
    joints = result_of(0).poses.joints
    np.testing.assert_array_equal(body25_joints(joints, H36M17)[:, 1, :3], joints[:, 8])


@pytest.mark.parametrize("layout", [COCO17, HALPE26, BODY25])
def test_openpose_takes_other_layouts(tmp_path: Path, layout: Any) -> None:
    write(open_sink(tmp_path / "a.json", run_info(layout=layout)), [result_of(0, layout=layout)])
    (file,) = (tmp_path / "a.json").iterdir()
    assert len(strict(file.read_text())["people"][0]["pose_keypoints_2d"]) == 75


def test_openpose_files_of_images_have_their_names(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    names = ["one.jpg", "two.tar.png", "one.png"]
    results = [result_of(i, name=name) for i, name in enumerate(names)]
    write(open_sink(tmp_path / "a.json", run_info(image_names=True)), results)
    assert sorted(p.name for p in (tmp_path / "a.json").iterdir()) == [
        "one.png_keypoints.json",
        "one_keypoints.json",
        "two.tar_keypoints.json",
    ]
    assert not caplog.text
    open_sink(tmp_path / "a.json", run_info()).close({})
    assert "already holds keypoint files" in caplog.text


@pytest.mark.parametrize(
    ("source", "stem"),
    [
        ("/videos/walk one.mp4", "walk_one"),
        ("rtsp://user@host:554/live/cam.1?token=../../x", "cam"),
        ("0", "0"),
        ("..", "stream3d"),
        ("/a/b/../..", "stream3d"),
        ("C:\\videos\\..\\x.mp4", "C_videos_.._x"),
        ("http://host/", "host"),
        ("é" * 300, "é" * 100),
    ],
)
def test_stem_of_a_source_is_a_plain_file_name(source: str, stem: str) -> None:
    assert safe_stem(source) == stem


def test_people_are_joined_by_identity() -> None:
    result = result_of(0, people=(3, 1, 8))
    poses = result.poses
    moved = Poses3D(
        source_id="s",
        index=0,
        pts=0.0,
        captured_at=0.0,
        joints=poses.joints[[2, 0, 1]],
        sigma=poses.sigma[[2, 0, 1]],
        person=np.array([8, 3, 5], np.int64),
        layout=H36M17,
    )
    people = people_of(dataclasses.replace(result, poses=moved), run_info())
    assert people.person.tolist() == [3, 1, 8, 5]
    np.testing.assert_array_equal(people.joints[[0, 2, 3]], poses.joints[[0, 2, 1]])
    assert np.isnan(people.joints[1]).all(), "person 1 has no skeleton yet"
    assert np.isnan(people.keypoints[3]).all(), "person 5 is not seen in 2D"
    np.testing.assert_array_equal(people.keypoints[:3], result.tracks.keypoints)


@given(st.lists(st.integers(0, 9), unique=True, max_size=6), st.lists(st.integers(0, 9), unique=True, max_size=6))
def test_everybody_is_there_once(seen: list[int], solved: list[int]) -> None:
    tracks, poses = result_of(0, people=seen).tracks, result_of(1, people=solved).poses
    result = dataclasses.replace(result_of(0), tracks=tracks, poses=poses)
    people = people_of(result, run_info())
    assert sorted(people.person.tolist()) == sorted({*seen, *solved})
    for i, person in enumerate(people.person.tolist()):
        assert np.isfinite(people.keypoints[i]).all() == (person in seen)
        if person in solved:
            np.testing.assert_array_equal(people.joints[i], poses.joints[solved.index(person)])


def test_infinities_become_unknown(tmp_path: Path) -> None:
    result = result_of(0)
    joints = result.poses.joints.copy()
    joints[0, 3] = np.inf
    for name in NAMES:
        write(open_sink(tmp_path / name, run_info()), [with_poses(result, joints=joints)])
    assert np.isnan(load_tracks(tmp_path / "a.npz").joints3d[0, 3]).all()
    assert strict((tmp_path / "a.jsonl").read_text())["people"][0]["joints3d"][3] is None


@pytest.mark.parametrize("name", NAMES)
def test_another_layout_or_no_time_is_refused(tmp_path: Path, name: str) -> None:
    sink = open_sink(tmp_path / name, run_info())
    with pytest.raises(ShapeError, match="layout coco17, the run began in blazepose33"):
        sink.write(result_of(0, layout=COCO17))
    with pytest.raises(ShapeError, match="has the time nan"):
        sink.write(result_of(0, pts=float("nan")))
    sink.close({})


@pytest.mark.parametrize("name", ["a.mov", "a", ".npz", "a.npz.gz", "", "a.2d"])
def test_unknown_ending_lists_the_known(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for call in (check_writable, lambda path: open_sink(path, run_info())):
        with pytest.raises(SettingsError, match=r"\.npz, \.jsonl, \.csv, \.mp4, \.json/") as caught:
            call(name or "x" * 9)
        assert repr(name or "x" * 9) in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_known_endings_are_all_there() -> None:
    assert set(known_endings()) == {".2d.npz", ".2d.json", ".npz", ".jsonl", ".csv", ".mp4", ".json/"}


@pytest.mark.parametrize("name", [*NAMES, "A.NPZ", "folder/"])
def test_check_leaves_nothing_behind(tmp_path: Path, name: str) -> None:
    check_writable(f"{tmp_path}/{name}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", NAMES)
def test_missing_folder_is_said_before_work_begins(tmp_path: Path, name: str) -> None:
    for call in (check_writable, lambda path: open_sink(path, run_info())):
        with pytest.raises(SinkError, match=f"the folder {tmp_path}/no does not exist; create it first"):
            call(tmp_path / "no" / name)


@pytest.mark.parametrize("name", NAMES)
def test_read_only_folder_is_said(tmp_path: Path, name: str) -> None:
    tmp_path.chmod(0o555)
    user = os.geteuid()
    if user == 0:  # root may write anywhere
        os.seteuid(65534)
    try:
        with pytest.raises(SinkError, match=rf"cannot write .*{name}: Permission denied"):
            check_writable(tmp_path / name)
    finally:
        os.seteuid(user)
        tmp_path.chmod(0o755)


def test_folder_in_place_of_a_file_and_the_other_way_round(tmp_path: Path) -> None:
    (tmp_path / "a.npz").mkdir()
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(SinkError, match=r"a\.npz: it is a folder"):
        check_writable(tmp_path / "a.npz")
    with pytest.raises(SinkError, match=r"a\.json: it is a file, and OpenPose's JSON is a folder"):
        check_writable(tmp_path / "a.json")
    check_writable(tmp_path)  # an existing folder takes OpenPose's JSON


def test_full_disk_is_said_before_work_begins(tmp_path: Path) -> None:
    with files_limited_to(1000), pytest.raises(SinkError, match=r"a\.csv: File too large"):
        check_writable(tmp_path / "a.csv")


@pytest.mark.parametrize("name", ["a.npz", "a.2d.npz", *TEXTS])
def test_file_of_another_run_is_not_written_by_two(tmp_path: Path, name: str) -> None:
    first = open_sink(tmp_path / name, run_info())
    first.write(result_of(0))
    for call in (check_writable, lambda path: open_sink(path, run_info())):
        with pytest.raises(SinkError, match="another process is writing it"):
            call(tmp_path / name)
    first.close({})
    open_sink(tmp_path / name, run_info()).close({})


@pytest.mark.parametrize("name", TEXTS)
def test_full_disk_keeps_whole_frames(tmp_path: Path, name: str) -> None:
    sink = open_sink(tmp_path / name, run_info())
    written = 0
    with files_limited_to(20_000):
        while True:
            try:
                sink.write(result_of(written))
            except SinkError as error:
                assert f"{name}: File too large" in str(error)  # noqa: PT017 (what comes before it is counted)
                break
            written += 1
    sink.close({})
    text = (tmp_path / name).read_text()
    if name == "a.csv":
        assert [len(row) for row in csv.reader(text.splitlines())] == [170] * (written + 1)
    elif name == "a.jsonl":
        assert [strict(line)["frame"] for line in text.splitlines()] == list(range(written))
    else:
        assert [image["frame"] for image in strict(text)["images"]] == list(range(written))
    assert written > 3


def test_disk_full_at_the_end_keeps_the_journal(tmp_path: Path) -> None:
    sink = open_sink(tmp_path / "a.npz", run_info())
    for i in range(20):
        sink.write(result_of(i))
    with files_limited_to(4000), pytest.raises(SinkError, match=r"its rows are safe in .*a\.npz\.journal"):
        sink.close({})
    assert len(load_tracks(recover(tmp_path / "a.npz.journal"))) == 20


def test_full_disk_leaves_no_half_openpose_file(tmp_path: Path) -> None:
    sink = open_sink(tmp_path / "a.json", run_info())
    with files_limited_to(500), pytest.raises(SinkError, match="File too large"):
        sink.write(result_of(0))
    assert list((tmp_path / "a.json").iterdir()) == []


def test_journal_of_a_killed_run_is_kept(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    code = """
import sys, time
from tests.sink_scenes import result_of, run_info
from stream3d.sinks import open_sink
sink = open_sink(sys.argv[1], run_info())
sink.write(result_of(0)); sink.write(result_of(1))
print("ready", flush=True)
time.sleep(60)
"""
    killed_after(0.0, code, tmp_path / "a.npz")
    write(open_sink(tmp_path / "a.npz", run_info()), [result_of(5)])
    assert "a run that was killed left" in caplog.text
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.npz", "a.npz.journal.1"]
    assert load_tracks(tmp_path / "a.npz").frame.tolist() == [5]
    assert load_tracks(recover(tmp_path / "a.npz.journal.1", tmp_path / "b.npz")).frame.tolist() == [0, 1]


def test_journal_that_cannot_be_read_is_kept_too(tmp_path: Path) -> None:
    (tmp_path / "a.npz.journal").write_bytes(b"what is this?")
    open_sink(tmp_path / "a.npz", run_info()).close({})
    assert (tmp_path / "a.npz.journal.1").read_bytes() == b"what is this?"


def test_keypoint_journal_is_recovered(tmp_path: Path) -> None:
    sink = open_sink(tmp_path / "a.2d.npz", run_info(image_names=True))
    sink.write(result_of(0, name="x.jpg"))
    (tmp_path / "copy.2d.npz.journal").write_bytes((tmp_path / "a.2d.npz.journal").read_bytes())
    with np.load(recover(tmp_path / "copy.2d.npz.journal")) as members:
        assert members["image_names"].tolist() == ["x.jpg"]
    sink.close({})


@pytest.mark.parametrize(
    "bad",
    [{"max_side": 10}, {"min_score": 1.5}, {"crf": 99}, {"preset": "placebo"}, {"threads": -1}],
)
def test_settings_out_of_range_are_refused(bad: dict[str, Any]) -> None:
    ((name, value),) = bad.items()
    with pytest.raises(SettingsError, match=f"{name} must be .*{value}"):
        OverlaySettings(**bad)
