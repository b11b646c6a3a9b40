"""The overlay video: pixels where they belong, true times, readable after kills and full disks."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from stream3d.errors import SinkError
from stream3d.sinks import OverlaySettings, SinkSettings, open_sink
from stream3d.sinks.draw import SIDE_COLOURS, Pen, bones_of, draw_skeleton, draw_tag, person_colour
from stream3d.sinks.encoder import VideoFile, even_size
from stream3d.sinks.inset import Inset, View
from stream3d.sinks.overlay import Painter, fit_into
from stream3d.sinks.people import People, people_of
from stream3d.skeleton import BLAZEPOSE33, BODY25, COCO17, H36M17, LAYOUTS
from stream3d.values import Result
from tests.sink_scenes import files_limited_to, killed_after, result_of, run_info

Picture = npt.NDArray[np.uint8]
GREY = 90
PLAIN = OverlaySettings(inset=False)


def grey(width: int, height: int) -> Picture:
    return np.full((height, width, 3), GREY, np.uint8)


def posed(points: dict[str, tuple[float, float]], *, image: Picture, score: float = 1.0, index: int = 0) -> Result:
    """One person of whom only the named keypoints are seen."""
    result = result_of(index, image=image)
    keypoints = np.full((1, 33, 3), np.nan, np.float32)
    for name, at in points.items():
        keypoints[0, BLAZEPOSE33.names.index(name)] = (*at, score)
    return dataclasses.replace(result, tracks=dataclasses.replace(result.tracks, keypoints=keypoints))


def painted(result: Result, size: tuple[int, int] | None = None, overlay: OverlaySettings = PLAIN) -> Picture:
    width, height = size or result.frame.size
    return Painter((width, height), run_info(width=width, height=height), overlay)(result)


def times_of(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [frame.time for frame in container.decode(video=0)]


@pytest.mark.parametrize(("name", "side"), [("left_wrist", "left"), ("right_wrist", "right"), ("nose", "middle")])
def test_joint_has_its_side_colour_at_its_place(name: str, side: str) -> None:
    picture = painted(posed({name: (300.5, 200.5), "right_heel": (900.0, 700.0)}, image=grey(1280, 720)))
    assert tuple(picture[200, 300]) == SIDE_COLOURS[side]
    assert tuple(picture[200, 320]) == (GREY, GREY, GREY)


def test_keypoints_are_pixel_centred() -> None:
    canvas = grey(100, 100)
    points = np.full((33, 3), np.nan, np.float32)
    points[0] = (50.5, 40.5, 1)
    draw_skeleton(canvas, points, BLAZEPOSE33, pen=Pen(line=3, text=0.5), min_score=0)
    ink = np.abs(canvas.astype(float) - GREY).sum(-1)
    middle = [float((ink.sum(1 - axis) * np.arange(100)).sum() / ink.sum()) for axis in (0, 1)]
    assert middle == pytest.approx([40, 50], abs=0.15), "pixel 50 reaches from 50.0 to 51.0"


def test_bone_is_drawn_between_its_joints() -> None:
    seen = {"left_elbow": (300.0, 200.0), "left_wrist": (300.0, 400.0), "right_elbow": (500.0, 200.0)}
    picture = painted(posed(seen, image=grey(1280, 720)))
    assert tuple(picture[300, 300]) == SIDE_COLOURS["left"]
    assert tuple(picture[300, 500]) == (GREY,) * 3, "the right wrist is not seen"
    assert tuple(picture[200, 400]) == (GREY,) * 3, "elbows are no bone"


def test_shoulders_are_joined_in_neutral_colour() -> None:
    seen = {"left_shoulder": (500.0, 200.0), "right_shoulder": (300.0, 200.0), "left_hip": (500.0, 500.0)}
    assert tuple(painted(posed(seen, image=grey(1280, 720)))[200, 400]) == SIDE_COLOURS["middle"]


def test_unsure_keypoints_are_left_out() -> None:
    seen = {"left_elbow": (300.0, 200.0), "left_wrist": (300.0, 400.0)}
    clock_only = painted(posed({}, image=grey(640, 480)))
    np.testing.assert_array_equal(painted(posed(seen, image=grey(640, 480), score=0.29)), clock_only)
    assert (painted(posed(seen, image=grey(640, 480), score=0.31)) != clock_only).any()


def test_people_have_their_own_tags() -> None:
    canvas = grey(640, 480)
    points = np.array([[200, 150, 1], [300, 400, 1]], np.float32)
    draw_tag(canvas, points, 7, pen=Pen.for_height(480), min_score=0.3)
    assert (canvas == person_colour(7)).all(-1).sum() > 200
    assert len({person_colour(i) for i in range(8)}) == 8


def test_the_frame_itself_is_not_touched() -> None:
    result = result_of(0, image=grey(640, 480))
    painted(result, overlay=OverlaySettings())
    assert (result.frame.image == GREY).all()
    result.frame.image.setflags(write=False)
    painted(result)


def test_clock_shows_in_the_corner() -> None:
    first, second = (painted(posed({}, image=grey(640, 480), index=i)) for i in (0, 31))
    changed = np.argwhere((first != second).any(-1))
    assert len(changed)
    assert changed.max(0)[0] < 40
    assert changed.max(0)[1] < 320


def test_picture_of_another_shape_gets_borders() -> None:
    canvas = np.full((200, 400, 3), 7, np.uint8)
    scale, shift = fit_into(canvas, grey(100, 200))
    assert (canvas[:, 150:250] == GREY).all()
    assert (canvas[:, :150] == 0).all()
    assert (scale.tolist(), shift.tolist()) == ([1, 1], [150, 0])


@given(st.integers(1, 400), st.integers(1, 400), st.sampled_from([(64, 48), (48, 64), (16, 16)]))
def test_fitted_pixels_stay_inside_and_where_they_belong(width: int, height: int, size: tuple[int, int]) -> None:
    canvas = np.full((size[1], size[0], 3), 7, np.uint8)
    scale, shift = fit_into(canvas, grey(width, height))
    assert not (canvas == 7).any(), "nothing is left of the picture before"
    corners = scale * np.array([[0, 0], [width, height]], np.float32) + shift
    assert (corners[0] >= 0).all()
    assert (corners[1] <= np.array(size) + 1e-3).all()
    assert (np.ptp(corners, axis=0) >= np.array(size) - 1e-3).any(), "it fills one side"


def test_keypoints_follow_the_picture_into_its_place() -> None:
    seen = {"left_elbow": (50.0, 20.0), "left_wrist": (50.0, 180.0)}
    picture = painted(posed(seen, image=grey(100, 200)), size=(1200, 600))
    assert tuple(picture[300, 600]) == SIDE_COLOURS["left"]


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=lambda layout: layout.name)
def test_every_layout_can_be_drawn(layout: Any) -> None:
    bones = bones_of(layout)
    assert len(bones.pairs) == len(bones.sides) >= layout.size - 4
    assert len(bones.joint_sides) == len(bones.fine) == layout.size
    pairs = {frozenset((layout.names[a], layout.names[b])) for a, b in bones.pairs}
    linked = {frozenset(("left_shoulder", "right_shoulder")) in pairs, bool({"neck", "thorax"} & set(layout.names))}
    assert linked == {True, False}


@settings(max_examples=60, deadline=None)
@given(
    keypoints=hnp.arrays(np.float32, (2, 33, 3), elements=st.floats(width=32)),
    joints=hnp.arrays(np.float32, (2, 17, 3), elements=st.floats(width=32)),
)
def test_nothing_that_a_net_may_say_stops_the_drawing(keypoints: Any, joints: Any) -> None:
    result = result_of(0, people=(1, -5), image=grey(320, 240))
    result = dataclasses.replace(
        result,
        tracks=dataclasses.replace(result.tracks, keypoints=keypoints),
        poses=dataclasses.replace(result.poses, joints=joints),
    )
    assert painted(result, overlay=OverlaySettings()).shape == (240, 320, 3)


def standing(x: float, z: float) -> npt.NDArray[np.float32]:
    """A person on a floor 1 m below the camera: feet, knees, … up to the head at 1.7 m, the left side at larger x."""
    heights = [0.95, 0.95, 0.5, 0.05, 0.95, 0.5, 0.05, 1.2, 1.4, 1.6, 1.7, 1.4, 1.15, 0.9, 1.4, 1.15, 0.9]
    sides = [0, -1, -1, -1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 1, -1, -1, -1]
    return np.stack([x + 0.15 * np.array(sides), 1.0 - np.array(heights), np.full(17, z)], -1).astype(np.float32)


def crowd(*places: tuple[float, float]) -> People:
    result = result_of(0, people=tuple(range(1, 1 + len(places))))
    joints = np.stack([standing(*place) for place in places])
    return people_of(dataclasses.replace(result, poses=dataclasses.replace(result.poses, joints=joints)), run_info())


def test_view_has_up_above_far_behind_and_right_to_the_right() -> None:
    view = View(centre=np.array([0.0, 1.0, 4.0]), radius=2.0)
    pixels, depth = view.project(np.array([[0, 1, 4], [0, -0.7, 4], [1, 1, 4], [0, 1, 5.0]]), (200, 200))
    foot, head, right, far = pixels
    assert head[1] < foot[1]
    assert right[0] > foot[0]
    assert far[1] < foot[1]
    assert depth[3] > depth[0]


def test_inset_is_in_the_corner_and_shows_everybody() -> None:
    canvas = grey(1280, 720)
    Inset(H36M17).draw(canvas, crowd((-2, 4), (2, 6)), 0.0)
    changed = np.argwhere((canvas != GREY).any(-1))
    assert (changed.min(0) > (400, 900)).all()
    for person in (1, 2):
        ring = np.argwhere((np.abs(canvas.astype(int) - person_colour(person)) < 12).all(-1))
        assert len(ring) > 10
    for side in ("left", "right"):
        assert (np.abs(canvas.astype(int) - SIDE_COLOURS[side]) < 40).all(-1).sum() > 50


def test_inset_settles_by_media_time_and_not_by_frames() -> None:
    def view_after(steps: int) -> View:
        inset = Inset(H36M17)
        inset.draw(grey(640, 480), crowd((0, 4)), 0.0)
        for i in range(steps):
            inset.draw(grey(640, 480), crowd((3, 8)), (i + 1) / steps)
        assert inset._view is not None
        return inset._view

    one, many = view_after(1), view_after(30)
    np.testing.assert_allclose(one.centre, many.centre, atol=1e-9)
    assert 1.5 < one.centre[0] < 3.0, "1 s is 1.7 time constants"


def test_inset_is_left_out_of_small_pictures() -> None:
    canvas = grey(100, 80)
    Inset(H36M17).draw(canvas, crowd((0, 4)), 0.0)
    assert (canvas == GREY).all()


@pytest.mark.parametrize("pts", [[0, 0.04, 0.05, 0.31, 0.3101, 2.0, 7.25, 7.2834], [i / 29.97 for i in range(40)]])
@pytest.mark.parametrize("start", [0.0, 5000.123])
def test_times_are_the_medias_own(tmp_path: Path, pts: list[float], start: float) -> None:
    sink = open_sink(tmp_path / "a.mp4", run_info())
    for i, t in enumerate(pts):
        sink.write(result_of(i, pts=start + t))
    sink.close({})
    np.testing.assert_allclose(times_of(tmp_path / "a.mp4"), pts, atol=1e-3, rtol=0)


def test_times_that_do_not_rise_are_moved_on(tmp_path: Path) -> None:
    sink = open_sink(tmp_path / "a.mp4", run_info())
    for i, t in enumerate([0.0, 0.0, 1.0, 0.5, 0.5, 2.0]):
        sink.write(result_of(i, pts=t))
    sink.close({})
    times = times_of(tmp_path / "a.mp4")
    np.testing.assert_allclose(times, [0, 0, 1, 1, 1, 2], atol=1e-3)
    assert (np.diff(times) > 0).all()


@pytest.mark.parametrize("size", [(1, 1), (641, 479), (3, 1000), (1000, 3), (2000, 1000), (63, 64)])
def test_any_size_becomes_a_video(tmp_path: Path, size: tuple[int, int]) -> None:
    sink = open_sink(tmp_path / "a.mp4", run_info(width=size[0], height=size[1]))
    sink.write(result_of(0, image=grey(*size)))
    sink.write(result_of(1, image=grey(50, 70)))  # the camera changes its mind
    sink.close({})
    with av.open(str(tmp_path / "a.mp4")) as container:
        frames = list(container.decode(video=0))
    assert [(frame.width, frame.height) for frame in frames] == [even_size(*size, 1280)] * 2


def test_colours_come_back(tmp_path: Path) -> None:
    video = VideoFile(tmp_path / "a.mp4", (64, 64), 30.0, OverlaySettings(crf=5))
    image = np.zeros((64, 64, 3), np.uint8)
    image[:, :32], image[:, 32:] = SIDE_COLOURS["left"], SIDE_COLOURS["right"]
    video.write(image, 0.0)
    video.close()
    with av.open(str(tmp_path / "a.mp4")) as container:
        got = next(container.decode(video=0)).to_ndarray(format="rgb24")
    np.testing.assert_allclose(got[32, [8, 56]].astype(int), [SIDE_COLOURS["left"], SIDE_COLOURS["right"]], atol=6)


def test_limit_of_the_longer_side_is_kept(tmp_path: Path) -> None:
    chosen = SinkSettings(overlay=OverlaySettings(max_side=320))
    sink = open_sink(tmp_path / "a.mp4", run_info(width=1920, height=1080), chosen)
    sink.write(result_of(0, image=grey(1920, 1080)))
    sink.close({})
    with av.open(str(tmp_path / "a.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height, stream.codec_context.name) == (320, 180, "h264")


@pytest.mark.parametrize("fps", [float("nan"), float("inf"), 0.0, 1e6])
def test_a_wrong_guess_of_the_rate_does_no_harm(tmp_path: Path, fps: float) -> None:
    sink = open_sink(tmp_path / "a.mp4", dataclasses.replace(run_info(), fps=fps))
    for i in range(5):
        sink.write(result_of(i))
    sink.close({})
    np.testing.assert_allclose(times_of(tmp_path / "a.mp4"), [i / 30 for i in range(5)], atol=1e-3)


def test_without_a_frame_there_is_no_file(tmp_path: Path) -> None:
    open_sink(tmp_path / "a.mp4", run_info()).close({})
    assert list(tmp_path.iterdir()) == []


def test_without_libx264_it_falls_back_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    known = av.Codec

    def without_x264(name: str, mode: str = "r") -> Any:
        return known("no such codec" if name == "libx264" else name, mode)

    monkeypatch.setattr(av, "Codec", without_x264)
    sink = open_sink(tmp_path / "a.mp4", run_info())
    for i in range(10):
        sink.write(result_of(i))
    sink.close({})
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "no libx264" in caplog.text
    np.testing.assert_allclose(times_of(tmp_path / "a.mp4"), [i / 30 for i in range(10)], atol=1e-3)
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert container.streams.video[0].codec_context.name == "mpeg4"


def test_killed_process_leaves_a_video_that_plays(tmp_path: Path) -> None:
    code = """
