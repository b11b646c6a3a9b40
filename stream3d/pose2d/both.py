"""Two detectors that miss different people, as one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from stream3d.pose2d.protocol import Found, PersonDetector
from stream3d.pose2d.regions import same_person
from stream3d.pose2d.shown import takes_planes, uploads_of
from stream3d.pose2d.together import look_together

UInt8 = npt.NDArray[np.uint8]


class BothDetectors:
    """Everybody whom either finds, the better of two regions of one person; a `PersonDetector`.

    ``min_score`` is from which a newcomer of either is worth a look of a net of keypoints, each having its own lower
    bound on what it answers at all.
    """

    def __init__(self, one: PersonDetector, other: PersonDetector) -> None:
        self._two = (one, other)
        self.takes_planes = takes_planes(one) and takes_planes(other)
        self.uploads = uploads_of(one) if uploads_of(one) is uploads_of(other) else None
        self.min_score = min(one.min_score, other.min_score)
        self.confirm_score = min(one.confirm_score, other.confirm_score)

    def __call__(self, image: UInt8) -> Found:
        """Find people in ``image`` uint8 [H, W, 3] RGB."""
        return _everybody([detector(image) for detector in self._two])

    def together(self, images: Sequence[UInt8]) -> list[Found]:
        """Find people in each of ``images``."""
        answers = (look_together(detector, images) for detector in self._two)
        return [_everybody(found) for found in zip(*answers, strict=True)]

    def describe(self) -> dict[str, str]:
        """As the first, and the second's inputs."""
        one, other = (detector.describe() for detector in self._two)
        return {**one, "inputs": f"{one.get('inputs', '')}; {other.get('inputs', '')}"}


def _everybody(found: Sequence[Found]) -> Found:
    regions, scores = np.concatenate([f.regions for f in found]), np.concatenate([f.scores for f in found])
    keep: list[int] = []
    for row in np.argsort(-scores, kind="stable").tolist():
        if not keep or not same_person(regions[row], regions[keep]).any():
            keep.append(row)
    return Found(regions=regions[keep].reshape(-1, 4), scores=scores[keep])
