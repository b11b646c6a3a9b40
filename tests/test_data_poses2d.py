"""Files of 2D poses: the project's own, MPII's, COCO's, OpenPose's; on files written here and on real ones."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream3d.errors import LayoutError, ShapeError, TrackFileError
from stream3d.skeleton import COCO17, H36M17, MPII16, Layout
from train.data import Poses2DSet, layout_named, load_poses2d, save_poses2d
from train.data.layouts import MPII17


def some(layout: Layout, count: int, seed: int = 0, *, named: bool = True) -> Poses2DSet:
    """Random poses of which a quarter of the joints is missing."""
    rng = np.random.default_rng(seed)
    keypoints = rng.uniform(0.1, 1, (count, layout.size, 3)).astype(np.float32) * np.float32([640, 480, 1])
    keypoints[rng.random((count, layout.size)) < 0.25] = (np.nan, np.nan, 0)
    images = tuple(f"{i:05d}.jpg" for i in range(count)) if named else ()
    sizes = np.tile(np.int32([640, 480]), (count, 1)) if named else None
    return Poses2DSet(keypoints=keypoints, layout=layout, images=images, sizes=sizes)


@pytest.mark.parametrize("ending", ["json", "npz"])
@settings(max_examples=15, deadline=None)
@given(count=st.integers(0, 5), named=st.booleans(), layout=st.sampled_from([COCO17, MPII16, MPII17]))
def test_own_files_give_back_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, ending: str, count: int, named: bool, layout: Layout
) -> None:
    path = tmp_path_factory.mktemp("own") / f"poses.{ending}"
    poses = some(layout, count, named=named)
    save_poses2d(path, poses)
    back = load_poses2d(path)
    np.testing.assert_array_equal(back.keypoints, poses.keypoints)
    assert back.layout is layout
    assert back.images == poses.images
    if count:
        assert (back.sizes is None) == (poses.sizes is None)
        np.testing.assert_array_equal(back.sizes, poses.sizes)


def test_own_files_name_their_joints(tmp_path: Path) -> None:
    save_poses2d(tmp_path / "a.json", some(COCO17, 2))
    content = json.loads((tmp_path / "a.json").read_text())
    assert content["joints"][0] == "nose"
    content["joints"][0] = "tail"
    (tmp_path / "a.json").write_text(json.dumps(content))
    with pytest.raises(TrackFileError, match="tail"):
        load_poses2d(tmp_path / "a.json")


def test_own_files_of_another_layout_than_asked_for_are_refused(tmp_path: Path) -> None:
    for name in ("a.json", "a.npz"):
        save_poses2d(tmp_path / name, some(COCO17, 2))
        with pytest.raises(TrackFileError, match="coco17"):
            load_poses2d(tmp_path / name, layout="mpii16")
    with pytest.raises(TrackFileError, match=r"\.json or \.npz"):
        save_poses2d(tmp_path / "a.txt", some(COCO17, 2))


@pytest.mark.parametrize(
    "harm",
    [
        {"version": 2},
        {"layout": "nobody"},
        {"poses": [{"keypoints": [[1, 2, 3]]}]},
        {"poses": [{"keypoints": "abc"}]},
        {"poses": [{}]},
        {"poses": 5},
    ],
)
def test_malformed_own_json_is_refused(tmp_path: Path, harm: dict[str, object]) -> None:
    save_poses2d(tmp_path / "a.json", some(COCO17, 1))
    content = json.loads((tmp_path / "a.json").read_text()) | harm
    (tmp_path / "a.json").write_text(json.dumps(content))
    with pytest.raises((TrackFileError, LayoutError)):
        load_poses2d(tmp_path / "a.json")


def test_sets_check_themselves() -> None:
    good = some(COCO17, 3)
    with pytest.raises(ShapeError, match=r"\[N, 17, 3\]"):
        Poses2DSet(keypoints=good.keypoints[:, :5], layout=COCO17)
    with pytest.raises(ShapeError, match="image names"):
        Poses2DSet(keypoints=good.keypoints, layout=COCO17, images=("a",))
    with pytest.raises(ShapeError, match="sizes"):
        Poses2DSet(keypoints=good.keypoints, layout=COCO17, sizes=np.zeros((3, 2), np.int64))
    with pytest.raises(ShapeError, match="missing"):
        Poses2DSet(keypoints=np.full((1, 17, 3), np.inf, np.float32), layout=COCO17)


def test_picking_keeps_names_and_sizes_together() -> None:
    poses = some(COCO17, 4)
    few = poses.pick(np.array([False, True, False, True]))
    assert few.images == (poses.images[1], poses.images[3])
    np.testing.assert_array_equal(few.keypoints, poses.keypoints[[1, 3]])


def test_mpii_in_the_places_of_h36m_becomes_h36m_without_a_spine() -> None:
    poses = some(MPII17, 1)
    poses.keypoints[...] = np.arange(17)[None, :, None]
    poses.keypoints[..., 2] = 1
    body = poses.to(H36M17).keypoints[0]
    places = dict(zip(H36M17.names, body[:, 0], strict=True))
    assert np.isnan(places["spine"])
    assert places["thorax"] == 7
    assert (places["nose"], places["head_top"]) == (9, 10)
    assert (places["right_hip"], places["left_wrist"]) == (1, 13)


def mpii_csv(rows: list[list[float]]) -> str:
    columns = []
    for joint in MPII16.names:
        short = joint.replace("_", " ").replace("right ", "r ").replace("left ", "l ")
        columns += [f"{short}_X", f"{short}_Y"]
    lines = [",".join(["", "NAME", *columns, "Scale"])]
    lines += [",".join([str(i), f"{i}.jpg", *map(str, row), "1.5"]) for i, row in enumerate(rows)]
    return "\n".join(lines) + "\n"


def test_the_mpii_table_is_read_by_its_header(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text(mpii_csv([[-1, -1, *range(30)], list(range(32))]))
    poses = load_poses2d(tmp_path / "m.csv")
    assert poses.layout is MPII16
    assert poses.images == ("0.jpg", "1.jpg")
    assert np.isnan(poses.keypoints[0, 0]).tolist() == [True, True, False]
    np.testing.assert_allclose(poses.keypoints[1, 9], [17.5, 18.5, 1])
    for text in ("a,b\n1,2\n", mpii_csv([[0.0] * 32]).replace("0.0,1.5", "x,1.5"), mpii_csv([[0.0] * 30])):
        (tmp_path / "m.csv").write_text(text)
        with pytest.raises(TrackFileError, match=r"m\.csv"):
            load_poses2d(tmp_path / "m.csv")


@pytest.mark.parametrize("codes", [False, True])
def test_hourglass_files_are_read_with_both_kinds_of_names(tmp_path: Path, codes: bool) -> None:
    part = np.arange(64, dtype=np.float64).reshape(2, 16, 2)
    part[0, 0] = 0
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file["part"] = part
        visible = np.ones((2, 16))
        visible[1, 3] = 0
        file["visible"] = visible
        names = [b"ab.jpg", b"cde.jpg"]
        padded = [list(name) + [0] * (8 - len(name)) for name in names]
        file["imgname"] = np.array(padded, np.float64) if codes else np.array(names)
    poses = load_poses2d(tmp_path / "m.h5")
    assert poses.images == ("ab.jpg", "cde.jpg")
    assert np.isnan(poses.keypoints[0, 0, 0])
    np.testing.assert_allclose(poses.keypoints[1, 3], [38 - 0.5, 39 - 0.5, 0.5])


def test_other_hdf5_and_links_out_of_the_file_are_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["part"] = np.ones((2, 16, 2))
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file["part"] = h5py.ExternalLink("secret.h5", "/part")
        file["imgname"] = np.array([b"a", b"b"])
    with pytest.raises(TrackFileError, match="of its own"):
        load_poses2d(tmp_path / "m.h5")
    (tmp_path / "m.h5").write_bytes(b"nothing")
    with pytest.raises(TrackFileError, match="HDF5"):
        load_poses2d(tmp_path / "m.h5")


def test_an_array_alone_says_nothing(tmp_path: Path) -> None:
    table = np.ones((3, 34), np.float32)
    np.save(tmp_path / "other.npy", table)
    with pytest.raises(TrackFileError, match="what its joints are"):
        load_poses2d(tmp_path / "other.npy")
    assert load_poses2d(tmp_path / "other.npy", layout="mpii17").layout is MPII17
    np.save(tmp_path / "mpii_poses.npy", table)
    (tmp_path / "mpii_image_name.txt").write_text("a\nb\nc\n")
    assert load_poses2d(tmp_path / "mpii_poses.npy").images == ("a", "b", "c")
    (tmp_path / "mpii_image_name.txt").write_text("a\nb\n")
    with pytest.raises(TrackFileError, match="2 names for 3"):
        load_poses2d(tmp_path / "mpii_poses.npy")
    np.save(tmp_path / "mpii_poses.npy", table[:, :30])
    with pytest.raises(TrackFileError, match=r"\[N, 34\]"):
        load_poses2d(tmp_path / "mpii_poses.npy")
    np.save(tmp_path / "mpii_poses.npy", np.array([{}], object), allow_pickle=True)
    with pytest.raises(TrackFileError, match="numbers"):
        load_poses2d(tmp_path / "mpii_poses.npy")


def coco() -> dict[str, object]:
    joints = [0.0] * 51
    joints[:6] = [10, 20, 2, 11, 21, 1]
    person = {"image_id": 7, "category_id": 1, "iscrowd": 0, "keypoints": joints, "bbox": [1, 2, 3, 4]}
    return {
        "images": [{"id": 7, "file_name": "seven.jpg", "width": 64, "height": 48}],
        "categories": [{"id": 1, "name": "person", "keypoints": list(COCO17.names)}],
        "annotations": [person, {**person, "iscrowd": 1}, {**person, "keypoints": [0] * 51}],
    }


def test_coco_people_keep_what_was_labelled(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text(json.dumps(coco()))
    poses = load_poses2d(tmp_path / "c.json")
    assert (len(poses), poses.images, poses.sizes.tolist()) == (1, ("seven.jpg",), [[64, 48]])
    np.testing.assert_allclose(poses.keypoints[0, :3], [[10.5, 20.5, 1], [11.5, 21.5, 0.5], [np.nan, np.nan, 0]])


@pytest.mark.parametrize("part", ["images", "categories", "annotations"])
def test_broken_coco_is_refused(tmp_path: Path, part: str) -> None:
    content = coco()
    content[part] = [{}] if part != "categories" else [{"id": 1, "name": "person", "keypoints": ["nose"]}]
    (tmp_path / "c.json").write_text(json.dumps(content))
    with pytest.raises(TrackFileError, match=r"c\.json"):
        load_poses2d(tmp_path / "c.json")


def test_openpose_folders_become_single_poses(tmp_path: Path) -> None:
    person = {"pose_keypoints_2d": [1.0, 2.0, 0.5] * 25}
    for frame, people in enumerate(([person], [], [person, person])):
        (tmp_path / f"clip_{frame:012d}_keypoints.json").write_text(json.dumps({"people": people}))
    poses = load_poses2d(tmp_path)
    assert poses.keypoints.shape == (3, 25, 3)
    assert poses.images == ("000000000000", "000000000002", "000000000002")
    with pytest.raises(TrackFileError, match="layout"):
        load_poses2d(tmp_path, layout="coco17")


@pytest.mark.parametrize(("name", "content"), [("a.json", "[1"), ("a.json", "{}"), ("a.npz", "x"), ("a.xml", "x")])
def test_unknown_files_are_refused_by_name(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(TrackFileError, match=name):
        load_poses2d(tmp_path / name)
    with pytest.raises(TrackFileError, match="no such"):
        load_poses2d(tmp_path / "nowhere.json")
    with pytest.raises(LayoutError, match="mpii17"):
        layout_named("nobody")


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "people", "layout"),
    [
        ("poses2d/mpii_poses.npy", 19919, "mpii17"),
        ("poses2d/mpii_dataset.csv", 17372, "mpii16"),
        ("poses2d/mpii_valid.h5", 2958, "mpii16"),
        ("poses2d/coco17_kpts_px.npz", 153012, "coco17"),
        ("images/person_keypoints_train2017.json", 86, "coco17"),
    ],
)
def test_real_sets_are_read_whole_and_upright(data: Path, name: str, people: int, layout: str) -> None:
    poses = load_poses2d(data / name)
    assert (len(poses), poses.layout.name) == (people, layout)
    body = poses.to(H36M17)
    heights = body.keypoints[..., 1] - body.keypoints[:, :1, 1]
    known = [joint for joint in range(17) if np.isfinite(heights[:, joint]).any()]
    y = {H36M17.names[joint]: np.nanmedian(heights[:, joint]) for joint in known}
    assert y["thorax"] < y["pelvis"] < y["left_knee"] < y["left_ankle"]
    assert y["nose"] < y["thorax"]


@pytest.mark.data
def test_three_files_of_mpii_agree_on_the_same_people(data: Path) -> None:
    table, array = (load_poses2d(data / "poses2d" / name) for name in ("mpii_dataset.csv", "mpii_poses.npy"))
    hourglass = load_poses2d(data / "poses2d" / "mpii_valid.h5")
    row = table.images.index("005808361.jpg")
    right_knee = table.keypoints[row, MPII16.names.index("right_knee"), :2]
    for other in (array, hourglass):
        rows = [i for i, name in enumerate(other.images) if name == "005808361.jpg"]
        knees = other.keypoints[rows, other.layout.names.index("right_knee"), :2]
        assert np.linalg.norm(knees - right_knee, axis=-1).min() < 0.5