import sys, time
from tests.sink_scenes import result_of, run_info
from stream3d.sinks import open_sink
sink = open_sink(sys.argv[1], run_info())
for i in range(300):
    sink.write(result_of(i))
print("ready", flush=True)
time.sleep(60)
"""
    killed_after(0.0, code, tmp_path / "a.mp4")
    times = times_of(tmp_path / "a.mp4")
    assert times[-1] > 299 / 30 - 2.0
    np.testing.assert_allclose(times, [i / 30 for i in range(len(times))], atol=1e-3)


@pytest.mark.parametrize("limit", [1, 30, 60, 500, 900, 3_000, 20_000, 100_000, 200_000])
def test_full_disk_keeps_what_was_encoded(tmp_path: Path, limit: int) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (8, 48, 64, 3), dtype=np.uint8)
    video = VideoFile(tmp_path / "a.mp4", (64, 48), 30.0, OverlaySettings(preset="ultrafast"))
    with files_limited_to(limit):
        with pytest.raises(SinkError, match=r"a\.mp4: File too large"):  # noqa: PT012 (which write it is, is not the point)
            for i in range(120):
                video.write(noise[i % 8], i / 30)
            video.close()
        video.close()
    assert (tmp_path / "a.mp4").stat().st_size <= limit
    if limit >= 100_000:
        times = times_of(tmp_path / "a.mp4")
        assert len(times) >= 30 * (limit // 100_000)
        np.testing.assert_allclose(times, [i / 30 for i in range(len(times))], atol=1e-3)


def test_full_disk_at_the_very_end_keeps_all_fragments(tmp_path: Path) -> None:
    def encode(path: Path) -> VideoFile:
        video = VideoFile(path, (64, 48), 30.0, PLAIN)
        for i in range(90):
            video.write(grey(64, 48), i / 30)
        return video

    whole = encode(tmp_path / "whole.mp4")
    whole.close()
    full = (tmp_path / "whole.mp4").stat().st_size
    failed = 0
    for short in (1, 40, 200, 600):  # the index at the end does not fit
        video = encode(tmp_path / "a.mp4")
        with files_limited_to(full - short):
            try:
                video.close()
            except SinkError:
                failed += 1
        assert len(times_of(tmp_path / "a.mp4")) >= 60
    assert failed == 4


def test_two_do_not_write_one_video(tmp_path: Path) -> None:
    first = open_sink(tmp_path / "a.mp4", run_info())
    with pytest.raises(SinkError, match="another process is writing it"):
        open_sink(tmp_path / "a.mp4", run_info())
    first.close({})


@pytest.mark.parametrize("layout", [COCO17, BODY25])
def test_other_keypoint_layouts(tmp_path: Path, layout: Any) -> None:
    sink = open_sink(tmp_path / "a.mp4", run_info(layout=layout))
    sink.write(result_of(0, layout=layout, people=(1, 2)))
    sink.close({})
    assert len(times_of(tmp_path / "a.mp4")) == 1
