"""``python -m train.data``: the catalogue, what it finds in a folder, and sorting downloads into one."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from stream3d.errors import SettingsError
from stream3d.skeleton import COCO17, H36M17
from tests.test_data_motions import mpii_release, person, write_pair
from tests.test_data_poses2d import coco
from train.data import Poses2DSet, load_poses2d
from train.data.__main__ import main
from train.data.catalogue import CATALOGUE
from train.data.gather import gather, listed
from train.data.inspection import judged
from train.data.pack import pack_coco
from train.mocap.archives import archive_texts, source
from train.mocap.takes import TRAINING


def test_every_set_says_where_from_and_on_which_terms(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    told = capsys.readouterr().out
    for entry in CATALOGUE:
        assert f"{entry.name}: {entry.title}" in told
        assert all((entry.where, entry.terms, entry.ships, entry.files, entry.tried))
    assert len({entry.name for entry in CATALOGUE}) == len(CATALOGUE)
    research = {entry.name for entry in CATALOGUE if entry.ships == "no"}
    assert research == {"human36m", "mpi_inf_3dhp", "humaneva"}


def test_an_empty_folder_holds_nothing_and_that_is_no_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data", str(tmp_path), "--work", str(tmp_path / "work")]) == 0
    assert capsys.readouterr().out.count("- not there") == len(CATALOGUE)
    with pytest.raises(SystemExit) as stop:
        main(["--data", str(tmp_path / "nowhere")])
    assert stop.value.code == 2


SIDES = {"num_joints": 17, "keypoints_symmetry": [[4, 5, 6, 11, 12, 13], [1, 2, 3, 14, 15, 16]]}


def test_what_is_there_is_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "human36m").mkdir()
    write_pair(tmp_path / "human36m", H36M17, H36M17, SIDES)
    assert main(["--data", str(tmp_path), "--only", "human36m"]) == 0
    told = capsys.readouterr().out
    assert "2 clips (0 with 2D, 0 with a camera), 0.1 min, 2 people, held out: S9" in told
    assert "8 clips (8 with 2D, 8 with a camera)" in told


class Evil:
    """Leaves a file behind if it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.target}",)


def test_broken_and_malicious_files_end_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, target = tmp_path / "human36m", tmp_path / "was_here"
    folder.mkdir()
    np.savez(folder / "data_3d_h36m.npz", positions_3d=np.array({"S1": Evil(target)}, dtype=object))
    (tmp_path / "poses2d").mkdir()
    (tmp_path / "poses2d" / "mpii_valid.h5").write_bytes(pickle.dumps(1))
    assert main(["--data", str(tmp_path)]) == 1
    out = capsys.readouterr()
    assert "! human36m/data_3d_h36m.npz: cannot be read" in out.out
    assert "system" in out.out
    assert "2 of what was found is broken" in out.err
    assert not target.exists()


def test_people_upside_down_are_a_fault(tmp_path: Path) -> None:
    upright = person(H36M17, 40)[..., [0, 2]] * np.float32([100, -100]) + 300
    keypoints = np.concatenate([upright, np.ones((40, 17, 1), np.float32)], -1)
    good = Poses2DSet(keypoints=keypoints, layout=H36M17)
    assert judged(tmp_path, good).faults == ()
    keypoints = keypoints.copy()
    keypoints[..., 1] *= -1
    assert "downwards" in judged(tmp_path, Poses2DSet(keypoints=keypoints, layout=H36M17)).faults[0]
    nobody = Poses2DSet(keypoints=np.zeros((0, 17, 3), np.float32), layout=COCO17)
    assert "nobody" in judged(tmp_path, nobody).faults[0]


def test_every_source_of_training_has_its_trials_listed() -> None:
    assert set(TRAINING) <= set(listed())
    assert all(listed().values())


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)


