"""The colours of the viewer, RGB 0..1."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def _rgb(*codes: str) -> Floats:
    return np.array([[int(code[i : i + 2], 16) / 255 for i in (0, 2, 4)] for code in codes])


BACKGROUND = _rgb("12161d")[0]
FLOOR = _rgb("232a35")[0]
GRID = _rgb("46536a")[0]
SHADOW = _rgb("0e1218")[0]
CAMERA = _rgb("8a9bb5")[0]
BAR = _rgb("39445a")[0]
BAR_DONE = _rgb("4aa8ff")[0]
TEXT = _rgb("c3cddd")[0]
UNSURE = _rgb("5b6270")[0]
SIDES = dict(zip(("left", "right", "middle"), _rgb("ff9f45", "4aa8ff", "dfe5ee"), strict=True))
"""A bone's colour says its side of the body: left is orange, right is blue."""

_PEOPLE = _rgb("f25f8b", "5fd38d", "ffd84d", "b388ff", "3fd0d4", "ff7a4d", "a5d63f", "f59ae8", "6f8cff", "d9b38c")


def person_colours(person: npt.NDArray[np.int64]) -> Floats:
    """The accent colours [P, 3] of people by their ids [P]: the same id has the same colour for ever."""
    return np.asarray(_PEOPLE[person % len(_PEOPLE)])
