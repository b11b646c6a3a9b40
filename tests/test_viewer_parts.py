"""The viewer's parts without a window: messages, meshes, shadows, the floor."""

from __future__ import annotations

import dataclasses
import math
import struct

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream3d.errors import ViewerError
from stream3d.sinks.viewer.figure import Figures, shadow_of
from stream3d.sinks.viewer.ground import ANKLE_HEIGHT_M, FloorHeight, floor_mesh, frustum_mesh
from stream3d.sinks.viewer.palette import UNSURE, person_colours
from stream3d.sinks.viewer.shapes import SUN, Balls, Mesh, Tubes
from stream3d.sinks.viewer.timeline import Eye, timeline_mesh
from stream3d.sinks.viewer.wire import Decoder, Shot, encode
from stream3d.skeleton import H36M17, LAYOUTS
from tests.viewer_scenes import STANDING, people_at

FLIP = np.array([1.0, -1.0, -1.0])


@st.composite
def shots(draw: st.DrawFn) -> Shot:
    layout = draw(st.sampled_from(list(LAYOUTS.values())))
    people = draw(st.integers(0, 4))
    numbers = st.floats(-100, 100, width=32) | st.just(math.nan)
    return Shot(
        joints=draw(arrays.arrays(np.float32, (people, layout.size, 3), elements=numbers)),
        sigma=draw(arrays.arrays(np.float32, (people, layout.size), elements=numbers)),
        person=draw(arrays.arrays(np.int64, people)),
        layout=layout,
        pts=draw(st.floats(allow_nan=False)),
        half_view=draw(st.sampled_from([(0.0, 0.0), (0.5, 0.25)])),
    )


@settings(max_examples=40, deadline=None)
@given(st.lists(shots(), max_size=3), st.integers(1, 2000))
def test_messages_survive_any_cutting(sent: list[Shot], piece: int) -> None:
    stream = b"".join(encode(shot) for shot in sent)
    decoder, got = Decoder(), []
    for start in range(0, len(stream), piece):
        got += decoder.feed(stream[start : start + piece])
    assert len(got) == len(sent)
    for before, after in zip(sent, got, strict=True):
        for field in dataclasses.fields(Shot):
            np.testing.assert_array_equal(getattr(before, field.name), getattr(after, field.name))


@pytest.mark.parametrize(
    ("at", "change"),
    [(0, b"xxxx"), (4, struct.pack("<I", 2**31)), (8, struct.pack("<H", 60000)), (10, b"no such layout\0\0")],
)
def test_a_stranger_on_the_pipe_is_refused(at: int, change: bytes) -> None:
    shot = Shot(
        joints=people_at((0, 0, 4)), sigma=np.zeros((1, 17), "f4"), person=np.zeros(1, np.int64), layout=H36M17, pts=0.0
    )
    message = bytearray(encode(shot))
    message[at : at + len(change)] = change
    with pytest.raises(ViewerError, match="not a frame"):
        Decoder().feed(bytes(message))


def test_a_thousand_people_fit_and_more_are_left_out() -> None:
    people = 1003
    crowd = Shot(
        joints=np.zeros((people, 17, 3), "f4"),
        sigma=np.zeros((people, 17), "f4"),
        person=np.arange(people),
        layout=H36M17,
        pts=0.0,
    )
    (got,) = Decoder().feed(encode(crowd))
    assert len(got.joints) == 1000
    assert got.person[-1] == 999


def faces_out(mesh: Mesh, centre: np.ndarray) -> np.ndarray:
    """bool [T]: whether each triangle with an area is counter-clockwise seen from outside ``centre``."""
    a, b, c = (mesh.vertices[mesh.triangles[:, i]] for i in range(3))
    normal = np.cross(b - a, c - a)
    out = ((a + b + c) / 3 - centre) * normal
    return out.sum(-1)[np.linalg.norm(normal, axis=-1) > 1e-9] > 0


def test_balls_and_tubes_face_outwards_and_have_their_size() -> None:
    balls, centre = Balls(), np.array([[1.0, 2.0, 3.0]])
    vertices, normals = balls.place(centre, np.array([0.5]))
    assert faces_out(Mesh(vertices=vertices[0], colours=vertices[0], triangles=balls.triangles(1)), centre[0]).all()
    np.testing.assert_allclose(np.linalg.norm(vertices[0] - centre, axis=-1), 0.5)
    np.testing.assert_allclose(np.linalg.norm(normals, axis=-1), 1.0)
    tubes, start, end = Tubes(), np.array([[0.0, 0.0, 0.0]]), np.array([[0.3, -2.0, 0.4]])
    vertices, _ = tubes.place(start, end, np.array([0.1]))
    assert faces_out(Mesh(vertices=vertices[0], colours=vertices[0], triangles=tubes.triangles(1)), end[0] / 2).all()
    away = np.cross(vertices[0], end[0] / np.linalg.norm(end[0]))
    np.testing.assert_allclose(np.linalg.norm(away, axis=-1), 0.1)


