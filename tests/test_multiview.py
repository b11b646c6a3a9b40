"""Triangulating several cameras, and judging single ones by it: on cameras and people whose truth is known."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks import multiview
from benchmarks.lifting import Seen
from benchmarks.multiview import JUDGED, Lifted, Truth, agreement, compared, in_world, together
from benchmarks.multiview_picture import draw
from benchmarks.qualisys import View, read_calibration
from benchmarks.slips import LIMBS, untangled
from benchmarks.triangulate import triangulated
from stream3d.errors import TrackFileError
from stream3d.geometry import Camera, project
from stream3d.skeleton import BLAZEPOSE33, H36M17
from stream3d.values import Poses3D, Tracks2D
from tests.clips import write_clip
from tests.walker import walker

LIMBS_3D = [H36M17.names.index(name) for name in LIMBS]


def looking_at(position: tuple[float, float, float], name: str = "cam", tilt: float = 0.0) -> View:
    """A camera that looks at (0, 1.5, 1), where the walker is."""
    forward = np.array([0.0, 1.5, 1.0]) - position
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, [0, 0, 1])
    right /= np.linalg.norm(right)
    turn = np.stack([right, np.cross(forward, right), forward])
    c, s = np.cos(tilt), np.sin(tilt)
    turn = np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]]) @ turn
    camera = Camera(fx=900, fy=910, cx=330, cy=240, width=640, height=480, origin="test")
    return View(name=name, camera=camera, camera_from_world=turn, position=np.array(position))


VIEWS = [
    looking_at((4, 1, 1.5), "a"),
    looking_at((-2, -3, 2), "b", 0.3),
    looking_at((0, 6, 1), "c"),
    looking_at((-4, 4, 2.5), "d", -0.2),
]


def people(frames: int = 6) -> np.ndarray:
    return walker(frames * 20)[::20, :17].astype(np.float64)


def pixels_of(points: np.ndarray) -> np.ndarray:
    """[..., C, 2] of world points [..., 3]."""
    return np.stack([project(view.from_world(points), view.camera) for view in VIEWS], -2)


def test_cameras_see_as_they_say() -> None:
    point = np.array([0.0, 1.5, 1.0])
    for view in VIEWS:
        np.testing.assert_allclose(view.from_world(point)[:2], 0, atol=1e-9)
        assert view.from_world(point)[2] > 1
        np.testing.assert_allclose(view.to_world(view.from_world(point + 0.3)), point + 0.3)
        assert np.linalg.det(view.camera_from_world) == pytest.approx(1)


def test_exact_points_are_found_exactly() -> None:
    points = people().reshape(-1, 3)
    found, errors = triangulated(pixels_of(points), np.ones((len(points), 4)), VIEWS)
    np.testing.assert_allclose(found, points, atol=1e-6)
    assert errors.max() < 1e-3


def test_one_wild_camera_does_not_move_a_point() -> None:
    points = people().reshape(-1, 3)
    pixels = pixels_of(points) + np.random.default_rng(0).normal(0, 1, (len(points), 4, 2))
    wild = np.random.default_rng(1).integers(0, 4, len(points))
    pixels[np.arange(len(points)), wild] += 150.0
    found, errors = triangulated(pixels, np.ones((len(points), 4)), VIEWS)
    assert np.median(np.linalg.norm(found - points, axis=-1)) < 0.01
    assert np.linalg.norm(found - points, axis=-1).max() < 0.05
    assert errors[np.arange(len(points)), wild].min() > 100


def test_what_fewer_than_two_cameras_see_is_nowhere() -> None:
    points = people(1)[0]
    pixels, weights = pixels_of(points), np.ones((17, 4))
    weights[0, 1:] = 0
    pixels[1, :3] = np.nan
    weights[2, :2] = 0
    found, errors = triangulated(pixels, weights, VIEWS)
    assert np.isnan(found[:2]).all()
    assert np.isnan(errors[:2]).all()
    np.testing.assert_allclose(found[2], points[2], atol=1e-6)
    assert np.isnan(errors[2, 0])


def test_slips_are_found_and_undone() -> None:
    points = people(8)[:, LIMBS_3D]
    pixels = pixels_of(points) + np.random.default_rng(0).normal(0, 2, (8, 12, 4, 2))
    slipped = pixels.copy()
    slipped[3, :, 1] = pixels[3][[1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10], 1]
    slipped[5, 6:, 2] = pixels[5, 6:][[1, 0, 3, 2, 5, 4], 2]
    mended, _, where = untangled(slipped, np.ones((8, 12, 4)), VIEWS)
    np.testing.assert_array_equal(mended, pixels)
    expected = np.zeros((8, 2, 4), bool)
    expected[3, :, 1] = expected[5, 1, 2] = True
    np.testing.assert_array_equal(where, expected)


def seen_by(view: View, points: np.ndarray) -> Seen:
    """Tracks of a person with the walker's limbs, and of a passer-by in the first frame."""
    tracks = []
    for index, pose in enumerate(points):
        keypoints = np.full((1, BLAZEPOSE33.size, 3), np.nan, np.float32)
        keypoints[..., 2] = 0
        for name in LIMBS:
            at = project(view.from_world(pose[H36M17.names.index(name)]), view.camera)
            keypoints[0, BLAZEPOSE33.names.index(name)] = [*at, 0.9]
        keypoints = np.concatenate([keypoints * 1.5, keypoints] if index == 0 else [keypoints])
        person = np.array([9, 4] if index == 0 else [4])
        tracks.append(
            Tracks2D(
                source_id="a", index=index, pts=index / 30, captured_at=0.0, keypoints=keypoints, layout=BLAZEPOSE33,
                person=person,
            )
        )  # fmt: skip
    return Seen(tracks=tuple(tracks), size=(640, 480), fps=30.0)


