"""The renderer of known people, and the sample clip that it made."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from stream3d.errors import TrackFileError
from stream3d.geometry import Camera, project
from stream3d.sample import SampleTruth, load_truth, sample_video
from stream3d.skeleton import COCO17, H36M17
from train.mocap.kinematics import axis_rotation
from train.render import surface
from train.render.clip import named_places, truth_of, write_video
from train.render.figure import Figure, make_figure
from train.render.motion import Clip, facing, joined, starting_at, turned, worn_by
from train.render.paint import Look
from train.render.sample import check_in_view, sample_view
from train.render.scene import FigureMotion, Renderer, View, render_clip
from train.render.skeleton import making_pose, standard

needs_open3d = pytest.mark.skipif(importlib.util.find_spec("open3d") is None, reason="open3d is not installed")


@pytest.fixture(scope="module")
def figure() -> Figure:
    return make_figure(standard(), Look(), detail=0.45)


@pytest.fixture(scope="module")
def truth() -> SampleTruth:
    return load_truth()


def standing(figure: Figure, frames: int = 1, at: tuple[float, float] = (0.0, 3.5)) -> FigureMotion:
    skeleton = figure.skeleton
    local = making_pose(skeleton)
    for joint in range(len(skeleton.names) - 1, 0, -1):
        local[joint] = local[skeleton.parents[joint]].T @ local[joint]
    clip = Clip(
        skeleton=skeleton,
        root=np.tile([*at, 1.0], (frames, 1)).astype(float),
        local=np.tile(local, (frames, 1, 1, 1)),
        fps=30.0,
    )
    return worn_by(figure, clip)


def walking(figure: Figure, frames: int = 20, speed: float = 1.2) -> Clip:
    start = standing(figure)
    local = np.swapaxes(start.rotations[:, [max(p, 0) for p in figure.skeleton.parents]], -1, -2) @ start.rotations
    local[:, 0] = start.rotations[:, 0]
    root = np.tile(start.joints[0, 0], (frames, 1))
    root[:, 1] -= np.arange(frames) * speed / 30
    return Clip(skeleton=figure.skeleton, root=root, local=np.tile(local, (frames, 1, 1, 1)), fps=30.0)


def small_view() -> View:
    camera = Camera(fx=300, fy=300, cx=160, cy=120, width=320, height=240, origin="test")
    return View.looking(camera, (0.1, 0.0, 1.3), pitch_deg=5.0, yaw_deg=3.0)


# --- surfaces ------------------------------------------------------------


def test_a_ball_is_meshed_where_it_is() -> None:
    ball = surface.mesh(surface.ellipsoid((0.1, -0.2, 0.3), (0.2, 0.2, 0.2)), (-0.2, -0.5, 0.0), (0.4, 0.1, 0.6), 0.02)
    away = ball.vertices - (0.1, -0.2, 0.3)
    np.testing.assert_allclose(np.linalg.norm(away, axis=-1), 0.2, atol=2e-4)
    np.testing.assert_allclose(ball.normals, away / 0.2, atol=0.01)
    a, b, c = (ball.vertices[ball.triangles[:, i]] for i in range(3))
    volume = np.einsum("fi,fi->f", a, np.cross(b, c)).sum() / 6
    assert volume == pytest.approx(4 / 3 * np.pi * 0.2**3, rel=0.01)


def test_a_box_without_surface_is_refused() -> None:
    with pytest.raises(ValueError, match="no surface between"):
        surface.mesh(surface.ellipsoid((5, 5, 5), (0.1, 0.1, 0.1)), (0, 0, 0), (0.2, 0.2, 0.2), 0.05)


def test_a_cut_leaves_nothing_beyond_the_plane() -> None:
    half = surface.cut(surface.ellipsoid((0, 0, 0), (0.2, 0.2, 0.2)), (0, 0, 0.05), (0, 0, 1))
    assert surface.mesh(half, (-0.2, -0.2, -0.2), (0.2, 0.2, 0.2), 0.02).vertices[:, 2].max() < 0.052


def test_every_surface_of_a_figure_is_closed(figure: Figure) -> None:
    edges = figure.triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    count = len(figure.vertices)
    forth, back = np.sort(edges[:, 0] * count + edges[:, 1]), np.sort(edges[:, 1] * count + edges[:, 0])
    np.testing.assert_array_equal(forth, back)  # each edge is walked as often in one direction as in the other
    assert (figure.part_of[figure.triangles] == figure.part_of[figure.triangles[:, :1]]).all()


# --- the figure ------------------------------------------------------------


def test_a_figure_has_finite_vertices_weights_and_colours(figure: Figure) -> None:
    for array in (figure.vertices, figure.normals, figure.colours, figure.open_sky):
        assert np.isfinite(array).all()
    np.testing.assert_allclose(figure.weights.sum(1), 1.0, atol=1e-5)
    assert 0.0 <= figure.colours.min() <= figure.colours.max() <= 1.0


def test_a_figure_stands_as_tall_as_it_says(figure: Figure) -> None:
    person = standing(figure)
    vertices, _ = figure.posed(person.joints[0], person.rotations[0])
    assert vertices[:, 2].min() == pytest.approx(0.0, abs=0.01)
    assert np.ptp(vertices[:, 2]) == pytest.approx(figure.height_m, abs=0.025)  # its legs are a little apart


def test_the_making_pose_leaves_the_meshes_as_made(figure: Figure) -> None:
    vertices, normals = figure.posed(figure.joints, figure.rotations)
    np.testing.assert_allclose(vertices, figure.vertices, atol=1e-5)
    np.testing.assert_allclose(normals, figure.normals, atol=1e-4)


def test_a_turned_and_moved_body_turns_and_moves_its_meshes(figure: Figure) -> None:
    turn, shift = axis_rotation("z", np.float64(0.7)), np.array([1.0, 2.0, 3.0])
    vertices, _ = figure.posed(figure.joints @ turn.T + shift, turn @ figure.rotations)
    np.testing.assert_allclose(vertices, figure.vertices @ turn.T + shift, atol=1e-5)


def test_a_bent_elbow_moves_the_hand_and_nothing_else(figure: Figure) -> None:
    skeleton, rotations = figure.skeleton, figure.rotations.copy()
    lower = [skeleton.index(f"l{bone}") for bone in ("radius", "wrist", "hand", "fingers", "thumb")]
    rotations[lower] = axis_rotation("x", np.float64(1.2)) @ rotations[lower]
    joints = skeleton.place(np.zeros((1, 3)), rotations[None])[0]
    moved = np.linalg.norm(figure.posed(joints, rotations)[0] - figure.vertices, axis=-1)
    hand = np.linalg.norm(figure.vertices - figure.joints[skeleton.index("lhand")], axis=-1) < 0.05
    assert moved[hand].min() > 0.1
    assert moved[figure.vertices[:, 0] < 0.15].max() < 1e-4


def test_a_look_changes_stature_girth_and_colour(figure: Figure) -> None:
    other = make_figure(standard(), Look(stature_m=1.60, girth=1.2, shirt=(0.1, 0.3, 0.9)), detail=0.3)
    assert other.height_m == pytest.approx(1.60, abs=1e-6)
    assert figure.height_m > 1.7
    waist = [np.abs(f.vertices[f.part_of == 2][:, 0]).max() / f.height_m for f in (figure, other)]
    assert waist[1] > 1.1 * waist[0]
    shirt = other.colours[other.part_of == 0].mean(0)
    assert shirt[2] > 2 * shirt[0]


def test_the_places_of_the_truth_lie_in_or_on_the_body(figure: Figure) -> None:
    person = standing(figure)
    vertices, _ = figure.posed(person.joints[0], person.rotations[0])
    places = named_places(person, 0)
    for name in {*H36M17.names, *COCO17.names}:
        assert np.linalg.norm(vertices - places[name], axis=-1).min() < 0.16, name
    for name in ("nose", "left_eye", "right_ear", "head_top", "left_heel", "right_toe"):
        assert np.linalg.norm(vertices - places[name], axis=-1).min() < 0.02, name
    assert places["left_hip"][0] > places["right_hip"][0]  # faces -y, so its left is +x


# --- movement ------------------------------------------------------------


def test_a_way_that_is_turned_keeps_its_length(figure: Figure) -> None:
    way = walking(figure)
    bent = turned(way, np.linspace(0, 2.0, len(way)))
    lengths = [np.linalg.norm(np.diff(clip.root[:, :2], axis=0), axis=-1) for clip in (way, bent)]
    np.testing.assert_allclose(lengths[0], lengths[1], atol=1e-9)
    assert bent.heading[-1] - bent.heading[0] == pytest.approx(2.0, abs=1e-6)


def test_a_walk_faces_where_it_is_told_and_goes_there(figure: Figure) -> None:
    way = starting_at(facing(walking(figure), np.pi / 2), 1.0, 2.0)
    assert way.heading[0] == pytest.approx(np.pi / 2, abs=1e-6)
    np.testing.assert_allclose(way.root[0, :2], (1.0, 2.0), atol=1e-9)
    step = way.root[-1] - way.root[0]
    assert step[0] > 0.5
    assert abs(step[1]) < 1e-6  # a quarter to its left from -y is +x


def test_joined_movements_have_no_jump(figure: Figure) -> None:
    first = starting_at(walking(figure), 0.5, 4.0)
    second = facing(starting_at(walking(figure, speed=0.0), 9.0, 9.0), 2.0)
    whole = joined(first, second, blend_s=0.3)
    assert len(whole) == len(first) + len(second) - 9
    assert np.linalg.norm(np.diff(whole.joints, axis=0), axis=-1).max() < 0.06
    assert np.ptp(whole.heading) < 1e-6


def test_bones_keep_their_length_while_movements_fade(figure: Figure) -> None:
    first = walking(figure)
    other = walking(figure)
    other.local[:, other.skeleton.index("lhumerus")] = axis_rotation("y", np.float64(-1.0))
    joints = joined(first, other, blend_s=0.4).joints
    lengths = np.linalg.norm(joints - joints[:, [max(p, 0) for p in first.skeleton.parents]], axis=-1)
    np.testing.assert_allclose(lengths, np.broadcast_to(lengths[:1], lengths.shape), atol=1e-9)


def test_a_person_out_of_the_picture_is_refused(figure: Figure) -> None:
    view = small_view()
    for place, said in (((2.3, 3.5), "cut off"), ((0.0, 9.0), "bad size")):
        with pytest.raises(ValueError, match=f"{said}.* in frame 0"):
            check_in_view(truth_of(standing(figure, at=place), view)["box"], view)


# --- pictures ------------------------------------------------------------


@needs_open3d
@pytest.mark.parametrize("place", [(0.0, 3.0, 1.2), (-0.9, 2.6, 1.7), (1.1, 3.3, 0.6)])
def test_a_ball_appears_where_the_camera_says(place: tuple[float, float, float]) -> None:
    view = small_view()
    ball = surface.mesh(
        surface.ellipsoid(place, (0.03, 0.03, 0.03)), np.subtract(place, 0.03), np.add(place, 0.03), 0.006
    )
    with Renderer(view, furnished=False) as renderer:
        picture = renderer.draw([(ball.vertices, ball.triangles, np.ones((len(ball.vertices), 3)))])
    bright = picture[..., 0].astype(float)
    rows, columns = np.mgrid[: bright.shape[0], : bright.shape[1]] + 0.5
    found = np.array([(columns * bright).sum(), (rows * bright).sum()]) / bright.sum()
    np.testing.assert_allclose(found, project(view.to_camera(np.array(place)), view.camera), atol=0.1)


@needs_open3d
@pytest.mark.parametrize("wrong", [{"cx": 150.0}, {"cy": 121.0}, {"fy": 310.0}, {"distortion": (0.1,)}])
def test_a_camera_that_cannot_be_drawn_exactly_is_refused(wrong: dict[str, Any]) -> None:
    view = small_view()
    with pytest.raises(ValueError, match="the renderer needs square pixels"):
        Renderer(replace(view, camera=replace(view.camera, **wrong)))


@needs_open3d
def test_the_same_scene_gives_the_same_picture(figure: Figure) -> None:
    people = [standing(figure), standing(figure, at=(0.8, 4.5))]
    first, second = (next(iter(render_clip(people, small_view()))) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert first.shape == (240, 320, 3)
    assert first.std() > 20


@needs_open3d
def test_a_person_covers_the_box_that_the_truth_gives(figure: Figure) -> None:
    view, person = small_view(), standing(figure)
    with Renderer(view, furnished=False) as renderer:
        picture = renderer.picture([(figure, person.joints[0], person.rotations[0])])
    rows, columns = np.nonzero(picture.max(-1) > 8)
    seen = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
    np.testing.assert_allclose(seen, truth_of(person, view)["box"][0], atol=1.5)


@needs_open3d
def test_a_person_throws_a_shadow_on_the_floor(figure: Figure) -> None:
    view = small_view()
    near, far = standing(figure), standing(figure, at=(0.0, 60.0))
    with Renderer(view) as renderer:
        with_person, without = (renderer.picture([(figure, p.joints[0], p.rotations[0])]) for p in (near, far))
    x0, _, x1, y1 = truth_of(near, view)["box"][0].astype(int)
    floor = (slice(y1 - 40, y1), slice(x1, x1 + (x1 - x0) // 2))
    darker = without[floor].astype(int).sum(-1) - with_person[floor].astype(int).sum(-1)
    assert darker.max() > 60
    assert np.abs(with_person[:60, :60].astype(int) - without[:60, :60]).max() <= 1


def test_a_video_has_the_pictures_and_times_it_was_given(tmp_path: Path) -> None:
    pictures = [np.full((48, 64, 3), 40 * i, np.uint8) for i in range(5)]
    assert write_video(tmp_path / "a.mp4", iter(pictures), 25, 10) == 5
    with av.open(str(tmp_path / "a.mp4")) as video:
        frames = list(video.decode(video=0))
    assert [round(float(frame.pts * frame.time_base), 6) for frame in frames] == [0.0, 0.04, 0.08, 0.12, 0.16]
    for frame, picture in zip(frames, pictures, strict=True):
        assert abs(int(frame.to_ndarray(format="rgb24").mean()) - int(picture.mean())) <= 3


# --- the sample clip ------------------------------------------------------------


def test_the_sample_clip_and_its_truth_agree(truth: SampleTruth) -> None:
    with av.open(str(sample_video())) as video:
        stream = video.streams.video[0]
        size = (stream.width, stream.height)
        times = [float(packet.pts * packet.time_base) for packet in video.demux(stream) if packet.pts is not None]
    assert size == (truth.width, truth.height)
    np.testing.assert_allclose(sorted(times), truth.time, atol=1e-6)
    assert 10.0 <= truth.time[-1] + 1 / truth.fps <= 14.0
    assert sample_video().stat().st_size < 3e6


def test_the_truth_has_its_shapes_and_names(truth: SampleTruth) -> None:
    frames = len(truth)
    assert truth.joint_names == H36M17.names
    assert truth.coco_names == COCO17.names
    for name, shape in (
        ("joints3d", (17, 3)),
        ("convention3d", (17, 3)),
        ("coco2d", (17, 2)),
        ("feet3d", (4, 3)),
        ("box", (4,)),
    ):
        array = getattr(truth, name)
        assert array.shape == (frames, *shape), name
        assert array.dtype == np.float32, name
        assert np.isfinite(array).all(), name
    assert 1.5 < truth.height_m < 2.0


def test_the_truth_projects_onto_its_own_pixels(truth: SampleTruth) -> None:
    for space, pixels in (
        (truth.joints3d, truth.keypoints2d),
        (truth.coco3d, truth.coco2d),
        (truth.feet3d, truth.feet2d),
    ):
        np.testing.assert_allclose(project(space.astype(np.float64), truth.camera), pixels, atol=0.01)
    np.testing.assert_allclose(truth.coco3d[:, 0], truth.joints3d[:, 9], atol=1e-6)


def test_the_truth_has_constant_bones(truth: SampleTruth) -> None:
    rigid = [(p, c) for p, c in H36M17.bones if {H36M17.names[p], H36M17.names[c]}.isdisjoint({"spine", "thorax"})]
    for parent, child in rigid:
        if H36M17.names[child] in ("nose",):
            continue
        lengths = np.linalg.norm(truth.joints3d[:, child] - truth.joints3d[:, parent], axis=-1)
        assert np.ptp(lengths) < 1e-4, H36M17.names[child]


def test_the_person_of_the_sample_stays_in_view_and_walks_on_the_floor(truth: SampleTruth) -> None:
    check_in_view(truth.box, sample_view())
    world = truth.feet3d.astype(np.float64) @ truth.camera_from_world + truth.camera_position
    lowest = world[..., 2].min(1)
    assert lowest.min() > -0.03
    assert lowest.max() < 0.06


def test_the_convention_differs_from_the_body_only_where_it_says(truth: SampleTruth) -> None:
    apart = np.linalg.norm(truth.convention3d - truth.joints3d, axis=-1).max(0)
    named = dict(zip(H36M17.names, apart, strict=True))
    for name in ("pelvis", "left_hip", "right_knee", "left_ankle", "spine", "left_shoulder", "right_elbow"):
        assert named[name] < 1e-4, name
    assert named["left_wrist"] < 0.02
    assert 0.03 < named["nose"] < 0.12


def test_a_truth_without_its_arrays_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "poor.npz", joints3d=np.zeros((1, 17, 3), np.float32))
    with pytest.raises(TrackFileError, match=r"poor\.npz.*keypoints2d"):
        load_truth(tmp_path / "poor.npz")


@pytest.mark.slow
@pytest.mark.data
def test_two_people_cross(data: Path) -> None:
    from train.render.crossing import crossing

    people = crossing(data, detail=0.3)
    boxes = [truth_of(person, sample_view())["box"] for person in people]
    centres = [(box[:, 0] + box[:, 2]) / 2 for box in boxes]
    assert centres[0][0] < centres[1][0] - 300
    assert centres[0][-1] > centres[1][-1] + 300
    overlap = np.minimum(boxes[0][:, 2], boxes[1][:, 2]) - np.maximum(boxes[0][:, 0], boxes[1][:, 0])
    assert overlap.max() > 60
