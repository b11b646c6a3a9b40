"""What every recipe shares: settings, the watch, logs, pictures, files of critics."""

from __future__ import annotations

import json
import sys
from collections import deque
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from stream3d.errors import DeviceError, ModelError, ModelMissingError, SettingsError
from stream3d.nets.lifter_torch import Lifter, LifterShape, load_lifter
from tests.walker import walker
from train import checkpoint, command, mpii2d
from train.critics import MotionCritic, PoseCritic, ViewCritic
from train.harness import Trainer, device_of, finish, has_bf16, run
from train.lifter import Conditional, Recipe
from train.log import Log
from train.mocap.takes import Take
from train.netfile import load_nets, save_nets
from train.pictures import Shown, sheet
from train.recipe import Run
from train.watch import TrainingFailedError, Watch
from train.windows import MotionPool

SMALL = LifterShape(channels=16, width=32, blocks=1)
RECIPE = Recipe(steps=4, sequences=4, adversarial_every=2, shape=SMALL)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def pool() -> MotionPool:
    return MotionPool.of([Take(points=walker(200), fps=60.0, subject="9", trial="1")])


def parsed(*words: str, config: Path | None = None) -> Recipe:
    name = ["--config", str(config)] if config else []
    return command.settings_of(
        Recipe, command._parser("lifter", "", Path("x")).parse_args(["--data", "d", *name, *words])
    )


def test_settings_come_from_the_file_then_set_then_flags(tmp_path: Path) -> None:
    config = tmp_path / "mine.toml"
    config.write_text("steps = 9\nw_view = 0\n[shape]\nchannels = 16\nwidth = 32\n")
    recipe = parsed("--set", "shape.width=64", "learning_rate=1e-2", "--steps", "7", config=config)
    assert (recipe.steps, recipe.w_view, recipe.learning_rate) == (7, 0.0, 0.01)
    assert recipe.shape == LifterShape(channels=16, width=64)
    assert parsed("--set", "minutes=3").minutes == 3.0
    assert parsed("--set", "minutes=3", "--steps", "5").minutes == 0.0


def test_what_a_table_within_leaves_out_is_as_the_recipe_has_it() -> None:
    recipe = command.recipe_of(mpii2d.Recipe, {"shape": {"width": 64}}, "x")
    assert recipe.shape == replace(mpii2d.Recipe().shape, width=64)
    assert recipe.shape != LifterShape(width=64)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("w_views=1",), "no 'w_views'"),
        (("shape.depth=1",), "no 'depth'"),
        (("steps=many",), "must be int"),
        (("w_view",), "KEY=VALUE"),
        (("steps=0",), "needs minutes or steps"),
        (("learning_rate=0",), "must be above 0"),
        (("ema=1",), "below 1"),
        (("diverged=0.5",), "must be above 1"),
    ],
)
def test_what_is_not_a_setting_is_refused(words: tuple[str, ...], told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        parsed("--set", *words)


@pytest.mark.parametrize("path", sorted(command.CONFIGS.glob("*.toml")), ids=lambda path: path.name)
def test_every_config_fits_its_recipe(path: Path) -> None:
    import importlib

    module = importlib.import_module(f"train.{path.stem.split('_')[0]}")
    if hasattr(module, "__path__"):  # a recipe of several files
        module = importlib.import_module(f"{module.__name__}.game")
    given = command._parser("x", "", Path("x")).parse_args(["--data", "d", "--config", str(path)])
    assert isinstance(command.settings_of(module.Recipe, given), Run)


def test_a_wrong_setting_is_one_line_and_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    from train.lifter import main

    with pytest.raises(SystemExit) as stopped:
        main(["--data", "nowhere", "--set", "w_views=1"])
    assert stopped.value.code == 2
    assert "no 'w_views'" in capsys.readouterr().err


def test_a_device_that_is_not_there_is_an_error() -> None:
    assert device_of("cpu").type == "cpu"
    with pytest.raises(DeviceError, match="--device toaster"):
        device_of("toaster")
    if not torch.cuda.is_available():
        with pytest.raises(DeviceError, match="--device cuda"):
            device_of("cuda")


def test_bfloat16_follows_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    for able in ({}, {"avx512_bf16": True}, {"amx_bf16": True, "avx512_bf16": False}):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda able=able: able)
        assert has_bf16(torch.device("cpu")) == any(able.values())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA here")
