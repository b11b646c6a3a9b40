"""The walk from a folder of photographs to a trained GAN, taken in small steps on frames of the sample clip."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from itertools import islice
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from stream3d.errors import TrackFileError
from stream3d.geometry import Camera, project
from stream3d.nets.lifter_torch import load_lifter
from stream3d.sample import load_truth
from stream3d.skeleton import COCO17, H36M17, convert
from stream3d.source import SourceSettings, open_source
from stream3d.source.images import read_image
from stream3d.trackfile import load_tracks
from tests.clips import picture, write_image
from train import walkthrough
from train.data import Poses2DSet, load_poses2d, save_poses2d
from train.data.values import with_gaps
from train.mpii2d import Recipe
from train.netfile import load_nets
from train.people import load_own, load_people

EVERY = 12  # of the sample's frames
COUNT = 6
SMALL = ["shape.width=32", "shape.blocks=1", "critic_width=16", "people=16", "warm_up=1"]
STEPS = 30


def name_of(index: int) -> str:
    return f"photo{index:03d}.png"


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Frames with one person each, and one picture with nobody."""
    folder = tmp_path_factory.mktemp("images")
    with open_source("sample") as source:
        for frame in islice(source, 0, COUNT * EVERY, EVERY):
            write_image(folder / name_of(frame.index), frame.image)
    write_image(folder / "nobody.png", picture(5, width=320, height=240))
    return folder


@pytest.fixture(scope="module")
def walked(
    images: Path,
    weights: None,  # noqa: ARG001 - the nets must be there
    tmp_path_factory: pytest.TempPathFactory,
) -> SimpleNamespace:
    """The command, run once; what training and the last step answered is kept."""
    out = tmp_path_factory.mktemp("walk") / "out"
    kept = SimpleNamespace(out=out)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("train_gan", "use_again"):
            step = getattr(walkthrough, name)
            patch.setattr(walkthrough, name, lambda *given, name=name, step=step: keep(kept, name, step(*given)))
        walkthrough.main([str(images), "--out", str(out), "--steps", str(STEPS), "--set", *SMALL])
    return kept


def keep(kept: SimpleNamespace, name: str, value: object) -> object:
    setattr(kept, name, value)
    return value


pytestmark = pytest.mark.slow


def test_json_and_numpy_hold_the_same_joints_and_they_lie_on_the_person(walked: SimpleNamespace) -> None:
    poses, same = load_poses2d(walked.out / "joints.json"), load_poses2d(walked.out / "joints.npz")
    np.testing.assert_allclose(poses.keypoints, same.keypoints, rtol=1e-6)
    assert poses.images == same.images == tuple(name_of(EVERY * k) for k in range(COUNT))
    assert (poses.sizes == [960, 720]).all()
    truth = load_truth().coco2d[: COUNT * EVERY : EVERY]
    off = np.linalg.norm(convert(poses.keypoints, poses.layout, COCO17)[..., :2] - truth, axis=-1)
    assert np.nanmedian(off) < 15


@pytest.mark.parametrize("name", ["joints.png", "losses.png", "lifted.png", "scores.png"])
def test_pictures_show_something(walked: SimpleNamespace, name: str) -> None:
    image = read_image(walked.out / name, SourceSettings())
    drawn = (image != image[0, 0]).any(-1)
    assert min(image.shape[:2]) > 200
    assert drawn.mean() > 0.02
    # Not only a frame round nothing: something stands in every part of the picture.
    assert all(part.any() for rows in np.array_split(drawn, 2) for part in np.array_split(rows, 2, 1))


def test_photographs_are_beside_their_joints(walked: SimpleNamespace) -> None:
    image = read_image(walked.out / "lifted.png", SourceSettings()).astype(int)
    quarters = np.array_split(image, 4, 1)
    white = [(quarter > 230).all(-1).mean() for quarter in quarters]
    assert white[0] < 0.3
    assert min(white[2:]) > 0.8
    for quarter in quarters[1:]:
        orange = (quarter[..., 0] > 190) & (quarter[..., 2] < 110)
        assert orange.sum() > 50


def test_everybody_is_lifted_and_stored(walked: SimpleNamespace) -> None:
    tracks, poses = load_tracks(walked.out / "lifted.npz"), load_poses2d(walked.out / "joints.npz")
    np.testing.assert_array_equal(tracks.person, np.arange(COUNT))
    np.testing.assert_array_equal(tracks.frame, 1 + np.arange(COUNT))  # "nobody.png" comes first
    np.testing.assert_array_equal(tracks.keypoints2d, poses.keypoints)
    assert np.isfinite(tracks.joints3d).all()
    assert (tracks.sigma > 0).all()
    limbs = [i for i, name in enumerate(H36M17.names) if name.endswith(("wrist", "ankle", "knee", "elbow"))]
    seen = convert(tracks.keypoints2d, tracks.keypoint_layout, H36M17)[..., :2]
    off = np.linalg.norm(project(tracks.joints3d, Camera.from_fov(960, 720)) - seen, axis=-1)[:, limbs]
    assert np.median(off) < 30
    lines = [json.loads(line) for line in (walked.out / "lifted.jsonl").read_text().splitlines()]
    assert sum(len(line.get("people", [])) for line in lines) == COUNT


