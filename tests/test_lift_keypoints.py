"""The user's own keypoints: what is read, what is refused, what is written."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stream3d.errors import SettingsError, SinkError, TrackFileError
from stream3d.geometry import Camera
from stream3d.lift import KeypointOptions, Lifter, lift_file, read_keypoints
from stream3d.lift import keypoints as keypoints_module
from stream3d.skeleton import H36M17
from stream3d.trackfile.npz import NpzWriter
from tests.test_lift_room import KnownEngine, standing


def keypoints(frames: int = 5, *people: int) -> np.ndarray:
    pose = standing((0.0, 0.0, 5.0), KnownEngine())
    return np.tile(pose, (frames, *people, 1, 1))


def saved(folder: Path, **arrays: object) -> Path:
    given_arrays = {"keypoints": keypoints(), "layout": "h36m17", "fps": 25.0, "width": 1280, "height": 720}
    given_arrays |= arrays
    path = folder / "in.npz"
    np.savez(path, **{name: np.array(value) for name, value in given_arrays.items() if value is not None})
    return path


def test_an_npz_is_read_as_the_page_says(tmp_path: Path) -> None:
    sequence = read_keypoints(saved(tmp_path, focal=1000.0))
    assert sequence.keypoints.shape == (5, 1, 17, 3)
    np.testing.assert_allclose(sequence.time, np.arange(5) / 25)
    camera = sequence.camera
    assert (camera.fx, camera.cx, camera.width, camera.height) == (1000.0, 640.0, 1280, 720)
    assert "in.npz" in camera.origin
    assert sequence.single
    frames = list(sequence.tracks())
    assert [frame.index for frame in frames] == list(range(5))
    assert frames[2].pts == pytest.approx(0.08)
    assert frames[0].person.tolist() == [0]


def test_several_people_and_gaps(tmp_path: Path) -> None:
    points = keypoints(5, 2)
    points[2, 1, :, :2] = np.nan
    sequence = read_keypoints(saved(tmp_path, keypoints=points, time=[0.0, 0.1, 0.15, 0.3, 0.31], fps=None))
    assert [frame.person.tolist() for frame in sequence.tracks()] == [[0, 1], [0, 1], [0], [0, 1], [0, 1]]
    assert [frame.pts for frame in sequence.tracks()] == [0.0, 0.1, 0.15, 0.3, 0.31]


def test_options_overrule_the_file(tmp_path: Path) -> None:
    sequence = read_keypoints(saved(tmp_path), KeypointOptions(fps=50.0, width=640, height=480, focal=700.0))
    assert sequence.time[1] == pytest.approx(0.02)
    assert (sequence.camera.width, sequence.camera.fx) == (640, 700.0)
    camera = Camera.from_fov(100, 100)
    assert read_keypoints(saved(tmp_path), KeypointOptions(camera=camera)).camera is camera


def test_a_missing_size_is_guessed_aloud(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    points = keypoints()
    points[0, 0, :2] = (1500.0, 700.0)
    sequence = read_keypoints(saved(tmp_path, keypoints=points, width=None))
    assert (sequence.camera.width, sequence.camera.height) == (1920, 1080)
    assert "1920 × 1080" in sequence.notes[0]
    assert "1920 × 1080" in caplog.text


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"keypoints": None}, "no array `keypoints`"),
        ({"keypoints": np.zeros((5, 16, 3))}, r"\[frames, 17, 3\].*\[5, 16, 3\]"),
        ({"keypoints": np.zeros((5, 17, 2))}, r"\[5, 17, 2\]"),
        ({"keypoints": np.zeros((0, 17, 3))}, "0 frames"),
        ({"keypoints": np.zeros((2, 65, 17, 3))}, "65 people"),
        ({"keypoints": np.full((5, 17, 3), np.inf)}, "infinite"),
        ({"keypoints": np.full((5, 17, 3), "x")}, "numbers"),
        ({"layout": None}, "no layout"),
        ({"layout": "h36m"}, "unknown layout 'h36m'.*h36m17"),
        ({"layout": 17}, "one string"),
        ({"fps": None}, "neither `fps` nor `time`"),
        ({"fps": 0.0}, "`fps` must be a positive number, not 0"),
        ({"fps": np.nan}, "`fps` must be a positive number"),
        ({"fps": [25.0, 30.0]}, "one number"),
        ({"time": [0.0, 1.0]}, "5 numbers"),
        ({"time": [0.0, 2.0, 1.0, 3.0, 4.0]}, "rise"),
        ({"time": [0.0, 1.0, np.nan, 3.0, 4.0]}, "rise"),
        ({"width": -5}, "`width`"),
        ({"focal": 0}, "`focal`"),
    ],
)
def test_malformed_arrays_are_refused_in_one_line(tmp_path: Path, wrong: dict[str, object], told: str) -> None:
    with pytest.raises(TrackFileError, match=told) as error:
        read_keypoints(saved(tmp_path, **wrong))
    assert "in.npz" in str(error.value)
    assert "\n" not in str(error.value)


def test_objects_are_never_unpickled(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return pytest.fail, ("unpickled",)

    path = tmp_path / "in.npz"
    np.savez(path, keypoints=np.array([Bomb()], object))
    with pytest.raises(TrackFileError, match=r"in\.npz"):
        read_keypoints(path)


def test_what_is_no_keypoint_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrackFileError, match="no such file"):
        read_keypoints(tmp_path / "nowhere.npz")
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(TrackFileError, match=r"cannot be read as \.npz"):
        read_keypoints(tmp_path / "text.npz")
    with pytest.raises(TrackFileError, match=r"\.npz file or a folder"):
        read_keypoints(tmp_path / "video.mp4")


def test_an_archive_that_swells_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keypoints_module, "LARGEST_BYTES", 1000)
    with pytest.raises(TrackFileError, match="limit of 1000"):
        read_keypoints(saved(tmp_path))


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.floats(0, 1), byte=st.integers(0, 255), cut=st.booleans())
def test_damaged_files_are_refused_or_read_but_never_crash(
    tmp_path: Path, position: float, byte: int, cut: bool
) -> None:
    raw = bytearray(saved(tmp_path).read_bytes())
    place = int(position * (len(raw) - 1))
    raw[place] = byte
    path = tmp_path / "damaged.npz"
    path.write_bytes(raw[:place] if cut else raw)
    try:
        read_keypoints(path)
    except TrackFileError as error:
        assert "damaged.npz" in str(error)  # noqa: PT017 (either outcome is right)


def openpose(folder: Path, frames: dict[int, list[np.ndarray]]) -> Path:
    for number, people in frames.items():
        content = {"version": 1.3, "people": [{"pose_keypoints_2d": p.reshape(-1).tolist()} for p in people]}
        (folder / f"clip_{number:012d}_keypoints.json").write_text(json.dumps(content))
    return folder


def pose25(x: float, y: float = 200.0) -> np.ndarray:
    rng = np.random.default_rng(1)
    return np.concatenate([rng.uniform((x, y), (x + 100, y + 100), (25, 2)), np.full((25, 1), 0.8)], 1)


OPTIONS = KeypointOptions(fps=30.0, width=640, height=480)


def test_openpose_people_keep_their_columns_though_their_order_changes(tmp_path: Path) -> None:
    left, right = pose25(50), pose25(400)
    frames = {10: [left, right], 11: [right + 1, left + 1], 13: [right + 2], 14: [left + 3, right + 3]}
    sequence = read_keypoints(openpose(tmp_path, frames), OPTIONS)
    assert sequence.keypoints.shape == (4, 2, 25, 3)
    np.testing.assert_allclose(sequence.time, np.array([0, 1, 3, 4]) / 30)
    assert (sequence.keypoints[[0, 1, 3], 0, :, 0] < 200).all()
    assert np.isnan(sequence.keypoints[2, 0]).any()
    assert (sequence.keypoints[:, 1, :, 0] > 300).all()
    assert sequence.layout.name == "body25"


def test_openpose_zeros_are_missing(tmp_path: Path) -> None:
    pose = pose25(50)
    pose[4] = 0
    sequence = read_keypoints(openpose(tmp_path, {0: [pose], 1: []}), OPTIONS)
    assert np.isnan(sequence.keypoints[0, 0, 4, :2]).all()
    assert [len(frame) for frame in sequence.tracks()] == [1, 0]


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("a_1.json", "{", "not OpenPose JSON"),
        ("a_1.json", "[]", "not OpenPose JSON"),
        ("a_1.json", '{"people": [{"pose_keypoints_2d": ["x"]}]}', "not OpenPose JSON"),
        ("a_1.json", '{"people": [{"pose_keypoints_2d": [1, 2, 3]}]}', "3 numbers, body25 has 75"),
        ("a.json", '{"people": []}', "no frame number"),
        ("a_1.txt", "", "holds 0 .json files"),
    ],
)
def test_malformed_openpose_is_refused(tmp_path: Path, name: str, text: str, told: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(TrackFileError, match=told):
        read_keypoints(tmp_path, OPTIONS)


def test_openpose_needs_a_rate_and_one_video(tmp_path: Path) -> None:
    openpose(tmp_path, {3: [pose25(50)]})
    with pytest.raises(TrackFileError, match="--fps"):
        read_keypoints(tmp_path, KeypointOptions(width=640, height=480))
    (tmp_path / "other_3.json").write_text('{"people": []}')
    with pytest.raises(TrackFileError, match="one video"):
        read_keypoints(tmp_path, OPTIONS)


def test_a_file_is_lifted_frame_by_frame(tmp_path: Path) -> None:
    points = keypoints(4)
    points[2, :, :2] = np.nan
    told: list[tuple[int, int]] = []
    target = tmp_path / "out.npz"
    lift_file(
        saved(tmp_path, keypoints=points), target, Lifter(KnownEngine()), progress=lambda *done: told.append(done)
    )
    with np.load(target, allow_pickle=False) as out:
        assert out["joints3d"].shape == (4, 17, 3)
        assert out["joints3d"].dtype == np.float32
        assert out["sigma"].shape == (4, 17)
        assert np.isnan(out["joints3d"][2]).all()
        assert np.isfinite(out["joints3d"][[0, 1, 3]]).all()
        assert out["joint_names"].tolist() == list(H36M17.names)
        np.testing.assert_allclose(out["time"], np.arange(4) / 25)
        meta = json.loads(str(out["meta"]))
    assert meta["height_m"] == 1.70
    assert meta["engine"] == {"runtime": "known"}
    assert "field of view" in meta["camera"]["origin"]
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.npz", "out.npz"]


def test_people_keep_their_axis_and_their_columns(tmp_path: Path) -> None:
    points = keypoints(3, 2)
    points[1, 0, :, :2] = np.nan
    lift_file(saved(tmp_path, keypoints=points), tmp_path / "out.npz", Lifter(KnownEngine()))
    with np.load(tmp_path / "out.npz", allow_pickle=False) as out:
        assert out["joints3d"].shape == (3, 2, 17, 3)
        assert np.isnan(out["joints3d"][1, 0]).all()
        assert np.isfinite(out["joints3d"][1, 1]).all()


def test_a_smoother_sees_every_frame(tmp_path: Path) -> None:
    seen = []
    lifter = Lifter(KnownEngine())
    lift_file(saved(tmp_path), tmp_path / "out.npz", lifter, smooth=lambda poses: (seen.append(poses.pts), poses)[1])
    np.testing.assert_allclose(seen, np.arange(5) / 25)


def test_the_input_is_never_overwritten_nor_another_kind_of_file(tmp_path: Path) -> None:
    path = saved(tmp_path)
    before = path.read_bytes()
    with pytest.raises(SettingsError, match="overwrite"):
        lift_file(path, path, Lifter(KnownEngine()))
    with pytest.raises(SettingsError, match=r"\.npz"):
        lift_file(path, tmp_path / "out.csv", Lifter(KnownEngine()))
    with pytest.raises(SinkError, match="does not exist"):
        lift_file(path, tmp_path / "nowhere" / "out.npz", Lifter(KnownEngine()))
    assert path.read_bytes() == before


def test_a_failing_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path)

    def full(self: NpzWriter, name: str, array: np.ndarray) -> None:
        if name == "time":
            raise OSError(28, "No space left on device")
        add(self, name, array)

    add = NpzWriter.add
    monkeypatch.setattr(NpzWriter, "add", full)
    with pytest.raises(SinkError, match="No space left"):
        lift_file(path, tmp_path / "out.npz", Lifter(KnownEngine()))
    assert [p.name for p in tmp_path.iterdir()] == ["in.npz"]


def test_a_zip_that_is_no_npz_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "in.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(TrackFileError, match="no array `keypoints`"):
        read_keypoints(path)


def test_other_members_and_orders_do_not_matter(tmp_path: Path) -> None:
    """Objects beside what is asked for stay packed; columns may come first, as from MATLAB or a transpose."""
    points = np.asfortranarray(keypoints())
    path = saved(tmp_path, keypoints=points, notes=np.array([{"who": "me"}], object))
    np.testing.assert_array_equal(read_keypoints(path).keypoints[:, 0], keypoints())
