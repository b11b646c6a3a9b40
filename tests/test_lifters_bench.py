"""Lifters side by side: figures that need no truth, and the video."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from benchmarks import lifters
from benchmarks.lifting import Person, Seen, people_of
from benchmarks.panels import Window
from stream3d.geometry import Camera, project
from stream3d.skeleton import BLAZEPOSE33, H36M17
from stream3d.trackfile import replacing_npz
from stream3d.values import Poses3D, Tracks2D
from tests.clips import write_clip
from tests.walker import walker

CAMERA = Camera.from_fov(640, 480, 50.0)
SHARED = [name for name in H36M17.names if name in BLAZEPOSE33.names and name != "nose"]


def before_camera(frames: int) -> np.ndarray:
    """The walker 4 m in front of a camera, float32 [T, 17, 3]."""
    points = walker(frames, fps=30.0)[:, :17] - walker(1)[0, 0]
    return (points[..., [0, 2, 1]] * [1, -1, 1] + [0, 0, 4]).astype(np.float32)


def keypoints_of(joints: np.ndarray) -> np.ndarray:
    out = np.full((len(joints), BLAZEPOSE33.size, 3), np.nan, np.float32)
    out[..., 2] = 0
    for name in SHARED:
        out[:, BLAZEPOSE33.names.index(name), :2] = project(joints[:, H36M17.names.index(name)], CAMERA)
        out[:, BLAZEPOSE33.names.index(name), 2] = 1
    return out


def person(joints: np.ndarray, rows: np.ndarray | None = None) -> Person:
    rows = np.arange(len(joints)) if rows is None else rows
    return Person(
        person=1, rows=rows, time=rows / 30, joints=joints, keypoints=keypoints_of(before_camera(len(joints)))
    )


def figures(joints: np.ndarray, rows: np.ndarray | None = None) -> dict[str, float]:
    return lifters.figures([person(joints, rows)], CAMERA)


def test_a_statue_stands_still_on_its_keypoints() -> None:
    still = np.repeat(before_camera(1), 40, 0)
    found = lifters.figures(
        [Person(person=1, rows=np.arange(40), time=np.arange(40) / 30, joints=still, keypoints=keypoints_of(still))],
        CAMERA,
    )
    assert found["frames"] == 40
    for figure in ("inconstancy_%", "jerk_m_s3", "foot_m_s", "off_2d_%"):
        assert found[figure] == pytest.approx(0, abs=1e-2), figure


def test_what_shakes_breathes_slides_or_strays_is_told() -> None:
    plain = before_camera(60)
    good = figures(plain)
    shaken = plain + np.random.default_rng(0).normal(0, 0.01, plain.shape).astype(np.float32)
    assert figures(shaken)["jerk_m_s3"] > 10 * good["jerk_m_s3"]
    breathing = plain * (1 + 0.1 * np.sin(np.arange(60) / 3))[:, None, None].astype(np.float32)
    assert figures(breathing)["inconstancy_%"] > good["inconstancy_%"] + 5
    sliding = plain + (np.arange(60) / 30)[:, None, None].astype(np.float32) * np.float32([1, 0, 0])
    still = np.repeat(plain[:1], 60, 0) + sliding - plain
    assert figures(still)["foot_m_s"] == pytest.approx(1.0, abs=0.01)


def test_what_stands_off_its_keypoints_is_told_in_shares_of_the_person() -> None:
    still = np.repeat(before_camera(1), 40, 0)
    there = keypoints_of(still)
    height = np.nanmax(there[0, :, 1]) - np.nanmin(there[0, :, 1])
    aside = Person(
        person=1, rows=np.arange(40), time=np.arange(40) / 30, joints=still + np.float32([0.1, 0, 0]), keypoints=there
    )
    expected = 100 * 0.1 / still[0, 0, 2] * CAMERA.fx / height
    assert lifters.figures([aside], CAMERA)["off_2d_%"] == pytest.approx(expected, rel=0.03)


def test_gaps_are_no_motion() -> None:
    plain = before_camera(60)
    rows = np.concatenate([np.arange(30), np.arange(100, 130)])
    torn = plain.copy()
    torn[30:] += 1.0  # somewhere else after the gap
    still = figures(np.repeat(plain[:1], 60, 0) + (torn - plain), rows)
    assert still["jerk_m_s3"] == pytest.approx(0, abs=0.5)
    assert still["foot_m_s"] == pytest.approx(0, abs=1e-3)


def test_people_seen_for_a_moment_do_not_count() -> None:
    assert lifters.figures([person(before_camera(5))], CAMERA) == {"frames": 0}
    assert figures(before_camera(25))["frames"] == 25


def scene(frames: int) -> tuple[Seen, list[Poses3D]]:
    joints = before_camera(frames)
    keypoints = keypoints_of(joints)
    stamp = [{"source_id": "a", "index": t, "pts": t / 10, "captured_at": 0.0} for t in range(frames)]
    tracks = tuple(
        Tracks2D(**stamp[t], keypoints=keypoints[t : t + 1], layout=BLAZEPOSE33, person=np.array([3]))
        for t in range(frames)
    )
    poses = [
        Poses3D(
            **stamp[t],
            joints=joints[t : t + 1],
            sigma=np.ones((1, 17), np.float32),
            person=np.array([3]),
            layout=H36M17,
        )
        for t in range(frames)
    ]
    nobody = np.full_like(poses[1].joints, np.nan)
    poses[1] = Poses3D(**stamp[1], joints=nobody, sigma=nobody[..., 0], person=np.array([3]), layout=H36M17)
    return Seen(tracks=tracks, size=(640, 480), fps=10.0), poses


def test_people_are_gathered_from_the_frames_they_were_lifted_in() -> None:
    (who,) = people_of(*scene(5))
    assert who.rows.tolist() == [0, 2, 3, 4]
    np.testing.assert_allclose(who.time, [0, 0.2, 0.3, 0.4])
    assert who.joints.shape == (4, 17, 3)


def test_what_another_version_stored_is_compared_frame_by_frame(tmp_path: Path) -> None:
    seen, poses = scene(30)
    known = [0, *range(2, 30)]
    names = {"keypoint_names": BLAZEPOSE33.names, "joint_names": H36M17.names}
    with replacing_npz(tmp_path / "clip.npz") as file:
        for name, array in {
            "frame": np.array(known),
            "time": np.array([poses[t].pts for t in known]),
            "person": np.full(len(known), 3),
            "keypoints2d": np.concatenate([seen.tracks[t].keypoints for t in known]),
            "joints3d": np.concatenate([poses[t].joints for t in known]) + np.float32([0, 0, 1]),
            "sigma": np.ones((len(known), 17), np.float32),
            **{name: np.array(value) for name, value in names.items()},
            "meta": np.array("{}"),
        }.items():
            file.add(name, array)
    own, other = lifters.lifted(str(tmp_path), "clip.mp4", seen, "none")
    assert [len(those) for those in other] == [1, 0] + [1] * 28
    np.testing.assert_allclose(other[7].joints, poses[7].joints + np.float32([0, 0, 1]))
    assert lifters.figures(people_of(own, other), CAMERA)["frames"] == 29


def test_windows_follow_people_slowly_and_keep_their_size() -> None:
    _, poses = scene(30)
    windows = lifters.windows_of(poses)
    assert len({window.radius for window in windows}) == 1
    assert np.isfinite([window.centre for window in windows]).all()
    at = Window(centre=np.array([1.0, 2.0, 3.0]), radius=2.0).pixels(
        np.array([[1.0, 2.0, 3.0], [3.0, 0.0, 3.0]]), (0, 1), 100
    )
    np.testing.assert_allclose(at, [[50, 50], [100, 0]])


def test_the_video_shows_every_frame_and_every_lifter(tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.mp4", size=(640, 480))
    seen, poses = scene(12)
    lifters.draw_video(tmp_path / "out.mp4", str(tmp_path / "clip.mp4"), seen, {"old": poses, "new": poses})
    with av.open(str(tmp_path / "out.mp4")) as video:
        frames = [frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)]
    assert len(frames) == 12
    assert frames[0].shape == (540, 720 + 2 * 270, 3)
    old, new = frames[5][30:, 720:990].astype(int), frames[5][30:, 990:].astype(int)
    assert np.abs(old - new).mean() < 5  # the same skeleton but for the name
    assert old[..., 0].max() > 200
    assert old.std() > 10


def test_the_table_has_a_row_per_clip_and_lifter() -> None:
    found = figures(before_camera(30))
    lines = lifters.report({"a.mp4": {"old": found, "new": {"frames": 0}}}).splitlines()
    assert lines[1].split()[:3] == ["a.mp4", "old", "30"]
    assert lines[2].split()[:4] == ["a.mp4", "new", "0", "–"]
