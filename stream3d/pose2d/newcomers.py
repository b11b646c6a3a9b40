"""Whether a region of the detector's holds a person: joints are read twice, and must say the same again."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stream3d.pose2d.protocol import Found, KeypointNet, Landmarks

Float32 = npt.NDArray[np.float32]

_WORTH_IT = 0.5  # share of the belief asked for from which a second look is taken
_KNOWN = 0.2  # score from which a joint tells whether it moved
_STEADY = 0.1  # sides of the region by which joints may move between the looks: then belief is down to 1 / e


def looked_twice(
    net: KeypointNet, image: npt.NDArray[np.uint8], found: Found, first: Landmarks
) -> tuple[Landmarks, Float32]:
    """The joints of newcomers in the regions ``found``, and the belief float32 [R], 0..1, that each is a person.

    ``first`` are their joints as read in those regions. They are read again in the regions that these joints say they
    fill; then the belief is the second presence, times the root of the detector's score, times exp(-d / 0.1), where d
    is how far the joints have moved, on average and in sides of the region. What is right stays where it is; on
    furniture, or on two people at once, joints wander. Whoever is far from believable is looked at once.
    """
    belief = (np.sqrt(found.scores) * first.presence).astype(np.float32)
    rows = np.flatnonzero((belief >= _WORTH_IT * net.agreement) & np.isfinite(first.regions).all(1))
    if not len(rows):
        return first, belief
    again = net(image, first.regions[rows])
    steady = np.exp(-_moved(first.rows(rows), again) / (_STEADY * found.regions[rows, 2]))
    belief[rows] = np.sqrt(found.scores[rows]) * again.presence * steady
    order = np.arange(len(belief))
    order[rows] = len(belief) + np.arange(len(rows))
    return first.and_those(again).rows(order), belief


def _moved(first: Landmarks, again: Landmarks) -> Float32:
    """Mean distance [R] of the joints that both looks know, pixels; infinite where there is none."""
    apart = np.linalg.norm(first.keypoints[..., :2] - again.keypoints[..., :2], axis=-1)
    known = np.isfinite(apart) & (again.keypoints[..., 2] > _KNOWN)
    mean = np.where(known, apart, 0).sum(1) / np.maximum(known.sum(1), 1)
    return np.where(known.any(1), mean, np.inf).astype(np.float32)
