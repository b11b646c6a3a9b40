"""HumanEva-I: the community's ``.npz`` pair, of 15 or 20 joints.

The official split is by time: the same three people train and validate. Here whoever is held out is held out whole;
``action`` begins with the official part (``Train/`` or ``Validate/``) for those who want that protocol.
"""

from __future__ import annotations

from pathlib import Path

from train.data.community import Facts, poses2d, read_pair
from train.data.layouts import HUMANEVA15, HUMANEVA20
from train.data.motions import MotionSet
from train.data.values import Poses2DSet

FACTS = Facts(
    name="humaneva",
    fps=60.0,
    layouts=(HUMANEVA15, HUMANEVA20),
    views=(("C1", 640, 480), ("C2", 640, 480), ("C3", 640, 480)),
    held_out=frozenset({"S3"}),
)


def read_npz(path_3d: Path, path_2d: Path | None = None) -> MotionSet:
    """``data_3d_humaneva15.npz`` or ``…20.npz``, and perhaps the 2D poses beside it; S3 is held out.

    Raises:
        TrackFileError: a file is malformed, or the two do not belong together.
    """
    return read_pair(path_3d, path_2d, FACTS)


def read_poses2d(path: Path) -> Poses2DSet:
    """All poses of a ``data_2d_humaneva*_*.npz``.

    Raises:
        TrackFileError: the file is malformed.
    """
    return poses2d(path, FACTS)
