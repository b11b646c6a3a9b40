"""Which lifter is meant: by name, by file, by lookahead; and what is said where there is none."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from stream3d.cli import main
from stream3d.engine import EngineSettings
from stream3d.errors import ModelError, SettingsError
from stream3d.lift import LiftSettings, make_lifter
from stream3d.nets import lifter as shelf
from stream3d.nets.lifter import describe_lifter, find_lifter, shipped_lifters
from stream3d.nets.lifter_shape import LifterShape
from stream3d.nets.lifter_torch import Lifter, save_lifter
from stream3d.pipeline import RunSettings
from stream3d.settings import from_table, load_toml

TORCH = EngineSettings(engine="torch", device="cpu")


def weights(path: Path, lookahead: int = 0) -> Path:
    torch.manual_seed(lookahead)
    save_lifter(Lifter(LifterShape(channels=16, width=32, blocks=1, lookahead=lookahead)), path, {"note": "test"})
    return path


@pytest.fixture
def shelved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that ships a default lifter, mpii2d and one with two frames of lookahead."""
    folder = tmp_path / "data"
    default = weights(folder / "lifter.safetensors")
    weights(folder / "lifter-mpii2d.safetensors")
    weights(folder / "lifter-lookahead-2.safetensors", 2)
    monkeypatch.setattr(shelf, "WEIGHTS", default)
    return folder


def test_what_ships_is_found_by_name_and_by_lookahead(shelved: Path) -> None:
    assert list(shipped_lifters()) == ["default", "lookahead-2", "mpii2d"]
    assert find_lifter() == find_lifter("default", 0) == shelved / "lifter.safetensors"
    assert find_lifter("mpii2d") == find_lifter("mpii2d", 0) == shelved / "lifter-mpii2d.safetensors"
    assert find_lifter("default", 2) == find_lifter("lookahead-2") == shelved / "lifter-lookahead-2.safetensors"
    assert describe_lifter(find_lifter("default", 2)).name == "lookahead-2"


def test_a_file_is_found_and_knows_its_own_lookahead(shelved: Path, tmp_path: Path) -> None:
    mine = weights(tmp_path / "mine.safetensors", 3)
    lifter = make_lifter(LiftSettings(lifter=str(mine)), TORCH)
    assert lifter.lookahead == 3
    assert lifter.about["name"] == "mine.safetensors"
    assert lifter.about["lookahead"] == 3
    assert len(str(lifter.about["sha256"])) == 64
    assert find_lifter(str(mine), 3) == mine
    assert (describe_lifter(mine).spec().name, describe_lifter(shelved / "lifter.safetensors").spec().name) == (
        "lifter-mine",
        "lifter",
    )


@pytest.mark.parametrize(
    ("name", "lookahead", "said"),
    [
        ("default", 5, "--lookahead 5: no such weights; there are default, lookahead-2, mpii2d"),
        ("best", None, "--lifter best: no such weights; there are default"),
        ("mpii2d", 2, "--lifter mpii2d looks 0 frames ahead, not the 2"),
        ("lookahead-2", 0, "--lifter lookahead-2 looks 2 frames ahead, not the 0"),
    ],
)
@pytest.mark.usefixtures("shelved")
def test_what_is_not_there_is_said_with_what_is(name: str, lookahead: int | None, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        find_lifter(name, lookahead)
    with pytest.raises(SettingsError, match="lookahead must be 0 or more"):
        LiftSettings(lookahead=-1)


def test_a_file_that_is_no_lifter_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.safetensors").write_text("hello")
    with pytest.raises(ModelError, match="holds no lifter"):
        make_lifter(LiftSettings(lifter=str(tmp_path / "text.safetensors")), TORCH)


def keypoint_file(path: Path, frames: int = 7) -> Path:
    rng = np.random.default_rng(0)
    keypoints = np.concatenate([rng.normal(320, 60, (frames, 17, 2)), np.ones((frames, 17, 1))], -1)
    np.savez(path, keypoints=keypoints.astype(np.float32), layout="coco17", fps=25.0, width=640, height=480)
    return path


def test_lift_with_lookahead_answers_every_frame_and_names_its_weights(shelved: Path, tmp_path: Path) -> None:
    source, out = keypoint_file(tmp_path / "in.npz"), tmp_path / "out.npz"
    words = ["lift", str(source), "--save", str(out), "--engine", "torch", "--quiet", "--smooth", "none"]
    assert main([*words, "--lookahead", "2"]) == 0
    with np.load(out, allow_pickle=False) as made:
        assert np.isfinite(made["joints3d"]).all()
        assert made["joints3d"].shape == (7, 17, 3)
        meta = json.loads(str(made["meta"]))
    said = describe_lifter(shelved / "lifter-lookahead-2.safetensors")
    assert meta["lifter"] == {"name": "lookahead-2", "sha256": said.sha256, "kind": "tcn", "lookahead": 2}


@pytest.mark.usefixtures("shelved")
@pytest.mark.parametrize("words", [("--lookahead", "7"), ("--lifter", "nothing")])
def test_the_command_line_says_what_there_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, str]
) -> None:
    source = keypoint_file(tmp_path / "in.npz")
    assert main(["lift", str(source), "--save", str(tmp_path / "out.npz"), *words]) == 2
    said = capsys.readouterr().err
    assert "there are default, lookahead-2, mpii2d" in said
    assert words[1] in said
    assert "Traceback" not in said


@pytest.mark.usefixtures("shelved")
def test_a_config_file_names_the_lifter(tmp_path: Path) -> None:
    config = tmp_path / "run.toml"
    config.write_text('[lift]\nlifter = "lookahead-2"\nlookahead = 2\n')
    settings = from_table(RunSettings, load_toml(config), "config")
    assert make_lifter(settings.lift, TORCH).about["name"] == "lookahead-2"


def test_a_lifter_is_described_without_torch() -> None:
    code = "import sys; from stream3d.nets.lifter import lifter_spec; lifter_spec(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.usefixtures("shelved")
def test_what_ships_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models"]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert "0 frames" in lines["lifter:default"]
    assert "2 frames" in lines["lifter:lookahead-2"]
    assert "tcn" in lines["lifter:mpii2d"]