def test_it_trains_on_cuda(pool: MotionPool, tmp_path: Path) -> None:
    log = run(Trainer(Conditional(RECIPE, pool, None), "cuda"), tmp_path)
    assert len(log) == 4


def watch(**changes: float) -> Watch:
    return Watch(**{"name": "loss", "factor": 3.0, "patience": 5, "warm_up": 10} | changes)


def test_a_loss_that_runs_away_stops_the_run() -> None:
    seen = watch()
    for step in range(50):
        seen.check(step, {"loss": 1.0})
    with pytest.raises(TrainingFailedError, match=r"diverged: loss is .* 3 times its best, 1,"):
        deque((seen.check(step, {"loss": 10.0}) for step in range(50, 200)), maxlen=0)
    assert seen.bad == 5


def test_a_spike_or_a_bad_start_stops_nothing() -> None:
    seen = watch()
    for step in range(200):
        seen.check(step, {"loss": 1.0 if step < 5 else 4.0, "other": 1e9})
    seen = watch(patience=50)
    for step in range(300):
        seen.check(step, {"loss": 100.0 if step in (100, 200) else 1.0})


def test_a_loss_that_is_no_number_stops_the_run_with_a_word(pool: MotionPool) -> None:
    trainer = Trainer(Conditional(RECIPE, pool, None))
    before = {k: v.clone() for k, v in trainer.average.state_dict().items()}
    with torch.no_grad():
        trainer.nets["lifter"].head.bias.fill_(float("nan"))
    with pytest.raises(TrainingFailedError, match=r"step 0: a loss is no longer finite.*mpjpe nan"):
        trainer.train_on(trainer.game.batch(0))
    for key, value in trainer.average.state_dict().items():
        torch.testing.assert_close(value, before[key])


