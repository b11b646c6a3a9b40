"""Compare variants of the recipes at equal budget: ``python -m train.ablation --data DIR --config FILE``.

Every variant is trained with every seed, one after the other, each in a folder of its own below ``--work``; what is
done is skipped and what was killed goes on. Each is measured on subjects that nobody was trained on. Writes NAME.json
with every figure and NAME.md with a table of means and standard deviations over the seeds.

The file: ``seeds``, a table ``base`` of settings that all share, and a table of settings per variant below
``variants``; ``recipe`` among them is the name of the recipe (lifter, mpii2d, cyclegan, poseaug), ``seeds`` those of
the file that the variant takes part in. Budgets are equal when ``steps`` are.
"""

from __future__ import annotations

import argparse
import importlib
import json
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from stream3d.errors import SettingsError, Stream3DError
from stream3d.nets.lifter_torch import Lifter, load_lifter
from stream3d.settings import from_table, load_toml
from train.command import Place, assigned, merged, recipe_of
from train.evaluate import evaluate
from train.evaluation.streams import CONDITIONS, Clip, clips_of
from train.harness import Trainer, finish, run
from train.mocap.archives import ASFAMC, HDM05
from train.mocap.takes import load_takes, split
from train.recipe import Schedule

RECIPES = ("lifter", "mpii2d", "cyclegan", "poseaug")
_CLEAN, _NOISY, _GAPS = "all 17 joints", "BlazePose or COCO, 10 px noise", "BlazePose or COCO, 10 % missing"
# Heading, set, condition, figure.
COLUMNS = (
    ("CMU MPJPE", "cmu", _CLEAN, "mpjpe"),
    ("PA", "cmu", _CLEAN, "pa_mpjpe"),
    ("asym. %", "cmu", _CLEAN, "asymmetry"),
    ("limits %", "cmu", _CLEAN, "beyond_limits"),
    ("COCO, 10 px", "cmu", _NOISY, "mpjpe"),
    ("acc.", "cmu", _NOISY, "acceleration"),
    ("COCO, 10 % missing", "cmu", _GAPS, "mpjpe"),
    ("HDM05 MPJPE", "hdm05", _CLEAN, "mpjpe"),
    ("PA ", "hdm05", _CLEAN, "pa_mpjpe"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What is compared: see the module. Of the held-out clips every ``every``-th is measured on."""

    variants: dict  # as TOML has them: tables of settings
    seeds: tuple[int, ...] = (0,)
    base: dict = field(default_factory=dict)
    every: int = 1

    def __post_init__(self) -> None:
        if not self.variants or not self.seeds:
            raise SettingsError("an ablation needs seeds and at least one table below [variants]")
        if self.every < 1:
            raise SettingsError(f"every must be at least 1, not {self.every}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """One training: a variant with a seed."""

    variant: str
    module: str
    recipe: Schedule

    @property
    def folder(self) -> str:
        """A name for its folder."""
        return f"{re.sub(r'[^a-z0-9]+', '-', self.variant.lower()).strip('-')}-{self.recipe.seed}"


def runs_of(plan: Plan) -> list[Run]:
    """All of them, the first seed of every variant first.

    Raises:
        SettingsError: an unknown recipe or setting, or two variants that would share a folder.
    """
    out = []
    for seed in plan.seeds:
        for name, own in plan.variants.items():
            table = merged(plan.base, own)
            if seed not in table.pop("seeds", plan.seeds):
                continue
            module = table.pop("recipe", "lifter")
            if module not in RECIPES:
                raise SettingsError(f"[variants.{name}] recipe must be one of {', '.join(RECIPES)}, not {module!r}")
            kind = importlib.import_module(f"train.{module}").Recipe
            recipe = recipe_of(kind, {**table, "seed": seed}, f"variants.{name}")
            out.append(Run(variant=name, module=module, recipe=recipe))
    if len({run.folder for run in out}) < len(out):
        raise SettingsError("two variants have names that differ in signs only, or a seed stands twice")
    return out


def trained(one: Run, place: Place, folder: Path) -> Path:
    """The weights of a run, trained now unless that was done before."""
    weights = folder / "out.safetensors"
    if not weights.is_file():
        game = importlib.import_module(f"train.{one.module}").game_of(one.recipe, place)
        trainer: Trainer[Any] = Trainer(game, place.device)
        run(trainer, folder)
        finish(trainer, folder, weights)
    return weights


def measured(net: Lifter, sets: dict[str, list[Clip]]) -> dict[str, dict[str, Any]]:
    """Figures by set and condition, of those that COLUMNS want."""
    wanted = {(name, condition) for _, name, condition, _ in COLUMNS}
    out: dict[str, dict[str, Any]] = {}
    for name, clips in sets.items():
        for condition in CONDITIONS:
            if (name, condition.name) in wanted:
                out.setdefault(name, {})[condition.name] = evaluate(net, clips, condition)
    return out


def held_out(place: Place, every: int) -> dict[str, list[Clip]]:
    """CMU's held-out subjects, and HDM05, as ``train.evaluate`` measures on them."""
    _, cmu = split(load_takes(place.data, place.work, ASFAMC))
    hdm = [take for some in load_takes(place.data, place.work, [HDM05]).values() for take in some][::3]
    return {"cmu": clips_of(cmu)[::every], "hdm05": clips_of(hdm)[::every]}


def result_of(one: Run, place: Place, folder: Path, sets: dict[str, list[Clip]]) -> dict[str, Any]:
    """What a run came to: from its folder where it was measured before.

    Raises:
        SettingsError: the folder holds the result of other settings.
    """
    path, said = folder / "result.json", json.loads(json.dumps(asdict(one.recipe)))
    if path.is_file():
        result: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if result["recipe"] != said:
            raise SettingsError(f"{folder} is of other settings; remove it, or choose another --work")
        return result
    figures = measured(load_lifter(trained(one, place, folder)), sets)
    result = {"variant": one.variant, "module": one.module, "seed": one.recipe.seed, "recipe": said, "sets": figures}
    path.write_text(json.dumps(result, ensure_ascii=False), encoding="utf-8")
    return result


def as_markdown(results: Sequence[dict[str, Any]]) -> str:
    """A row per variant: means ± standard deviations over its seeds; lengths in mm, acceleration in mm per frame²."""
    names = list(dict.fromkeys(result["variant"] for result in results))
    lines = ["| variant | seeds | " + " | ".join(heading for heading, *_ in COLUMNS) + " |"]
    lines.append("|---|--:|" + "--:|" * len(COLUMNS))
    for name in names:
        own = [result["sets"] for result in results if result["variant"] == name]
        cells = []
        for _, chosen, condition, figure in COLUMNS:
            values = [sets[chosen][condition][figure] for sets in own]
            spread = f" ± {np.std(values, ddof=1):.1f}" if len(values) > 1 else ""
            cells.append(f"{np.mean(values):.1f}{spread}")
        lines.append(f"| {name} | {len(own)} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def compare(plan: Plan, place: Place) -> list[dict[str, Any]]:
    """Train and measure all; the table in ``place.out`` grows with each."""
    runs, results = runs_of(plan), []
    sets = held_out(place, plan.every)
    for number, one in enumerate(runs):
        print(f"{number + 1} of {len(runs)}: {one.variant}, seed {one.recipe.seed}", flush=True)
        results.append(result_of(one, place, place.out / one.folder, sets))
        (place.out.with_suffix(".json")).write_text(json.dumps(results, ensure_ascii=False, indent=1), encoding="utf-8")
        (place.out.with_suffix(".md")).write_text(as_markdown(results), encoding="utf-8")
    return results


def main(arguments: list[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="python -m train.ablation", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder that holds the training data")
    parser.add_argument("--config", type=Path, required=True, help="what is compared")
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="settings of all variants")
    parser.add_argument("--work", type=Path, default=Path("runs"), help="caches, runs and tables (runs)")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args(arguments)
    torch.set_num_threads(given.threads)
    try:
        plan = from_table(Plan, merged(load_toml(given.config), {"base": assigned(given.set)}), given.config.name)
        out = given.work / "ablation" / given.config.stem
        results = compare(plan, Place(data=given.data, work=given.work, out=out, device=given.device))
    except Stream3DError as error:
        print(f"train.ablation: {error}", file=sys.stderr)
        raise SystemExit(2 if isinstance(error, SettingsError) else 1) from error
    print(as_markdown(results))


if __name__ == "__main__":
    main()
