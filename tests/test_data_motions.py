"""Sets with 3D: units, bodies, cameras, and the community's files, written here in their true structure."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.io import savemat

from stream3d.errors import ShapeError, TrackFileError
from stream3d.skeleton import COCO17, H36M17, MPII16, Layout, conversion
from train.data import human36m, humaneva, load_poses2d, mpi_inf_3dhp
from train.data.bodies import UNITS_M, complaints, in_metres, metres_per_unit
from train.data.fitted_camera import fit_camera
from train.data.layouts import (
    DATA_LAYOUTS,
    H36M16,
    H36M32,
    HUMANEVA15,
    HUMANEVA20,
    MPI_INF_3DHP17,
    MPI_INF_3DHP28,
)
from train.data.motions import MotionClip, MotionSet, convert_joints, merged

Array = np.ndarray
# A grown-up facing -y, z up, left at +x, metres.
BODY = {
    "pelvis": (0, 0, 0.95),
    "spine": (0, 0, 1.18),
    "thorax": (0, 0, 1.44),
    "neck": (0, 0, 1.46),
    "upper_neck": (0, -0.02, 1.54),
    "nose": (0, -0.08, 1.56),
    "head_base": (0, -0.02, 1.54),
    "head_top": (0, -0.02, 1.74),
}
for _side, _x in (("left", 1), ("right", -1)):
    BODY |= {
        f"{_side}_hip": (0.11 * _x, 0, 0.93),
        f"{_side}_knee": (0.12 * _x, -0.12, 0.52),
        f"{_side}_knee_below": (0.12 * _x, -0.12, 0.50),
        f"{_side}_ankle": (0.12 * _x, 0.0, 0.08),
        f"{_side}_shoulder": (0.18 * _x, 0, 1.42),
        f"{_side}_elbow": (0.22 * _x, 0.03, 1.14),
        f"{_side}_elbow_below": (0.22 * _x, 0.03, 1.12),
        f"{_side}_wrist": (0.24 * _x, -0.05, 0.89),
    }


def person(layout: Layout, frames: int = 60, seed: int = 0) -> Array:
    """float32 [T, J, 3] metres: someone who turns and walks about; joints that nobody names lie in the pelvis."""
    rng = np.random.default_rng(seed)
    rest = np.array([BODY.get(name, BODY["pelvis"]) for name in layout.names])
    angle = np.linspace(0, 5, frames)
    turn = np.zeros((frames, 3, 3))
    turn[:, 2, 2] = 1
    turn[:, 0, 0] = turn[:, 1, 1] = np.cos(angle)
    turn[:, 1, 0], turn[:, 0, 1] = np.sin(angle), -np.sin(angle)
    walk = np.cumsum(rng.normal(0, 0.05, (frames, 1, 3)), 0) * [1, 1, 0.2]
    moved = np.einsum("tij,kj->tki", turn, rest) + walk
    return (moved + rng.normal(0, 0.002, moved.shape)).astype(np.float32)


def camera(seed: int = 0) -> tuple[Array, Array]:
    """Rotation and shift from the world to a camera 4 to 5 m away that looks at the person."""
    angle = 0.9 + seed
    eye = np.array([4.5 * np.cos(angle), 4.5 * np.sin(angle), 1.5])
    ahead = (np.array([0, 0, 1.0]) - eye) / np.linalg.norm(np.array([0, 0, 1.0]) - eye)
    right = np.cross(ahead, [0, 0, 1.0])
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(ahead, right), ahead])
    return rotation, -rotation @ eye


def seen(world: Array, seed: int = 0, focal: float = 1145.0, centre: tuple[float, float] = (512, 515)) -> Array:
    rotation, shift = camera(seed)
    local = world @ rotation.T + shift
    return (local[..., :2] / local[..., 2:] * focal + centre).astype(np.float32)


# --- units, bodies, layouts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("unit", UNITS_M)
def test_the_unit_is_told_by_the_legs(unit: str) -> None:
    joints = person(H36M17)
    np.testing.assert_allclose(in_metres(joints / UNITS_M[unit], H36M17, "x"), joints, rtol=1e-4)


@settings(max_examples=40, deadline=None)
@given(scale=st.floats(1e-6, 1e6))
def test_no_other_unit_is_taken_for_one(scale: float) -> None:
    joints = person(H36M17, 5)
    try:
        metres = metres_per_unit(joints * np.float32(scale), H36M17, "x")
    except TrackFileError:
        return
    assert 0.6 < scale * metres < 1.5


@pytest.mark.parametrize("shift", [1, 3, 5, 8])
def test_joints_in_another_order_are_no_body(shift: int) -> None:
    with pytest.raises(TrackFileError, match="order"):
        in_metres(np.roll(person(H36M17), shift, axis=1), H36M17, "x")


def test_mirrored_and_swapped_bodies_are_found_by_their_knees() -> None:
    joints = person(H36M17)
    assert complaints(joints, H36M17) == ()
    assert "backwards" in " ".join(complaints(joints * np.float32([-1, 1, 1]), H36M17))
    assert "backwards" in " ".join(complaints(joints[:, list(H36M17.mirror)], H36M17))


def test_uneven_and_empty_bodies_are_found() -> None:
    joints = person(H36M17)
    knee = H36M17.names.index("left_knee")
    joints[:, knee] += np.float32([0, 0, 0.25])
    assert "thigh" in " ".join(complaints(joints, H36M17))
    assert complaints(joints[:0], H36M17)
    assert complaints(np.full_like(joints, np.nan), H36M17)


TABLES = {
    "h36m32": [0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27],
    "h36m16": [0, 1, 2, 3, 4, 5, 6, 7, 8, -1, 9, 10, 11, 12, 13, 14, 15],
    "mpii17": [0, 1, 2, 3, 4, 5, 6, -1, 7, 9, 10, 11, 12, 13, 14, 15, 16],
    "mpi_inf_3dhp28": [4, 23, 24, 25, 18, 19, 20, 3, 5, 6, 7, 9, 10, 11, 14, 15, 16],
    "mpi_inf_3dhp17": [14, 8, 9, 10, 11, 12, 13, 15, 1, 16, 0, 5, 6, 7, 2, 3, 4],
    "humaneva15": [0, 11, 12, 13, 8, 9, 10, -1, 1, -1, 14, 2, 3, 4, 5, 6, 7],
    "humaneva20": [0, 15, 16, 18, 11, 12, 14, -1, 1, -1, 19, 3, 4, 6, 7, 8, 10],
}


@pytest.mark.parametrize("layout", DATA_LAYOUTS.values(), ids=DATA_LAYOUTS)
def test_every_layout_becomes_h36m17_by_its_table(layout: Layout) -> None:
    assert [parts[0] if parts else -1 for parts in conversion(layout, H36M17)] == TABLES[layout.name]
    assert layout.mirror != tuple(range(layout.size))
    assert all(layout.mirror[twin] == joint for joint, twin in enumerate(layout.mirror))


def test_the_authors_relevant_joints_are_these_of_the_28() -> None:
    relevant = [7, 5, 14, 15, 16, 9, 10, 11, 23, 24, 25, 18, 19, 20, 4, 3, 6]
    assert [MPI_INF_3DHP28.names[joint] for joint in relevant] == list(MPI_INF_3DHP17.names)


def test_joints_that_a_layout_does_not_know_are_nan() -> None:
    body = convert_joints(person(HUMANEVA15), HUMANEVA15, H36M17)
    missing = {H36M17.names[joint] for joint in range(17) if np.isnan(body[:, joint]).all()}
    assert missing == {"spine", "nose"}


def test_clips_check_themselves_and_sets_split_by_subject() -> None:
    joints = person(H36M17)
    base = {"joints": joints, "layout": H36M17, "space": "world", "fps": 50.0, "action": "walk"}
    clips = tuple(MotionClip(subject=name, **base) for name in ("S1", "S9", "S1"))
    some = MotionSet(name="x", clips=clips, held_out=frozenset({"S9"}))
    assert [clip.subject for clip in some.train()] == ["S1", "S1"]
    assert [clip.subject for clip in some.test()] == ["S9"]
    assert some.minutes == pytest.approx(2 * 60 / 50 / 60)
    assert merged("y", [some, MotionSet(name="z", clips=clips[:1], held_out=frozenset({"S1"}))]).held_out == {
        "S1",
        "S9",
    }
    for harm in ({"space": "moon"}, {"fps": 0.0}, {"joints": joints[:, :3]}, {"keypoints": joints}):
        with pytest.raises(ShapeError):
            MotionClip(subject="S1", **{**base, **harm})


# --- cameras ------------------------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), focal=st.floats(600, 3000), noise=st.sampled_from([0.0, 3.0]))
def test_a_camera_is_found_from_what_it_saw(seed: int, focal: float, noise: float) -> None:
    world = person(H36M17, 120, seed)
    pixels = seen(world, seed, focal) + np.random.default_rng(seed).normal(0, noise, (120, 17, 2)).astype(np.float32)
    fitted = fit_camera(world, pixels, (1000, 1002), "x")
    rotation, shift = camera(seed)
    assert fitted.camera.fx == pytest.approx(focal, rel=0.002 if noise == 0 else 0.15)
    local, truth = fitted.in_camera(world), world @ rotation.T + shift
    # Where the whole person stands is uncertain when pixels are noisy; how their joints lie to each other is not.
    np.testing.assert_allclose(local - local[:, :1], truth - truth[:, :1], atol=0.002 if noise == 0 else 0.04)


def test_pixels_of_somebody_else_fit_no_camera() -> None:
    world = person(H36M17, 120)
    with pytest.raises(TrackFileError, match="belong together"):
        fit_camera(world, seen(world)[::-1].copy(), (1000, 1002), "x")
    with pytest.raises(TrackFileError, match="too few"):
        fit_camera(world[:1], seen(world[:1]), (1000, 1002), "x")


# --- Human3.6M and HumanEva, the pair -------------------------------------------------------------------------------


def write_pair(folder: Path, layout: Layout, kind_2d: Layout, metadata: dict[str, object]) -> tuple[Path, Path]:
    positions_3d, positions_2d = {}, {}
    for number, subject in enumerate(("S1", "S9")):
        world = person(layout, 90, number)
        pixels = person(kind_2d, 90, number)
        positions_3d[subject] = {"Walking 1": world}
        positions_2d[subject] = {"Walking 1": [np.r_[seen(pixels, view), seen(pixels, view)[-3:]] for view in range(4)]}
    positions_2d["S2"] = {"Walking 1": [np.ones((5, kind_2d.size, 2), np.float32)] * 4}
    np.savez_compressed(folder / "data_3d_h36m.npz", positions_3d=positions_3d)
    np.savez_compressed(folder / "data_2d_h36m_gt.npz", positions_2d=positions_2d, metadata=metadata)
    return folder / "data_3d_h36m.npz", folder / "data_2d_h36m_gt.npz"


SIDES = {
    "h36m17": [[4, 5, 6, 11, 12, 13], [1, 2, 3, 14, 15, 16]],
    "mpii16": [[3, 4, 5, 13, 14, 15], [0, 1, 2, 10, 11, 12]],
}


@pytest.mark.parametrize("layout", [H36M32, H36M17])
@pytest.mark.parametrize(
    ("kind", "metadata"),
    [
        (H36M17, {"num_joints": 17, "keypoints_symmetry": SIDES["h36m17"]}),
        (MPII16, {"layout_name": "mpii", "num_joints": 16, "keypoints_symmetry": SIDES["mpii16"]}),
    ],
)
def test_human36m_pairs_become_clips_in_camera_space(
    tmp_path: Path, layout: Layout, kind: Layout, metadata: dict[str, object]
) -> None:
    path_3d, path_2d = write_pair(tmp_path, layout, kind, metadata)
    alone = human36m.read_npz(path_3d)
    assert [clip.space for clip in alone.clips] == ["world", "world"]
    some = human36m.read_npz(path_3d, path_2d)
    assert some.subjects == ("S1", "S9")
    assert len(list(some.train())) == len(list(some.test())) == 4
    clip = some.clips[0].to(H36M17)
    assert (clip.space, clip.view, len(clip), clip.fps) == ("camera", "54138969", 90, 50.0)
    rotation, shift = camera(0)
    world = convert_joints(person(layout, 90, 0), layout, H36M17)
    np.testing.assert_allclose(clip.joints - clip.joints[:, :1], (world - world[:, :1]) @ rotation.T, atol=0.02)
    np.testing.assert_allclose(clip.joints, world @ rotation.T + shift, atol=0.15)
    poses = load_poses2d(path_2d)
    assert (len(poses), poses.layout, poses.images[0]) == (2 * 4 * 93 + 20, kind, "S1/Walking 1/54138969/000000")


def test_layouts_that_the_metadata_does_not_tell_are_refused(tmp_path: Path) -> None:
    path_3d, path_2d = write_pair(tmp_path, H36M17, H36M17, {"num_joints": 17})
    with pytest.raises(TrackFileError, match="metadata"):
        human36m.read_npz(path_3d, path_2d)


def test_broken_pairs_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "data_3d_h36m.npz"
    bad = {
        "a dict": np.zeros(3),
        "floats": {"S1": {"Walk": "x"}},
        "joints; human36m": {"S1": {"Walk": np.zeros((5, 20, 3), np.float32)}},
        "order": {"S1": {"Walk": np.roll(person(H36M17), 3, 1)}},
        "frames|units": {"S1": {"Walk": np.zeros((0, 17, 3), np.float32)}},
    }
    for told, content in bad.items():
        np.savez(path, positions_3d=np.array(content, dtype=object) if isinstance(content, dict) else content)
        with pytest.raises(TrackFileError, match=told if told != "a dict" else "plain array"):
            human36m.read_npz(path)


@pytest.mark.parametrize("layout", [HUMANEVA15, HUMANEVA20])
def test_humaneva_pairs_keep_the_official_part_in_the_action(tmp_path: Path, layout: Layout) -> None:
    world = person(layout, 90)
    positions_3d = {"Train/S1": {"Walking 1 chunk0": world}, "Validate/S3": {"Jog 1 chunk2": world}}
    views = [seen(world, view, 700, (320, 240)) for view in range(3)]
    positions_2d = {subject: dict.fromkeys(actions, views) for subject, actions in positions_3d.items()}
    metadata = {"layout_name": layout.name, "num_joints": layout.size, "keypoints_symmetry": [[], []]}
    np.savez(tmp_path / "a.npz", positions_3d=positions_3d)
    np.savez(tmp_path / "b.npz", positions_2d=positions_2d, metadata=metadata)
    some = humaneva.read_npz(tmp_path / "a.npz", tmp_path / "b.npz")
    assert some.subjects == ("S1", "S3")
    assert {clip.action for clip in some.train()} == {"Train/Walking 1 chunk0"}
    assert some.clips[0].camera is not None
    assert some.clips[0].camera.fx == pytest.approx(700, rel=0.02)
    assert load_poses2d(tmp_path / "b.npz").layout is layout


# --- Human3.6M, HDF5 ------------------------------------------------------------------------------------------------


def in_camera(layout: Layout, frames: int = 90, seed: int = 0) -> tuple[Array, Array]:
    world = person(layout, frames, seed)
    rotation, shift = camera(seed)
    return (world @ rotation.T + shift).astype(np.float32), seen(world, seed)


@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize("unit", [1.0, 1000.0])
def test_h5_at_the_root_is_read_flat_or_not_in_any_unit(tmp_path: Path, flat: bool, unit: float) -> None:
    joints, pixels = in_camera(H36M17)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["3d_keypoints"] = (joints * unit).reshape(90, -1) if flat else joints * unit
        file["2d_keypoints"] = pixels.reshape(90, -1) if flat else pixels
    clip = human36m.read_h5(tmp_path / "a.h5").clips[0]
    np.testing.assert_allclose(clip.joints, joints, atol=1e-4)
    assert (clip.space, clip.layout) == ("camera", H36M17)
    assert clip.camera is not None
    assert clip.camera.fx == pytest.approx(1145, rel=1e-3)
    poses = load_poses2d(tmp_path / "a.h5")
    np.testing.assert_allclose(poses.keypoints[..., :2], pixels)
    assert poses.sizes is not None


def test_h5_groups_are_sequences_and_attributes_overrule(tmp_path: Path) -> None:
    joints, pixels = in_camera(H36M16)
    root = joints - joints[:, :1]
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.attrs["layout"] = "h36m16"
        for name, table in (("S1/Walking/cam0", joints), ("S9/Sitting", root)):
            group = file.create_group(name)
            group["3d_keypoints"], group["2d_keypoints"] = table, pixels
        file["S9"].attrs["fps"] = 25.0
    some = human36m.read_h5(tmp_path / "a.h5")
    assert [(c.subject, c.action, c.space, c.fps) for c in some.clips] == [
        ("S1", "Walking/cam0", "camera", 50.0),
        ("S9", "Sitting", "root", 25.0),
    ]
    assert [clip.subject for clip in some.test()] == ["S9"]


def h5_of(tmp_path: Path, **arrays: Array) -> Path:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name, array in arrays.items():
            file[name[1:]] = array
    return tmp_path / "a.h5"


def test_broken_h5_is_refused(tmp_path: Path) -> None:
    joints, pixels = in_camera(H36M17)
    wrong: list[tuple[str, dict[str, Array]]] = [
        ("holds no", {"_x": joints}),
        ("flat or not", {"_3d_keypoints": joints[:, :9]}),
        ("beside", {"_3d_keypoints": joints, "_2d_keypoints": pixels[:7]}),
        ("order", {"_3d_keypoints": np.roll(joints, 3, 1)}),
        ("belong together", {"_3d_keypoints": joints, "_2d_keypoints": np.roll(pixels, 9, 0)}),
    ]
    for told, arrays in wrong:
        with pytest.raises(TrackFileError, match=told):
            human36m.read_h5(h5_of(tmp_path, **arrays))
    with pytest.raises(TrackFileError, match="nobody"):
        human36m.read_h5(h5_of(tmp_path, _3d_keypoints=joints), layout="nobody")


# --- MPI-INF-3DHP ---------------------------------------------------------------------------------------------------


def test_training_annotations_are_read_per_camera(tmp_path: Path) -> None:
    folder = tmp_path / "S1" / "Seq2"
    folder.mkdir(parents=True)
    annot2, annot3 = np.empty((14, 1), object), np.empty((14, 1), object)
    joints, pixels = in_camera(MPI_INF_3DHP28)
    for view in range(14):
        annot2[view, 0] = (pixels * 1.5).reshape(90, -1).astype(float)
        annot3[view, 0] = (joints * 1000).reshape(90, -1).astype(float)
    savemat(folder / "annot.mat", {"annot2": annot2, "annot3": annot3, "univ_annot3": annot3, "frames": np.arange(90)})
    some = mpi_inf_3dhp.read_train(folder / "annot.mat")
    assert [clip.view for clip in some.clips] == ["0", "1", "2", "4", "5", "6", "7", "8"]
    clip = some.clips[0]
    assert (clip.subject, clip.action, clip.fps, clip.space) == ("S1", "Seq2", 50.0, "camera")
    np.testing.assert_allclose(clip.joints, joints, atol=1e-4)
    assert clip.camera is not None
    assert clip.camera.fx == pytest.approx(1.5 * 1145, rel=1e-3)
    (tmp_path / "annot.mat").write_bytes((folder / "annot.mat").read_bytes())
    with pytest.raises(TrackFileError, match="S1/Seq1"):
        mpi_inf_3dhp.read_train(tmp_path / "annot.mat")
    savemat(folder / "annot.mat", {"annot2": annot2[:1], "annot3": annot2[:1]})
    with pytest.raises(TrackFileError, match="cell"):
        mpi_inf_3dhp.read_train(folder / "annot.mat")
    savemat(folder / "annot.mat", {"other": 1})
    with pytest.raises(TrackFileError, match="has no annot2"):
        mpi_inf_3dhp.read_train(folder / "annot.mat")
    (folder / "annot.mat").write_bytes(b"MATLAB")
    with pytest.raises(TrackFileError, match="MATLAB"):
        mpi_inf_3dhp.read_train(folder / "annot.mat")


def test_test_annotations_leave_invalid_frames_out(tmp_path: Path) -> None:
    folder = tmp_path / "TS3"
    folder.mkdir()
    joints, pixels = in_camera(MPI_INF_3DHP17)
    valid = np.ones((90, 1))
    valid[5] = 0
    with h5py.File(folder / "annot_data.mat", "w") as file:
        file["annot2"], file["annot3"], file["valid_frame"] = pixels[:, None], joints[:, None] * 1000, valid
        file["univ_annot3"] = joints[:, None] * 900
    clip = mpi_inf_3dhp.read_test(folder / "annot_data.mat").clips[0]
    assert (clip.subject, len(clip)) == ("TS3", 90)
    assert np.isnan(clip.joints[5]).all()
    assert np.isnan(clip.keypoints[5, :, 0]).all()
    np.testing.assert_allclose(clip.joints[6], joints[6], atol=1e-4)
    assert mpi_inf_3dhp.read_test(folder / "annot_data.mat", universal=True).clips[0].joints.shape == (90, 17, 3)
    with h5py.File(folder / "annot_data.mat", "w") as file:
        file["annot2"], file["annot3"], file["valid_frame"] = pixels, joints, valid
    with pytest.raises(TrackFileError, match="expected"):
        mpi_inf_3dhp.read_test(folder / "annot_data.mat")


def test_the_communitys_npz_is_read_if_its_joints_are_in_the_known_order(tmp_path: Path) -> None:
    joints, pixels = in_camera(MPI_INF_3DHP17)
    entry = {"data_2d": pixels, "data_3d": joints * 1000}
    np.savez_compressed(tmp_path / "train.npz", data={"S1 Seq1": [{"0": entry, "2": entry}], "S3 Seq2": [{"0": entry}]})
    some = mpi_inf_3dhp.read_npz(tmp_path / "train.npz")
    assert [(c.subject, c.action, c.view, c.fps) for c in some.clips] == [
        ("S1", "Seq1", "0", 25.0),
        ("S1", "Seq1", "2", 25.0),
        ("S3", "Seq2", "0", 50.0),
    ]
    np.savez_compressed(tmp_path / "test.npz", data={"TS1": {**entry, "valid": np.ones(90)}})
    assert [clip.subject for clip in mpi_inf_3dhp.read_npz(tmp_path / "test.npz").test()] == ["TS1"]
    order = conversion(MPI_INF_3DHP17, H36M17)
    other = {key: value[:, [parts[0] for parts in order]] for key, value in entry.items()}
    np.savez_compressed(tmp_path / "other.npz", data={"TS1": {**other, "valid": np.ones(90)}})
    with pytest.raises(TrackFileError, match="order"):
        mpi_inf_3dhp.read_npz(tmp_path / "other.npz")
    assert mpi_inf_3dhp.read_npz(tmp_path / "other.npz", H36M17).clips[0].camera is not None
    for content in ({}, {"S1 Seq1": 5}, {"S1 Seq1": [{"0": {}}]}, {"TS1": {**entry, "valid": np.ones(3)}}):
        np.savez(tmp_path / "bad.npz", data=content)
        with pytest.raises(TrackFileError):
            mpi_inf_3dhp.read_npz(tmp_path / "bad.npz")


def test_the_universal_skeleton_has_no_camera(tmp_path: Path) -> None:
    joints, pixels = in_camera(MPI_INF_3DHP17)
    entry = {"data_2d": np.roll(pixels, 30, 0), "data_3d": joints}
    np.savez(tmp_path / "train.npz", data={"S1 Seq1": [{"0": entry}]})
    assert mpi_inf_3dhp.read_npz(tmp_path / "train.npz").clips[0].camera is None


def test_scipys_matlab_reader_unpickles_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pickle

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("something was unpickled")

    savemat(tmp_path / "a.mat", {"RELEASE": {"annolist": np.zeros((0, 1))}, "b": np.array([{"x": 1}], object)})
    for name in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, name, refuse)
    with pytest.raises(TrackFileError, match="annolist"):
        load_poses2d(tmp_path / "a.mat")


# --- MPII's own -----------------------------------------------------------------------------------------------------


def mpii_release(*, whole: bool = False) -> dict[str, object]:
    """MPII's structure: three people with three joints each, and perhaps one with all."""
    three = ((9, "1"), (0, 0), (6, np.zeros((0, 0))))

    def points(shift: float, joints: tuple[tuple[int, object], ...] = three) -> Array:
        out = np.zeros((1, len(joints)), dtype=[("x", "O"), ("y", "O"), ("id", "O"), ("is_visible", "O")])
        for place, (joint, visible) in enumerate(joints):
            out[0, place] = (10.0 + shift + joint, 20.0 + joint, joint, visible)
        return out

    def struct(**fields: object) -> Array:
        out = np.zeros((1, 1), dtype=[(name, "O") for name in fields])
        out[0, 0] = tuple(fields.values())
        return out

    def people(*rows: Array) -> Array:
        out = np.zeros((1, len(rows)), dtype=[("scale", "O"), ("annopoints", "O")])
        for place, row in enumerate(rows):
            out[0, place] = (1.0, struct(point=row) if row is not None else np.zeros((0, 0)))
        return out

    pictures = np.zeros((1, 3 + whole), dtype=[("image", "O"), ("annorect", "O")])
    if whole:
        everything = points(5, tuple((joint, 1) for joint in range(16)))
        pictures[0, 3] = (struct(name="whole.jpg"), people(everything))
    pictures[0, 0] = (struct(name="one.jpg"), people(points(0), points(100)))
    pictures[0, 1] = (struct(name="none.jpg"), np.zeros((0, 0)))
    pictures[0, 2] = (struct(name="two.jpg"), people(points(0), None))
    return {"RELEASE": struct(annolist=pictures, img_train=np.array([[1, 0, 1]]))}


