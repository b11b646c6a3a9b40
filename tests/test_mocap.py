"""Motion capture readers, on small files written here, and on real ones where there are any."""

from __future__ import annotations

import tarfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from stream3d.errors import LayoutError, ShapeError, TrackFileError
from stream3d.skeleton import H36M17
from tests.plug_in_gait import upright
from train.data.bodies import complaints
from train.mocap.archives import iter_motions, load_trial
from train.mocap.asfamc import read_asf_amc
from train.mocap.bvh import read_bvh
from train.mocap.h36m import POINTS, RIGS, Rig, rig_of, to_points
from train.mocap.kinematics import euler
from train.mocap.motion import Motion
from train.mocap.takes import Take, load_takes, split, validation
from train.mocap.ui_prmd import MARKERS, read_ui_prmd

# A leg with the unit such that one file unit is 0.0254 m; the shin's axes are turned by 90 degrees about x.
ASF = """:version 1.10
:units
  length 1.0
  angle deg
:root
   order TX TY TZ RX RY RZ
   axis XYZ
:bonedata
  begin
     id 1
     name thigh
     direction 0 -1 0
     length 10
     axis 0 0 0 XYZ
    dof rx ry rz
  end
  begin
     id 2
     name shin
     direction 0 -1 0
     length 10
     axis 90 0 0 XYZ
    dof rz
  end
:hierarchy
  begin
    root thigh
    thigh shin
  end
"""
AMC = """:FULLY-SPECIFIED
:DEGREES
1
root 1 2 3 0 0 0
thigh 0 0 0
shin 0
2
root 1 2 3 0 0 0
thigh 90 0 0
shin 90
"""
BVH = """HIERARCHY
ROOT hip
{
  OFFSET 0 0 0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
  JOINT knee
  {
    OFFSET 0 -2 0
    CHANNELS 3 Zrotation Xrotation Yrotation
    End Site
    {
      OFFSET 0 -1 0
    }
  }
}
MOTION
Frames: 2
Frame Time: 0.01
9 9 9 0 0 0 0 0 0
1 5 0 90 0 0 0 90 0
"""


def test_the_rest_pose_stands_as_the_bones_say() -> None:
    motion = read_asf_amc(ASF, AMC)
    inch = 0.0254
    np.testing.assert_allclose(motion.joints[0, 0], np.array([1, -3, 2]) * inch, atol=1e-6)
    np.testing.assert_allclose(motion.joints[0, 1] - motion.joints[0, 0], [0, 0, -10 * inch], atol=1e-6)
    np.testing.assert_allclose(motion.rotations[0], np.broadcast_to(np.eye(3), (3, 3, 3)), atol=1e-6)


def test_bones_turn_about_their_own_axes() -> None:
    motion = read_asf_amc(ASF, AMC)
    inch = 0.0254
    # y-up: the thigh turns down to forward (-z) about x; z-up shows that as +y.
    np.testing.assert_allclose(motion.joints[1, 1] - motion.joints[1, 0], [0, 10 * inch, 0], atol=1e-6)
    # The shin's z axis lies along -y of the body at rest, along the bone: it turns about itself and stays straight.
    np.testing.assert_allclose(motion.joints[1, 2] - motion.joints[1, 1], [0, 10 * inch, 0], atol=1e-6)
    assert not np.allclose(motion.rotations[1, 2], motion.rotations[1, 1])


@pytest.mark.parametrize(
    ("asf", "amc", "told"),
    [
        (ASF.replace(":bonedata", ":bones"), AMC, "bonedata"),
        (ASF, AMC.replace("shin 90\n", ""), "does not fit"),
        (ASF, AMC.replace("shin", "foot"), "does not fit"),
        (ASF, "", "does not fit"),
    ],
)
def test_a_motion_that_does_not_fit_is_refused(asf: str, amc: str, told: str) -> None:
    with pytest.raises(TrackFileError, match=told):
        read_asf_amc(asf, amc)


def test_bvh_joints_follow_their_parents_and_the_first_frame_is_dropped() -> None:
    motion = read_bvh(BVH, metres=0.5)
    assert motion.names == ("hip", "knee", "knee_end")
    assert motion.fps == pytest.approx(100.0)
    # y-up: hip at (1, 5, 0); 90° about z carries the knee from -y to +x, and 90° about x the shin on to -z.
    expected = np.array([[1, 5, 0], [3, 5, 0], [3, 5, -1]]) * 0.5
    np.testing.assert_allclose(motion.joints[0], expected @ np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]]), atol=1e-6)