def test_nets_from_files_are_those_that_were_trained(walked: SimpleNamespace) -> None:
    trainer, out = walked.train_gan, walked.out
    assert trainer.step == STEPS
    windows, people = torch.randn(3, 27, 55), torch.rand(3, 17, 3)
    with torch.no_grad():
        stored = copy.deepcopy(trainer.average["lifter"]).half().float()  # as files have it
        torch.testing.assert_close(load_lifter(out / "mpii2d.safetensors")(windows), stored(windows))
        critic = load_nets(out / "mpii2d_critics.safetensors")[0]["view"]
        torch.testing.assert_close(critic(people), trainer.critics["view"](people), rtol=0, atol=0)


def test_the_critic_from_its_file_judges_the_same_again(walked: SimpleNamespace) -> None:
    real, fake = walkthrough.use_again(walked.out, None)
    assert real.shape == fake.shape == (64,)  # sixteen people from four sides
    assert np.isfinite([real, fake]).all()
    np.testing.assert_array_equal(real, walked.use_again[0])
    np.testing.assert_array_equal(fake, walked.use_again[1])
    assert np.ptp(real) > 0


def test_a_second_walk_into_the_same_folder_trains_anew(walked: SimpleNamespace) -> None:
    recipe = walked.train_gan.game.recipe
    again = walkthrough.train_gan(recipe, walked.out, None)
    assert again.step == STEPS
    steps = [json.loads(line)["step"] for line in (walked.out / "mpii2d.jsonl").read_text().splitlines()]
    assert steps == list(range(10, STEPS + 1, 10))
    torch.testing.assert_close(again.nets.state_dict(), walked.train_gan.nets.state_dict())


def test_head_is_drawn_only_where_it_was_learned(walked: SimpleNamespace) -> None:
    learned = walkthrough.learned_joints(walked.train_gan)
    assert {H36M17.names[joint] for joint in np.flatnonzero(~learned)} == {"nose", "head_top"}


@pytest.mark.usefixtures("weights")
def test_bad_folders_end_in_one_line(images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty = tmp_path / "images"
    empty.mkdir()
    write_image(empty / "nobody.png", picture(5, width=320, height=240))
    for what, code, word in ((empty, 1, "found nobody in its 1 photographs"), (images / "a.png", 2, "no folder")):
        with pytest.raises(SystemExit) as ended:
            walkthrough.main([str(what), "--out", str(tmp_path / "out")])
        told = capsys.readouterr().err.strip().splitlines()[-1]
        assert ended.value.code == code
        assert word in told
        assert told.startswith("train.walkthrough: ")


def own_file(path: Path, count: int, sure: float = 1.0) -> Path:
    """People of the sample clip as a file of 2D poses."""
    xy = load_truth().coco2d[:count]
    keypoints = with_gaps(xy, np.full(xy.shape[:2], sure))
    sizes = np.tile(np.array([960, 720], np.int32), (count, 1))
    save_poses2d(path, Poses2DSet(keypoints=keypoints, layout=COCO17, sizes=sizes))
    return path


def test_own_people_alone_need_no_data_folder(tmp_path: Path) -> None:
    own = own_file(tmp_path / "own.json", 20)
    people = load_people(tmp_path / "none", [], str(own))
    assert len(people) == len(load_own(own)) == 20


def test_joints_of_little_confidence_make_nobody_whole(tmp_path: Path) -> None:
    own = own_file(tmp_path / "own.npz", 20, sure=0.2)
    with pytest.raises(TrackFileError, match=r"own\.npz: of its 20 people none"):
        load_people(tmp_path, [], str(own))
    poses = load_poses2d(own_file(tmp_path / "some.npz", 20))
    keypoints = poses.keypoints.copy()
    keypoints[:5, COCO17.names.index("left_wrist"), 2] = 0.1
    save_poses2d(tmp_path / "some.npz", replace(poses, keypoints=keypoints))
    assert len(load_own(tmp_path / "some.npz")) == 15


@pytest.mark.data
def test_own_people_are_a_quarter_beside_others(data: Path, tmp_path: Path) -> None:
    own = own_file(tmp_path / "own.npz", 100)
    mpii, both = load_people(data, ["mpii"]), load_people(data, Recipe(sets=("mpii",)).sets, str(own))
    assert (len(both) - len(mpii)) / len(both) == pytest.approx(0.25, abs=0.005)