def test_the_authors_mat_gives_everybody_with_labels(tmp_path: Path) -> None:
    savemat(tmp_path / "mpii_human_pose_v1_u12_1.mat", mpii_release())
    poses = load_poses2d(tmp_path / "mpii_human_pose_v1_u12_1.mat")
    assert (poses.layout, poses.images) == (MPII16, ("one.jpg", "one.jpg", "two.jpg"))
    np.testing.assert_allclose(poses.keypoints[0, 9], [18.5, 28.5, 1.0])
    np.testing.assert_allclose(poses.keypoints[1, 0], [109.5, 19.5, 0.5])
    np.testing.assert_allclose(poses.keypoints[0, 6, 2], 0.5)
    assert np.isnan(poses.keypoints[:, 1, 0]).all()


def test_simplebaselines_json_keeps_hidden_joints(tmp_path: Path) -> None:
    joints = [[float(i), 2.0 * i + 1] for i in range(16)]
    joints[3] = [-1.0, -1.0]
    entry = {"image": "a.jpg", "joints": joints, "joints_vis": [1, 0, 1, 0, *[1] * 12], "scale": 1, "center": [1, 2]}
    (tmp_path / "train.json").write_text(__import__("json").dumps([entry]))
    poses = load_poses2d(tmp_path / "train.json")
    assert poses.keypoints[0, :4, 2].tolist() == [1.0, 0.5, 1.0, 0.0]
    for harm in ({"joints": [[1, 2]]}, {"joints_vis": None}):
        (tmp_path / "train.json").write_text(__import__("json").dumps([{**entry, **harm}]))
        with pytest.raises(TrackFileError, match="MPII"):
            load_poses2d(tmp_path / "train.json")


def test_layouts_of_pairs_are_told_by_their_sides() -> None:
    check: Callable[[Layout], list[int]] = lambda layout: [i for i in range(layout.size) if layout.side(i) == "left"]  # noqa: E731
    assert check(H36M17) == SIDES["h36m17"][0]
    assert check(COCO17) == [1, 3, 5, 7, 9, 11, 13, 15]
    assert check(HUMANEVA15) == [2, 3, 4, 8, 9, 10]
    assert check(HUMANEVA20) == [3, 4, 5, 6, 11, 12, 13, 14]