def lifted_by(view: View, points: np.ndarray, size: float = 1.0) -> list[Poses3D]:
    """The truth in camera space, of a body ``size`` times as large and as far away."""
    joints = (size * view.from_world(points)).astype(np.float32)
    return [
        Poses3D(
            source_id="a", index=t, pts=t / 30, captured_at=0.0, joints=joints[t : t + 1],
            sigma=np.ones((1, 17), np.float32), person=np.array([4]), layout=H36M17,
        )
        for t in range(len(joints))
    ]  # fmt: skip


def test_what_is_perfect_has_no_error_and_what_is_larger_has_a_scale() -> None:
    points = people()
    truth = together([seen_by(view, points) for view in VIEWS], VIEWS)
    np.testing.assert_allclose(truth.joints[:, LIMBS_3D], points[:, LIMBS_3D], atol=1e-3)
    np.testing.assert_allclose(truth.joints[:, 0], points[:, 0], atol=1e-3)
    assert np.isnan(truth.joints[:, H36M17.names.index("spine")]).all()
    lifted = in_world([lifted_by(view, points, 1.25) for view in VIEWS], VIEWS)
    found = compared(lifted, truth, VIEWS)
    assert found["scale"] == pytest.approx(0.8, abs=1e-3)
    assert found["limbs_ratio_scaled"] == pytest.approx(1, abs=1e-3)
    for row in found["cameras"].values():
        assert row["frames"] == 6
        assert row["slipped_%"] == 0
        assert row["pa_mpjpe"] < 1 > row["mpjpe_scaled"]
        assert row["mpjpe"] > 50
        assert row["root_scaled_m"] < 0.01
        assert row["root_m"] > 0.5
    assert found["agreement"]["mpjpe"] < 1


def test_a_camera_that_tilts_its_person_is_told_apart_by_alignment() -> None:
    points = people()
    truth = Truth(joints=points, errors=np.zeros((6, 12, 4)), slipped=np.zeros((6, 4), bool))
    joints = np.stack([points] * 4)
    c, s = np.cos(0.3), np.sin(0.3)
    joints[2] = joints[2] @ np.array([[1, 0, 0], [0, c, s], [0, -s, c]])
    found = compared(Lifted(joints=joints), truth, VIEWS)
    assert found["cameras"]["c"]["mpjpe_scaled"] > 50
    assert max(row["pa_mpjpe"] for row in found["cameras"].values()) < 1
    assert found["agreement"]["pa_mpjpe"] < 1
    expected = np.linalg.norm(joints[2] - joints[2][:, :1] - (points - points[:, :1]), axis=-1).mean() / 2
    assert found["agreement"]["mpjpe"] == pytest.approx(1000 * expected, rel=0.02)  # 3 of 6 pairs


def test_limbs_that_are_lifted_flat_are_short() -> None:
    points = people()
    truth = Truth(joints=points, errors=np.zeros((6, 12, 4)), slipped=np.zeros((6, 4), bool))
    flat = np.stack([points] * 4)
    flat[..., 2] = flat[:, :, :1, 2]
    assert compared(Lifted(joints=flat), truth, VIEWS)["limbs_ratio_scaled"] < 0.7


