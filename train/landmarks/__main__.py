"""Train BlazePose's landmark net further on photographs of people it is weak at: small, blurred, half hidden, turned.

python -m train.landmarks --data DIR [--config FILE] [--minutes N]
"""

from __future__ import annotations

import sys

from stream3d.nets.blazepose import LANDMARK_WEIGHTS
from train import command
from train.detector.photos import Photos
from train.harness import run
from train.landmarks.game import Reading, Recipe
from train.landmarks.trainer import LandmarkTrainer, finish


def game_of(recipe: Recipe, place: command.Place) -> Reading:
    """The game on the photographs of a folder."""
    return Reading(recipe, Photos(place.data), memory=place.work / "landmarks_told.npz")


def train(game: Reading, place: command.Place) -> LandmarkTrainer:
    """Train to the end and write the weights."""
    trainer = LandmarkTrainer(game, place.device)
    run(trainer, place.work, save_every=200, picture_every=sys.maxsize)
    finish(trainer, place.out)
    return trainer


def main(arguments: list[str] | None = None) -> None:
    """The command."""
    command.main(Recipe, game_of, __doc__ or "", LANDMARK_WEIGHTS, arguments, name="landmarks", train=train)


if __name__ == "__main__":
    main()
