"""Several pictures asked at once: in one go of nets that can do so, one after the other of all others.

A net of the seams in protocol.py can if it has a method ``together``: of a `PersonDetector` it takes a list of pictures
and gives a list of ``Found``; of a `KeypointNet` it takes pictures and as many arrays of regions, and gives a list of
``Landmarks``.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from stream3d.pose2d.protocol import Found, KeypointNet, Landmarks, PersonDetector

Float32 = npt.NDArray[np.float32]


def look_together(detector: PersonDetector, images: Sequence[Any]) -> list[Found]:
    """Whom ``detector`` finds in each of ``images``."""
    together = getattr(detector, "together", None)
    found: list[Found] = [detector(image) for image in images] if together is None else together(images)
    return found


def read_together(net: KeypointNet, images: Sequence[Any], regions: Sequence[Float32]) -> list[Landmarks]:
    """The poses in the regions [R, 4], R >= 1, of each of ``images``."""
    together = getattr(net, "together", None)
    if together is None:
        return [net(image, asked) for image, asked in zip(images, regions, strict=True)]
    seen: list[Landmarks] = together(images, regions)
    return seen


def apart(seen: Landmarks, counts: Sequence[int]) -> list[Landmarks]:
    """``seen`` of several pictures, which have ``counts`` rows each, by picture."""
    if len(counts) == 1:
        return [seen]
    ends = np.cumsum([0, *counts])
    return [seen.rows(np.arange(start, end)) for start, end in pairwise(ends.tolist())]
