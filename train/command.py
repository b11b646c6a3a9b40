"""The command line of every recipe: ``python -m train.NAME --data DIR [--config FILE] [--set KEY=VALUE]...``."""

from __future__ import annotations

import argparse
import json
import sys
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch

from stream3d.errors import SettingsError, Stream3DError
from stream3d.settings import from_table, load_toml
from train.harness import Trainer, finish, run
from train.recipe import Game, Run

CONFIGS = Path(__file__).parent / "configs"
# Settings that have a flag of their own.
_FLAGS = {"minutes": float, "steps": int, "seed": int}
R = TypeVar("R", bound=Run)


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a run reads and writes, and on what it runs."""

    data: Path
    work: Path
    out: Path
    device: str


def assigned(words: Sequence[str]) -> dict[str, Any]:
    """``KEY=VALUE`` words as a table; a key may have dots, a value is TOML or else a word.

    Raises:
        SettingsError: a word without ``=``.

    >>> assigned(["w_view=0", "shape.channels=64", "gan=wgan"])
    {'w_view': 0, 'shape': {'channels': 64}, 'gan': 'wgan'}
    """
    table: dict[str, Any] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            raise SettingsError(f"--set takes KEY=VALUE, not {word!r}")
        *above, last = key.strip().split(".")
        inner = table
        for name in above:
            inner = inner.setdefault(name, {})
        inner[last] = _value(value.strip())
    return table


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def merged(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Two tables as one, of which ``over`` wins; tables within are merged too."""
    out = dict(under)
    for key, value in over.items():
        below = out.get(key)
        out[key] = merged(below, value) if isinstance(value, dict) and isinstance(below, dict) else value
    return out


def _parser(name: str, about: str, out: Path) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"python -m train.{name}", description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder that holds the training data")
    parser.add_argument("--config", type=Path, default=CONFIGS / f"{name}.toml", help=f"settings ({name}.toml)")
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="settings that win over the file's")
    parser.add_argument("--minutes", type=float, help="wall time, instead of --steps")
    parser.add_argument("--steps", type=int, help="with these a run repeats exactly")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--work", type=Path, default=Path("runs"), help="caches, checkpoints, logs (runs)")
    parser.add_argument("--out", type=Path, default=out, help=f"where the generator's weights go ({out.name})")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1, … (cpu)")
    parser.add_argument("--threads", type=int, default=1, help="of the nets on a CPU (1)")
    return parser


def settings_of(kind: type[R], given: argparse.Namespace) -> R:
    """The settings: the file's, then ``--set``'s, then the flags'.

    Raises:
        SettingsError: an unknown key, or a value that cannot be.
    """
    table = merged(load_toml(given.config), assigned(given.set))
    flags = {name: getattr(given, name) for name in _FLAGS if getattr(given, name) is not None}
    if "steps" in flags and "minutes" not in flags:
        flags["minutes"] = 0.0
    return recipe_of(kind, table | flags, given.config.name)


def recipe_of(kind: type[R], table: dict[str, Any], where: str) -> R:
    """A recipe from a TOML table; what a table within leaves out is as the recipe has it, not as its class has it.

    Raises:
        SettingsError: an unknown key, or a value that cannot be.
    """
    defaults = json.loads(json.dumps(asdict(kind())))
    return from_table(kind, merged(defaults, table), where)


def train_lifter(game: Game[Any], place: Place) -> Trainer[Any]:
    """Train a game of lifters and write its weights; returns the trainer."""
    trainer = Trainer(game, place.device)
    run(trainer, place.work)
    finish(trainer, place.work, place.out)
    return trainer


def main(  # noqa: PLR0913 - a command is all of this
    kind: type[R],
    game_of: Callable[[R, Place], Game[Any]],
    about: str,
    out: Path,
    arguments: list[str] | None,
    *,
    name: str = "",
    train: Callable[[Any, Place], Trainer[Any]] | None = None,
) -> Place:
    """Parse, train, write; a failure is one line and exit code 1, wrong usage exit code 2. Returns where it was.

    A recipe's ``name`` is that of its module, and of ``out`` unless it is given. ``train`` trains the game and writes
    what it made; by default a lifter's.
    """
    name = name or out.stem
    given = _parser(name, about, out).parse_args(arguments)
    torch.set_num_threads(given.threads)
    try:
        place = Place(data=given.data, work=given.work, out=given.out, device=given.device)
        trainer = (train or train_lifter)(game_of(settings_of(kind, given), place), place)
    except Stream3DError as error:
        print(f"train.{name}: {error}", file=sys.stderr)
        raise SystemExit(2 if isinstance(error, SettingsError) else 1) from error
    print(f"{place.out}: {trainer.step} steps in {trainer.elapsed / 60:.1f} min")
    return place
