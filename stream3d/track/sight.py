"""What one frame shows to tracking."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stream3d.kernels.following import weigh
from stream3d.track.body import Body, body_of
from stream3d.values import Detections2D

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Sight:
    """Poses [R] and what they say for themselves.

    ``trust`` [R] is visibility and presence, less what no body can do; ``wrong`` [R] the share of bones that cannot be;
    ``looks`` float32 [R, D] are appearances, NaN where nothing was to be seen, D = 0 where nobody looked.
    """

    seen: Detections2D
    body: Body
    trust: Float64
    wrong: list[float]
    confirmed: list[bool]
    looks: Float32

    @property
    def pts(self) -> float:
        """The time of the frame, seconds."""
        return self.seen.pts


def sight_of(seen: Detections2D) -> Sight:
    """What the 2D room saw, weighed."""
    body = body_of(seen.layout)
    sides = np.ascontiguousarray(seen.regions[:, 2])
    visible, wrong = weigh(seen.keypoints, sides, body.trunk, body.joints, body.roots).T
    return Sight(
        seen=seen,
        body=body,
        trust=visible * seen.presence * (1 - wrong),
        wrong=wrong.tolist(),
        confirmed=seen.confirmed.tolist(),
        looks=_looks(seen),
    )


def _looks(seen: Detections2D) -> Float32:
    if seen.appearance is None:
        return np.zeros((len(seen), 0), np.float32)
    shown = seen.appearance.any(axis=1, keepdims=True)
    if shown.all():
        return np.ascontiguousarray(seen.appearance)
    return np.where(shown, seen.appearance, np.float32(np.nan)).astype(np.float32)
