"""Comparing recipes: every variant with every seed, once; means and spreads in a table."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import train.lifter as lifter_recipe
from stream3d.errors import SettingsError
from stream3d.settings import from_table, load_toml
from tests.walker import walker
from train import ablation
from train.ablation import Plan, as_markdown, runs_of
from train.command import CONFIGS, Place
from train.evaluation.streams import clips_of
from train.lifter import Conditional, Recipe
from train.mocap.takes import Take
from train.recipe import Schedule
from train.windows import MotionPool

TINY = {"steps": 2, "sequences": 2, "lone": 2, "shape": {"channels": 8, "width": 16, "blocks": 1}}


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    take = Take(points=walker(150), fps=60.0, subject="02", trial="1")

    def game_of(recipe: Recipe, _: Place) -> Conditional:
        return Conditional(recipe, MotionPool.of([take]), None)

    monkeypatch.setattr(lifter_recipe, "game_of", game_of)
    clips = clips_of([take])
    monkeypatch.setattr(ablation, "held_out", lambda *_: {"cmu": clips, "hdm05": clips})
    return Place(data=tmp_path, work=tmp_path, out=tmp_path / "ablation" / "small", device="cpu")


def test_variants_times_seeds_are_trained_once_and_tabled(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = Plan(variants={"all of it": {}, "no velocity": {"w_velocity": 0}}, seeds=(0, 1), base=TINY)
    results = ablation.compare(plan, place)
    assert [(r["variant"], r["seed"]) for r in results] == [(v, s) for s in (0, 1) for v in plan.variants]
    assert results[1]["recipe"]["w_velocity"] == 0
    assert json.loads(place.out.with_suffix(".json").read_text()) == results
    assert place.out.with_suffix(".md").read_text() == as_markdown(results)
    lines = as_markdown(results).splitlines()
    errors = [r["sets"]["cmu"]["all 17 joints"]["mpjpe"] for r in results if r["variant"] == "no velocity"]
    assert f"| no velocity | 2 | {np.mean(errors):.1f} ± {np.std(errors, ddof=1):.1f} |" in lines[3]

    def never(*_: object) -> None:
        raise AssertionError("what is done is not trained again")

    monkeypatch.setattr(ablation, "trained", never)
    assert ablation.compare(plan, place) == results
    with pytest.raises(SettingsError, match="of other settings"):
        ablation.compare(Plan(variants=plan.variants, seeds=(0,), base={**TINY, "steps": 3}), place)


def test_one_seed_has_no_spread(place: Place) -> None:
    results = ablation.compare(Plan(variants={"one": {}}, base=TINY), place)
    assert "±" not in as_markdown(results)


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ({"variants": {}}, "at least one table"),
        ({"variants": {"a": {"w_views": 1}}}, "variants.a.* no 'w_views'"),
        ({"variants": {"a": {"recipe": "magic"}}}, "must be one of lifter, mpii2d, cyclegan, poseaug"),
        ({"variants": {"a b": {}, "a-b": {}}}, "two variants"),
        ({"variants": {"a": {}}, "seeds": [1, 1]}, "a seed stands twice"),
        ({"variants": {"a": {}}, "every": 0}, "every must be at least 1"),
        ({"variants": {"a": {}}, "seed": [1]}, "no 'seed'"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(table: dict[str, object], told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        runs_of(from_table(Plan, table, "plan"))


@pytest.mark.parametrize("path", sorted((CONFIGS / "ablation").glob("*.toml")), ids=lambda path: path.name)
def test_every_plan_that_comes_along_can_be_run(path: Path) -> None:
    runs = runs_of(from_table(Plan, load_toml(path), path.name))
    assert all(isinstance(run.recipe, Schedule) for run in runs)
    assert len({run.recipe.steps for run in runs}) == 1


def test_the_command_refuses_a_wrong_plan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text("[variants.a]\nw_views = 1\n")
    with pytest.raises(SystemExit) as stopped:
        ablation.main(["--data", str(tmp_path), "--config", str(plan)])
    assert stopped.value.code == 2
    assert "no 'w_views'" in capsys.readouterr().err