@pytest.mark.parametrize("text", [BVH.replace("Frames: 2", "Frames: 3"), BVH.partition("MOTION")[0], "", "}\n" + BVH])
def test_a_broken_bvh_is_refused(text: str) -> None:
    with pytest.raises((TrackFileError, IndexError)):
        read_bvh(text, metres=1.0)


def test_euler_angles_multiply_from_the_left() -> None:
    angles = np.radians([30.0, 40.0, 50.0])
    one_by_one = euler("z", angles[:1]) @ euler("x", angles[1:2]) @ euler("y", angles[2:])
    np.testing.assert_allclose(euler("zxy", angles), one_by_one, atol=1e-12)


def test_a_motion_checks_itself() -> None:
    with pytest.raises(ShapeError, match=r"\[T, 2, 3\]"):
        Motion(
            joints=np.zeros((5, 3, 3), np.float32),
            rotations=np.zeros((5, 3, 3, 3), np.float32),
            names=("a", "b"),
            parents=(-1, 0),
            fps=60,
            subject="",
            trial="",
        )


def test_an_unknown_rig_is_refused() -> None:
    with pytest.raises(LayoutError, match="thigh"):
        rig_of(read_asf_amc(ASF, AMC))


@pytest.mark.parametrize("rig", RIGS.values(), ids=RIGS)
def test_every_rig_has_a_table_for_every_joint(rig: Rig) -> None:
    told = {*rig.joints, *(name.replace("right", "left") for name in rig.joints)}
    assert set(POINTS) - told <= {"pelvis", "nose", "true_nose", "head_top"}
    for words in rig.joints.values():
        assert sum(float(word.partition("*")[0]) for word in words.split()) == pytest.approx(1.0)


def markers(turn: np.ndarray | None = None) -> str:
    """One frame of a person standing upright, facing +y, in mm."""
    place = dict.fromkeys(MARKERS, (10.0, 10.0, 10.0)) | upright()
    table = np.array([place[name] for name in MARKERS], float)
    table = table if turn is None else table @ turn.T
    return ",".join(str(number) for number in table.reshape(-1)) + "\n"


def test_markers_become_joint_centres_inside_the_body() -> None:
    points = dict(zip(POINTS, read_ui_prmd(markers())[0], strict=True))
    assert points["left_hip"][0] == pytest.approx(-0.0864)
    assert points["left_hip"][2] == pytest.approx(1.0 - 0.3 * 0.24)
    assert points["left_knee"][0] == pytest.approx(-0.1)
    assert points["true_nose"][1] > points["nose"][1] > points["upper_neck"][1]
    assert points["head_top"][2] > points["true_nose"][2] > points["thorax"][2] > points["spine"][2]


def test_marker_joints_turn_with_the_person() -> None:
    turn = euler("zx", np.array([1.0, 0.4]))
    straight, turned = read_ui_prmd(markers()), read_ui_prmd(markers(turn))
    np.testing.assert_allclose(turned, straight @ turn.T.astype(np.float32), atol=1e-5)


def test_lost_markers_are_nan_and_other_columns_are_refused() -> None:
    numbers = markers().strip().split(",")
    knee = 3 * MARKERS.index("LKNE")
    numbers[knee : knee + 3] = ["0", "0", "0"]
    points = dict(zip(POINTS, read_ui_prmd(",".join(numbers))[0], strict=True))
    assert np.isnan(points["left_knee"]).all()
    assert np.isfinite(points["right_knee"]).all()
    with pytest.raises(TrackFileError, match="117 columns"):
        read_ui_prmd("1,2,3\n")


def archive(folder: Path, name: str, files: dict[str, str]) -> None:
    (folder / "mocap").mkdir(exist_ok=True)
    with tarfile.open(folder / "mocap" / f"{name}.tar.xz", "w:xz") as tar:
        for path, text in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(text)
            tar.addfile(member, BytesIO(text.encode()))


def test_takes_are_read_from_archives_by_subject_and_trial(tmp_path: Path) -> None:
    files = {
        "a/02/02_01.amc": AMC,
        "a/02/02_02.amc": AMC,
        "a/02/02.asf": ASF,
        "a/07/07_01.amc": AMC,
        "a/07/07.asf": ASF,
    }
    archive(tmp_path, "cmu_asfamc_maxxgx", files)
    found = [(m.subject, m.trial) for m in iter_motions(tmp_path, archives=["cmu_asfamc_maxxgx"])]
    assert found == [("02", "01"), ("02", "02"), ("07", "01")]
    assert load_trial(tmp_path, "2", "02").trial == "02"
    with pytest.raises(FileNotFoundError, match="cyun"):
        list(iter_motions(tmp_path))