def test_a_nan_joint_hides_its_ball_and_its_bones_only() -> None:
    joints = STANDING[None].astype(np.float64) * FLIP
    figures, sigma, person = Figures(H36M17), np.zeros((1, 17)), np.zeros(1, np.int64)
    whole = figures.mesh(joints, sigma, person)
    joints[0, H36M17.names.index("left_elbow")] = np.nan
    holed = figures.mesh(joints, sigma, person)
    assert np.isfinite(holed.vertices).all()
    changed = (whole.vertices != holed.vertices).any(-1)
    parts = 2 * 48 + 96  # two bones of four rings of twelve, one ball of eight rings of twelve
    assert changed.sum() == parts
    assert (holed.vertices[changed] == 0).all()


def test_doubt_makes_a_joint_grey() -> None:
    joints = STANDING[None].astype(np.float64) * FLIP
    figures, person = Figures(H36M17), np.array([3])
    spread = [
        np.ptp(figures.mesh(joints, np.full((1, 17), sigma), person).colours, axis=-1).max()
        for sigma in (0.0, 0.08, 0.16, 0.25, 9.0)
    ]
    assert spread[0] == spread[1] > spread[2] > spread[3] == spread[4]
    unknown = figures.mesh(joints, np.full((1, 17), np.nan), person).colours
    np.testing.assert_array_equal(unknown, figures.mesh(joints, np.zeros((1, 17)), person).colours)
    assert np.ptp(UNSURE) < 0.1


def test_a_person_keeps_their_colour() -> None:
    ids = np.array([7, 0, 7, 123456789012])
    colours = person_colours(ids)
    np.testing.assert_array_equal(colours[0], colours[2])
    assert len(np.unique(person_colours(np.arange(10)), axis=0)) == 10


@given(st.floats(-3, 3))
def test_shadows_lie_on_the_floor_along_the_light(floor_y: float) -> None:
    vertices = np.array([[0.0, floor_y + 2.0, 0.0], [0.0, floor_y - 1.0, 0.0], [1.0, floor_y, 1.0]])
    shadow = shadow_of(Mesh(vertices=vertices, colours=vertices, triangles=np.array([[0, 1, 2]], np.int32)), floor_y)
    np.testing.assert_allclose(shadow.vertices[:, 1], floor_y)
    np.testing.assert_allclose(np.cross(vertices[0] - shadow.vertices[0], SUN), 0.0, atol=1e-9)
    np.testing.assert_allclose(shadow.vertices[1:, [0, 2]], vertices[1:, [0, 2]], atol=1e-9)


def feed(height: FloorHeight, y: float, start_s: float, seconds: float, *, fps: float = 30.0) -> float | None:
    joints = np.zeros((1, 17, 3))
    joints[0, :, 1] = y + 1.0
    joints[0, [3, 6], 1] = [y + ANKLE_HEIGHT_M, y + 0.3]  # one foot is in the air
    for i in range(int(seconds * fps)):
        height.update(joints, H36M17, start_s + i / fps)
    return height.y


def test_the_floor_is_under_the_lower_foot_at_once_and_follows_slowly() -> None:
    height = FloorHeight()
    assert feed(height, -1.5, 0.0, 3.0) == pytest.approx(-1.5)
    assert feed(height, -1.6, 3.0, 0.5) > -1.58
    assert feed(height, -1.6, 3.5, 10.0) == pytest.approx(-1.6, abs=0.01)


def test_one_wild_frame_does_not_move_the_floor() -> None:
    height = FloorHeight()
    feed(height, -1.5, 0.0, 5.0)
    assert feed(height, -9.0, 5.0, 0.1) == pytest.approx(-1.5, abs=0.001)


def test_the_floor_is_unknown_until_a_foot_is_seen() -> None:
    height = FloorHeight()
    assert height.update(np.zeros((0, 17, 3)), H36M17, 0.0) is None
    assert height.update(np.full((1, 17, 3), np.nan), H36M17, 0.1) is None
    assert feed(height, -1.0, 0.2, 0.1) == pytest.approx(-1.0)


def test_the_floor_follows_media_time_not_frames() -> None:
    heights = [FloorHeight(window=30), FloorHeight(window=30)]
    for height, fps in zip(heights, (30.0, 60.0), strict=True):
        feed(height, -1.5, 0.0, 3.0, fps=fps)
        feed(height, -1.7, 3.0, 2.0, fps=fps)
    assert heights[0].y == pytest.approx(heights[1].y, abs=0.03)


def test_the_floor_faces_up_and_the_camera_spans_its_view() -> None:
    assert faces_out(floor_mesh(), np.array([0.0, -100.0, 0.0])).all()
    corners = frustum_mesh(0.5, 0.25, depth_m=1.0).vertices
    assert corners[:, 0].max() == pytest.approx(0.5, abs=0.01)
    assert corners[:, 2].min() == pytest.approx(-1.0, abs=0.01)


def test_the_timeline_faces_the_eye_and_stays_within_the_picture() -> None:
    turn = np.array([[0, 0, 1], [0, 1, 0], [-1, 0, 0]], float)
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = turn, [4, 5, 6]
    eye = Eye(world_from_eye=pose, half_height=0.4, aspect=1.5)
    mesh = timeline_mesh(eye, now_s=61.26, end_s=3599.9, progress=0.25, speed=0.25, playing=True)
    seen = (mesh.vertices - pose[:3, 3]) @ turn
    x, y = seen[:, 0] / seen[:, 2] / 0.4, seen[:, 1] / seen[:, 2] / 0.4
    assert abs(x).max() < 1.5
    assert 0.8 < y.min() < y.max() < 1.0
    assert not faces_out(mesh, pose[:3, 3]).any()