def test_downloads_are_sorted_in_whatever_folders_they_have(tmp_path: Path) -> None:
    downloads, data = tmp_path / "downloads", tmp_path / "data"
    touch(downloads, "all_asfamc/subjects/06/06_01.amc", "all_asfamc/subjects/06/06_12.amc")
    touch(downloads, "all_asfamc/subjects/06/06.asf", "all_asfamc/subjects/131/131.asf")
    touch(downloads, "all_asfamc/subjects/131/131_04.amc", "Vicon/Positions/m06_s01_e05_positions_inc.txt")
    found = {some.name: some for some in gather(downloads, data)}
    assert found["cmu_bvh_fvc"].copied == 1
    assert found["cmu_bvh_iclone"].copied == 1
    assert found["ui_prmd_vicon"].copied == 1
    assert "06/006_02.bvh" in found["cmu_bvh_iclone"].missing
    mocap = data / "mocap"
    assert (mocap / "cmu_bvh_iclone/06/006_12.amc").read_text().endswith("06_12.amc")
    assert (mocap / "cmu_bvh_iclone/06/06.asf").is_file()
    assert (mocap / "cmu_asfamc_misc/131/131_04-dance.amc").is_file()
    assert (mocap / "ui_prmd_vicon/incorrect/m06_s01_e05_positions_inc.txt").is_file()
    texts = archive_texts(source(data, "cmu_bvh_fvc"), lambda path: path.suffix == ".amc")
    assert [str(path) for path in texts] == ["cmu_bvh_fvc/06/06_01.amc"]
    with pytest.raises(FileNotFoundError, match=r"train\.data"):
        source(data, "cmu_asfamc_maxxgx_2")
    with pytest.raises(SettingsError, match="no folder"):
        gather(tmp_path / "nowhere", data)


def test_archives_that_are_there_stay_as_they_are(tmp_path: Path) -> None:
    touch(tmp_path / "data", "mocap/cmu_bvh_fvc.tar.xz")
    touch(tmp_path / "downloads", "06_01.amc", "06.asf")
    names = {some.name for some in gather(tmp_path / "downloads", tmp_path / "data")}
    assert "cmu_bvh_fvc" not in names
    assert "cmu_bvh_misc" in names


def test_gathering_needs_a_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--gather", str(tmp_path)])
    (tmp_path / "data").mkdir()
    assert main(["--gather", str(tmp_path / "none"), "--data", str(tmp_path / "data")]) == 1
    assert "no folder" in capsys.readouterr().err
    assert main(["--gather", str(tmp_path), "--data", str(tmp_path / "data"), "--only", "openpose"]) == 0
    assert "missing" in capsys.readouterr().out


def test_coco_and_mpii_are_packed_into_what_training_reads(tmp_path: Path) -> None:
    downloads, data = tmp_path / "downloads", tmp_path / "data"
    downloads.mkdir()
    (downloads / "person_keypoints_train2017.json").write_text(json.dumps(coco()))
    (downloads / "person_keypoints_val2017.json").write_text(json.dumps(coco()))
    savemat(downloads / "mpii_human_pose_v1_u12_1.mat", mpii_release(whole=True))
    found = {some.name: some for some in gather(downloads, data)}
    assert found["coco17_kpts_px.npz"].copied == 2
    assert found["mpii_poses.npy"].copied == 1
    plain, packed = load_poses2d(downloads / "person_keypoints_val2017.json"), data / "poses2d" / "coco17_kpts_px.npz"
    np.testing.assert_array_equal(load_poses2d(packed).keypoints[1], plain.keypoints[0])
    with np.load(packed, allow_pickle=False) as file:
        assert file["is_val2017"].tolist() == [0, 1]
    mat, poses = (load_poses2d(path) for path in (next(downloads.glob("*.mat")), data / "poses2d" / "mpii_poses.npy"))
    whole = mat.pick(mat.seen.all(1))
    np.testing.assert_allclose(poses.to(H36M17).keypoints[..., :2], whole.to(H36M17).keypoints[..., :2])
    assert poses.images == whole.images == ("whole.jpg",)


@pytest.mark.data
def test_packing_real_coco_gives_what_was_packed_before(data: Path, tmp_path: Path) -> None:
    assert pack_coco([data / "images" / "person_keypoints_train2017.json"], tmp_path / "a.npz") == 86
    few, many = load_poses2d(tmp_path / "a.npz"), load_poses2d(data / "poses2d" / "coco17_kpts_px.npz")
    known = set(many.images)
    rows = {(image, pose.tobytes()) for image, pose in zip(many.images, many.keypoints, strict=True)}
    assert all((i, pose.tobytes()) in rows for i, pose in zip(few.images, few.keypoints, strict=True) if i in known)
    assert len(known & set(few.images)) > 20


@pytest.mark.data
def test_an_unpacked_archive_gives_the_same_takes(data: Path, tmp_path: Path) -> None:
    import tarfile

    from train.mocap.takes import load_takes

    with tarfile.open(data / "mocap" / "animated_drawings_mit.tar.xz") as tar:
        tar.extractall(tmp_path / "mocap", filter="data")
    name = "animated_drawings_mit"
    packed = load_takes(data, tmp_path / "a", [name])[name]
    loose = load_takes(tmp_path, tmp_path / "b", [name])[name]
    assert [take.trial for take in loose] == [take.trial for take in packed]
    np.testing.assert_array_equal(loose[0].points, packed[0].points)