def test_frames_without_a_person_or_with_a_slip_are_left_out_where_said() -> None:
    points = people()
    joints = np.stack([points] * 4)
    joints[1, 2:4] = np.nan
    slipped = np.zeros((6, 4), bool)
    slipped[0, 3] = True
    joints[3, 0] += np.random.default_rng(0).normal(0, 0.2, (17, 3))
    truth = Truth(joints=points, errors=np.zeros((6, 12, 4)), slipped=slipped)
    found = compared(Lifted(joints=joints), truth, VIEWS)["cameras"]
    assert found["b"]["frames"] == 4
    assert found["d"]["pa_mpjpe"] > 10
    assert found["d"]["pa_mpjpe_unslipped"] < 1
    assert found["d"]["slipped_%"] == pytest.approx(16.67, abs=0.01)
    assert agreement(Lifted(joints=joints), truth, 1.0)["mpjpe_unslipped"] == 0


def test_the_picture_has_a_column_per_camera(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    write_clip(clip, size=(640, 480))
    points = people()
    truth = np.full_like(points, np.nan)
    truth[:, JUDGED] = points[:, JUDGED]
    draw(
        tmp_path / "p.png", [clip] * 4, [seen_by(v, points) for v in VIEWS], VIEWS, truth, np.stack([points + 0.1] * 4)
    )
    image = cv2.imread(str(tmp_path / "p.png"))
    assert image.shape == (225 + 600, 1200, 3)
    assert image.std() > 5


CAMERA = """<calibration><cameras><camera active="1" serial="{name}">
<fov_video bottom="479" left="0" right="639" top="0"/>
<transform {rows} x="{p[0]}" y="{p[1]}" z="{p[2]}"/>
<intrinsic centerPointU="{cx}" centerPointV="{cy}" focalLengthU="57600" focalLengthV="58240" radialDistortion1="-0.1"
 radialDistortion2="0.02" radialDistortion3="0" tangentalDistortion1="0.001" tangentalDistortion2="0.002"/>
</camera></cameras></calibration>"""


def test_a_calibration_is_read_as_it_is_meant(tmp_path: Path) -> None:
    view = VIEWS[1]
    axes = np.diag([1, -1, -1]) @ view.camera_from_world
    rows = " ".join(f'r{i + 1}{j + 1}="{axes[i, j]}"' for i in range(3) for j in range(3))
    text = CAMERA.format(name="b", rows=rows, p=1000 * view.position, cx=329.5 * 64, cy=239.5 * 64)
    (tmp_path / "c.txt").write_text(text)
    (read,) = read_calibration(tmp_path / "c.txt")
    np.testing.assert_allclose(read.camera_from_world, view.camera_from_world, atol=1e-9)
    np.testing.assert_allclose(read.position, view.position)
    assert read.camera.distortion == (-0.1, 0.02, 0.001, 0.002, 0.0)
    for name in ("fx", "fy", "cx", "cy", "width", "height"):
        assert getattr(read.camera, name) == getattr(view.camera, name)


@pytest.mark.parametrize(
    "text",
    [
        "not xml",
        "<calibration/>",
        "<!DOCTYPE x><calibration/>",
        CAMERA.replace("focalLengthU", "focal").format(name="b", rows="", p=(0, 0, 0), cx=1, cy=1),
        CAMERA.format(name="b", rows="", p=(0, 0, 0), cx=1, cy=1),
        CAMERA.format(name="b", rows="", p=("here", 0, 0), cx=1, cy=1),
    ],
)
def test_what_is_no_calibration_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "c.txt").write_text(text)
    with pytest.raises(TrackFileError, match=r"c\.txt"):
        read_calibration(tmp_path / "c.txt")
    with pytest.raises(TrackFileError, match="no calibration"):
        read_calibration(tmp_path / "none.txt")


def test_the_report_names_every_camera_and_the_mean() -> None:
    points = people()
    truth = Truth(joints=points, errors=np.full((6, 12, 4), 2.0), slipped=np.zeros((6, 4), bool))
    found = compared(Lifted(joints=np.stack([points] * 4)), truth, VIEWS)
    text = multiview.report({"triangulation": multiview.of_triangulation(truth, VIEWS), "lifters": {"new": found}})
    assert "reprojection_px_median 2.0" in text
    assert [line.split()[:2] for line in text.splitlines() if line.startswith("new ")] == [
        ["new", name] for name in ("a", "b", "c", "d", "mean")
    ]


@pytest.mark.data
def test_the_real_calibration_is_four_cameras_round_one_place(data: Path) -> None:
    views = read_calibration(data / "multiview" / "Calib.qca.txt")
    assert [view.name for view in views] == ["cam01", "cam02", "cam03", "cam04"]
    for view in views:
        seen = view.from_world(np.array([-1.0, 0.0, 1.0]))
        assert 2 < seen[2] < 6
        assert (np.abs(project(seen, view.camera) - [544, 960]) < [544, 960]).all()
