"""C3D: markers and joint centres in any unit and with any axis up, and damaged files that must not end the trainer."""

from __future__ import annotations

from pathlib import Path

import ezc3d
import numpy as np
import pytest

from stream3d.errors import TrackFileError
from stream3d.skeleton import H36M17
from tests.plug_in_gait import upright
from train.data.bodies import complaints
from train.mocap.c3d import read_c3d
from train.mocap.c3d_points import read_points
from train.mocap.files import read_motion
from train.mocap.h36m import POINTS
from train.mocap.kinematics import euler
from train.mocap.ui_prmd import MARKERS, read_ui_prmd

Array = np.ndarray
FRAMES = 12


def standing() -> dict[str, tuple[float, float, float]]:
    """A person with the knees a little ahead, so that they bend as knees do."""
    return upright(knee_y=20.0)


def moved(place: dict[str, tuple[float, float, float]]) -> tuple[list[str], Array]:
    """Labels, and places [T, N, 3] mm of the person on a walk."""
    steps = np.arange(FRAMES)[:, None, None] * np.array([3.0, 40.0, 0.0])
    return list(place), np.array(list(place.values()), float)[None] + steps


def write(
    path: Path, labels: list[str], places: Array, *, units: str = "mm", up: str = "+Z", rate: float = 100
) -> None:
    content = ezc3d.c3d()
    point = content["parameters"]["POINT"]
    point["RATE"]["value"], point["LABELS"]["value"], point["UNITS"]["value"] = [rate], labels, [units]
    content.add_parameter("POINT", "X_SCREEN", ["+X"])
    content.add_parameter("POINT", "Y_SCREEN", [up])
    content["data"]["points"] = np.concatenate([places.transpose(2, 1, 0), np.ones((1, len(labels), len(places)))])
    content.write(str(path))


UNITS = {"mm": 1.0, "cm": 0.1, "m": 0.001}
Y_UP = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]])  # from z up


@pytest.mark.parametrize("units", UNITS)
@pytest.mark.parametrize("up", ["+Z", "+Y"])
def test_markers_become_the_joints_that_ui_prmds_do(tmp_path: Path, units: str, up: str) -> None:
    labels, places = moved(standing())
    turn = np.eye(3) if up == "+Z" else Y_UP
    write(tmp_path / "a.c3d", [f"Ann:{name}" for name in labels], places @ turn.T * UNITS[units], units=units, up=up)
    points, fps = read_c3d(tmp_path / "a.c3d")
    table = {name: places[:, i] for i, name in enumerate(labels)}
    spare = np.zeros((FRAMES, 3))
    rows = np.concatenate([table.get(name, spare) for name in MARKERS], axis=1)
    wanted = read_ui_prmd("\n".join(",".join(map(str, row)) for row in rows))
    assert fps == 100
    if up == "+Z":
        np.testing.assert_allclose(points, wanted, atol=1e-4)
    lengths, known = (np.linalg.norm(p[:, 1:] - p[:, :1], axis=-1) for p in (points, wanted))
    np.testing.assert_allclose(lengths, known, atol=1e-4)
    np.testing.assert_allclose(points[..., 2], wanted[..., 2], atol=1e-4)


def test_a_unit_that_the_file_gets_wrong_is_found_by_the_legs(tmp_path: Path) -> None:
    labels, places = moved(standing())
    write(tmp_path / "a.c3d", labels, places, units="m", up="+Y")
    points, _ = read_c3d(tmp_path / "a.c3d")
    assert points[0, POINTS.index("head_top"), 2] == pytest.approx(1.75, abs=0.1)
    write(tmp_path / "a.c3d", labels, places * 7, units="mm")
    with pytest.raises(TrackFileError, match="grown-up"):
        read_c3d(tmp_path / "a.c3d")


def test_somebody_who_lies_is_turned_as_the_file_says(tmp_path: Path) -> None:
    labels, places = moved(standing())
    lying = places @ euler("x", np.radians([-50.0])).T
    write(tmp_path / "a.c3d", labels, lying, up="+Z")
    points, _ = read_c3d(tmp_path / "a.c3d")
    upright, _ = read_c3d_of(tmp_path, labels, places)
    np.testing.assert_allclose(points, upright @ euler("x", np.radians([-50.0])).T.astype(np.float32), atol=1e-4)


def read_c3d_of(tmp_path: Path, labels: list[str], places: Array) -> tuple[Array, float]:
    write(tmp_path / "b.c3d", labels, places)
    return read_c3d(tmp_path / "b.c3d")


def test_cmus_names_of_markers_are_known_and_lost_ones_are_nan(tmp_path: Path) -> None:
    place = standing()
    for side in "LR":
        place[f"{side}FWT"], place[f"{side}BWT"] = place.pop(f"{side}ASI"), place.pop(f"{side}PSI")
    labels, places = moved(place)
    places[3, labels.index("LKNE")] = 0
    places[4, labels.index("LKNE")] = np.nan
    points, _ = read_c3d_of(tmp_path, labels, places)
    knee = points[:, POINTS.index("left_knee")]
    assert np.isnan(knee[3:5]).all()
    assert np.isfinite(np.delete(knee, [3, 4], 0)).all()
    assert np.isfinite(points[:, POINTS.index("right_knee")]).all()