def test_a_take_without_a_skeleton_is_refused(tmp_path: Path) -> None:
    archive(tmp_path, "x", {"a/02/02_01.amc": AMC})
    with pytest.raises(TrackFileError, match=r"02\.asf"):
        list(iter_motions(tmp_path, archives=["x"]))


def test_held_out_subjects_never_train() -> None:
    def take(subject: str, trial: str = "1") -> Take:
        return Take(points=np.zeros((1, 19, 3), np.float32), fps=60, subject=subject, trial=trial)

    takes = {
        "cmu_asfamc_maxxgx": [take("01"), take("02"), take("03"), take("09"), take("14"), take("127", "32")],
        "hdm05_asfamc": [take("bk")],
        "ui_prmd_vicon": [take("s01"), take("s09")],
    }
    train, held = split(takes)
    assert [t.subject for t in train] == ["14", "s01"]
    assert [t.subject for t in held] == ["01", "02", "03", "bk"]
    assert [t.subject for t in validation(takes)] == ["09", "s09"]


@pytest.mark.data
def test_real_bodies_have_human_proportions_and_constant_bones(data: Path, tmp_path: Path) -> None:
    takes = load_takes(data, tmp_path, ["cmu_bvh_misc"])["cmu_bvh_misc"]
    again = load_takes(data, tmp_path, ["cmu_bvh_misc"])["cmu_bvh_misc"]
    np.testing.assert_array_equal(takes[0].points, again[0].points)
    for take in takes:
        lengths = {
            H36M17.names[child]: np.linalg.norm(take.points[:, parent] - take.points[:, child], axis=-1)
            for parent, child in H36M17.bones
        }
        for name in ("left_knee", "right_knee", "left_ankle", "right_ankle"):
            assert 0.33 < lengths[name].mean() < 0.5
            assert lengths[name].std() < 0.01
        assert 0.2 < lengths["left_elbow"].mean() < 0.33
        heights = take.points[..., 2].mean(0)
        assert heights[POINTS.index("head_top")] > heights[0] > heights[POINTS.index("left_ankle")]


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "count", "minutes"), [("cmu_bvh_iclone", 13, 1.13), ("animated_drawings_mit", 2, 0.24)]
)
def test_characters_that_are_trained_on_are_human(
    data: Path, tmp_path: Path, name: str, count: int, minutes: float
) -> None:
    takes = load_takes(data, tmp_path, [name])[name]
    assert len(takes) == count
    assert sum(len(take.points) / take.fps for take in takes) / 60 == pytest.approx(minutes, abs=0.01)
    for take in takes:
        assert complaints(take.points[:, :17], H36M17) == ()
        face = take.points[:, POINTS.index("true_nose")] - take.points[:, POINTS.index("upper_neck")]
        up = take.points[:, POINTS.index("thorax")] - take.points[:, 0]
        right = take.points[:, POINTS.index("right_hip")] - take.points[:, POINTS.index("left_hip")]
        assert np.median((face * np.cross(up, right)).sum(-1)) > 0
        crown = np.linalg.norm(take.points[:, POINTS.index("head_top")] - take.points[:, 8], axis=-1)
        assert 0.22 < crown.mean() < 0.34


def test_a_file_whose_z_axis_points_up_is_not_turned() -> None:
    turned, upright = (read_bvh(BVH, metres=1.0, up=axis).joints for axis in "yz")
    np.testing.assert_allclose(upright, turned @ np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]]), atol=1e-6)


@pytest.mark.data
def test_a_real_trial_walks_on_the_floor(data: Path) -> None:
    motion = load_trial(data, "02", "01")
    assert motion.joints.shape == (343, 31, 3)
    assert abs(motion.joints[..., 2].min()) < 0.1
    assert 1.5 < motion.joints[..., 2].max() < 2.0
    points = to_points(motion)
    ahead = points[:, POINTS.index("true_nose")] - points[:, POINTS.index("upper_neck")]
    walked = points[-1, 0] - points[0, 0]
    assert ahead.mean(0) @ walked > 0