def test_a_run_that_diverges_leaves_by_exit_code_1(
    pool: MotionPool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def game_of(recipe: Recipe, _: command.Place) -> Conditional:
        game = Conditional(recipe, pool, None)
        nn.init.constant_(game.lifter.head.bias, float("inf"))
        return game

    words = f"--data d --work {tmp_path} --set sequences=4 adversarial_every=0 --steps 3".split()
    with pytest.raises(SystemExit) as stopped:
        command.main(Recipe, game_of, "", tmp_path / "lifter.safetensors", words)
    assert stopped.value.code == 1
    assert "no longer finite" in capsys.readouterr().err
    assert not (tmp_path / "lifter.safetensors").exists()


def test_the_watch_survives_a_checkpoint(pool: MotionPool, tmp_path: Path) -> None:
    trainer = Trainer(Conditional(RECIPE, pool, None))
    trainer.train_on(trainer.game.batch(0))
    trainer.watch.best = 0.25
    trainer.save(tmp_path / "a.safetensors")
    again = Trainer(Conditional(RECIPE, pool, None))
    again.load(tmp_path / "a.safetensors")
    assert again.watch == trainer.watch


def test_a_checkpoint_of_another_recipe_is_refused(pool: MotionPool, tmp_path: Path) -> None:
    Trainer(Conditional(RECIPE, pool, None)).save(tmp_path / "lifter_checkpoint.safetensors")
    with pytest.raises(SettingsError, match="another recipe"):
        run(Trainer(Conditional(replace(RECIPE, steps=7), pool, None)), tmp_path)
    (tmp_path / "lifter_checkpoint.safetensors").write_bytes(b"none")
    with pytest.raises(ModelError, match="no checkpoint"):
        checkpoint.numbers_of(tmp_path / "lifter_checkpoint.safetensors")


def test_a_run_leaves_weights_critics_and_a_log(pool: MotionPool, tmp_path: Path) -> None:
    trainer = Trainer(Conditional(RECIPE, pool, None))
    told = run(trainer, tmp_path, log_every=2, picture_every=2)
    finish(trainer, tmp_path, tmp_path / "out.safetensors")
    assert load_lifter(tmp_path / "out.safetensors").shape == SMALL
    lines = [json.loads(line) for line in (tmp_path / "lifter.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [2, 4]
    assert lines[0]["mpjpe"] == pytest.approx((told[0]["mpjpe"] + told[1]["mpjpe"]) / 2)
    critics, notes = load_nets(tmp_path / "lifter_critics.safetensors")
    assert json.loads(notes["recipe"]) == json.loads(json.dumps(asdict(RECIPE)))
    poses = torch.randn(3, 17, 3)
    torch.testing.assert_close(critics["pose"](poses)[0], trainer.critics["pose"](poses)[0])


def test_tensorboard_gets_scalars_and_pictures(pool: MotionPool, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run(Trainer(Conditional(RECIPE, pool, None)), tmp_path, log_every=2, picture_every=4)
    events = EventAccumulator(str(tmp_path / "tensorboard" / "lifter"))
    events.Reload()
    assert [event.step for event in events.Scalars("loss/mpjpe")] == [2, 4]
    assert [event.step for event in events.Images("poses")] == [4]


def test_without_tensorboard_the_lines_are_still_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with Log(tmp_path, "x", 0) as log:
        log.add({"a": 1.0})
        log.add({"a": 3.0, "b": 5.0})
        assert log.write(2, rate=0.5) == {"a": 2.0, "b": 5.0}
        assert not log.draws
        log.picture(2, np.zeros((4, 4, 3), np.uint8))
    assert json.loads((tmp_path / "x.jsonl").read_text()) == {"step": 2, "rate": 0.5, "a": 2.0, "b": 5.0}
    assert not (tmp_path / "tensorboard").exists()


def test_lines_after_the_checkpoint_of_a_killed_run_go_away(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text('{"step": 20}\n{"step": 40}\n{"step": 60}\n{"ste')
    with Log(tmp_path, "x", 40):
        pass
    assert (tmp_path / "x.jsonl").read_text() == '{"step": 20}\n{"step": 40}\n'


def test_critics_come_back_as_they_were_made(tmp_path: Path) -> None:
    nets = nn.ModuleDict({"a": PoseCritic(width=8), "b": MotionCritic(width=12), "c": ViewCritic()})
    save_nets(nets, tmp_path / "critics.safetensors", {"steps": "5"})
    again, notes = load_nets(tmp_path / "critics.safetensors")
    assert notes == {"steps": "5"}
    assert [type(net) for net in again.values()] == [PoseCritic, MotionCritic, ViewCritic]
    for key, value in nets.state_dict().items():
        torch.testing.assert_close(again.state_dict()[key], value)


def test_a_file_without_critics_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelMissingError, match="no critics at"):
        load_nets(tmp_path / "none.safetensors")
    (tmp_path / "bad.safetensors").write_bytes(b"nothing of the kind")
    with pytest.raises(ModelError, match="holds no critics"):
        load_nets(tmp_path / "bad.safetensors")


def test_pictures_show_the_input_and_three_sides() -> None:
    poses = walker(3)[:, :17][..., [0, 2, 1]] * np.array([1, -1, 1], np.float32)
    poses = poses - poses[:, :1]
    shown = Shown(rays=poses[..., :2], seen=np.ones((3, 17), bool), poses=poses, truth=poses + np.float32(0.2))
    picture = sheet(shown, most=2)
    assert picture.shape == (320, 640, 3)
    assert picture.dtype == np.uint8
    red = (picture[..., 0] > 180) & (picture[..., 1] < 100)
    green = (picture == np.array([170, 205, 170])).all(-1)
    assert red[:160, :160].any()
    assert not green[:, :160].any()
    assert green[:160, 160:320].any()
    assert not sheet(replace(shown, seen=np.zeros((3, 17), bool)))[:, :160].std()


def test_an_untrained_lifter_is_drawn_without_truth(pool: MotionPool) -> None:
    trainer = Trainer(Conditional(RECIPE, pool, None))
    shown = trainer.game.shown(trainer.game.batch(0), trainer)
    assert shown.poses.shape == (6, 17, 3)
    assert isinstance(trainer.nets["lifter"], Lifter)
    assert sheet(replace(shown, truth=None)).shape == (960, 640, 3)