@pytest.mark.parametrize("style", ["{side}_{part}", "{letter}{Part}", "{Side}{Part}", "{letter}{P}JC"])
def test_joint_centres_are_told_by_their_labels(tmp_path: Path, style: str) -> None:
    labels, places = moved(standing())
    centres = dict(zip(POINTS, np.moveaxis(read_c3d_of(tmp_path, labels, places)[0], 1, 0), strict=True))
    names, joints = [], []
    for side in ("left", "right"):
        for part in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist"):
            words = {"letter": side[0].upper(), "Side": side.title(), "Part": part.title(), "P": part[0].upper()}
            names.append(style.format(side=side, part=part, **words))
            joints.append(centres[f"{side}_{part}"])
    write(tmp_path / "a.c3d", names, np.stack(joints, 1), units="m")
    points, _ = read_c3d(tmp_path / "a.c3d")
    assert complaints(points[:, :17], H36M17) == ()
    for name in ("left_hip", "right_wrist", "pelvis"):
        np.testing.assert_allclose(points[:, POINTS.index(name)], centres[name], atol=1e-4)
    assert np.isnan(points[:, POINTS.index("spine")]).all()


def test_more_labels_than_one_block_holds(tmp_path: Path) -> None:
    labels, places = moved(standing())
    many = [f"X{i}" for i in range(300)]
    write(tmp_path / "a.c3d", many + labels, np.concatenate([np.ones((FRAMES, 300, 3)), places], 1))
    assert read_points(tmp_path / "a.c3d").labels[-1] == labels[-1]
    assert np.isfinite(read_c3d(tmp_path / "a.c3d")[0]).all()


def test_other_labels_are_refused_by_name(tmp_path: Path) -> None:
    write(tmp_path / "a.c3d", ["one", "two"], np.ones((3, 2, 3)))
    with pytest.raises(TrackFileError, match="one, two"):
        read_c3d(tmp_path / "a.c3d")


def test_damaged_files_are_errors_and_the_reader_lives_on(tmp_path: Path) -> None:
    labels, places = moved(standing())
    write(tmp_path / "good.c3d", labels, places)
    good = (tmp_path / "good.c3d").read_bytes()
    rng = np.random.default_rng(3)
    refused = 0
    for seed in range(25):
        bad = bytearray(good)
        for _ in range(1 + seed % 6):
            bad[int(rng.integers(2, 2000))] = int(rng.integers(0, 256))
        (tmp_path / "bad.c3d").write_bytes(bytes(bad[: int(rng.integers(100, len(bad)))] if seed % 3 == 0 else bad))
        try:
            read_points(tmp_path / "bad.c3d")
        except TrackFileError:
            refused += 1
    assert refused > 0
    assert np.isfinite(read_c3d(tmp_path / "good.c3d")[0]).all()
    for content in (b"", b"nothing at all"):
        (tmp_path / "bad.c3d").write_bytes(content)
        with pytest.raises(TrackFileError, match="0x50"):
            read_points(tmp_path / "bad.c3d")
    with pytest.raises(TrackFileError, match="no file"):
        read_points(tmp_path / "none.c3d")


def test_motion_files_of_any_kind_are_takes(tmp_path: Path) -> None:
    labels, places = moved(standing())
    write(tmp_path / "walk.c3d", labels, places)
    take = read_motion(tmp_path / "walk.c3d")
    assert (take.trial, take.fps, take.points.shape) == ("walk", 100.0, (FRAMES, 19, 3))
    (tmp_path / "walk.fbx").write_text("x")
    with pytest.raises(TrackFileError, match=r"\.c3d"):
        read_motion(tmp_path / "walk.fbx")
    (tmp_path / "walk.bvh").write_text("}\nHIERARCHY")
    with pytest.raises(TrackFileError, match=r"walk\.bvh"):
        read_motion(tmp_path / "walk.bvh")


@pytest.mark.data
def test_real_bvh_is_read_in_its_own_unit_and_up_axis(data: Path, tmp_path: Path) -> None:
    import tarfile

    wanted = {
        "animated_drawings_mit": ("jesse_dance.bvh", "dab.bvh"),
        "cmu_bvh_iclone": ("006_09.bvh",),
    }
    for archive, names in wanted.items():
        with tarfile.open(data / "mocap" / f"{archive}.tar.xz") as tar:
            for member in tar:
                if Path(member.name).name in names:
                    source = tar.extractfile(member)
                    assert source is not None
                    (tmp_path / Path(member.name).name).write_bytes(source.read())
    for name in ("jesse_dance.bvh", "006_09.bvh"):
        points = read_motion(tmp_path / name).points
        heads = points[:, POINTS.index("head_top"), 2] - points[:, POINTS.index("left_ankle"), 2]
        assert 1.0 < np.median(heads) < 2.0, name
    with pytest.raises(TrackFileError, match="legs are"):
        read_motion(tmp_path / "dab.bvh")
