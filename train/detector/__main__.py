"""Train the person detector on labelled photographs.

The net is ``stream3d.nets.person_torch.PersonNet``: BlazePose's trunk and pyramid, with whose weights it begins, and an
anchor-free head. A killed run goes on where its last checkpoint was.

    python -m train.detector --data DIR [--config FILE] [--minutes N]
"""

from __future__ import annotations

import sys

from stream3d.nets.person import PERSON_WEIGHTS
from train import command
from train.detector.game import Finding, Recipe
from train.detector.photos import Photos
from train.detector.trainer import DetectorTrainer, finish
from train.harness import run


def game_of(recipe: Recipe, place: command.Place) -> Finding:
    """The game on the photographs of a folder."""
    return Finding(recipe, Photos(place.data))


def train(game: Finding, place: command.Place) -> DetectorTrainer:
    """Train to the end and write the weights."""
    trainer = DetectorTrainer(game, place.device)
    run(trainer, place.work, save_every=100, picture_every=sys.maxsize)
    finish(trainer, place.out)
    return trainer


def main(arguments: list[str] | None = None) -> None:
    """The command."""
    command.main(Recipe, game_of, __doc__ or "", PERSON_WEIGHTS, arguments, name="detector", train=train)


if __name__ == "__main__":
    main()
