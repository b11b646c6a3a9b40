"""What is known of everybody's body: both sides have bones of one length, and nobody's bones change."""

from __future__ import annotations

import math

import numpy as np

from stream3d.kernels import bodies
from stream3d.lift.features import Float32, plain

# Time constants of the moves towards the rays and of the lengths of bones.
_STEADY_S = 0.15
_BONES_S = 3.0


def even_sided(joints: Float32) -> Float32:
    """``joints`` float32 [P, 17, 3] with mirror bones of one length, the mean of the two.

    The root and the directions of all bones stay. A net errs on each side by itself, so that the mean of both lengths
    is nearer the truth than either.
    """
    given = plain(joints, np.float32)
    out = np.empty_like(given)
    bodies.even(given, out)
    return out


class Body:
    """One person's, as it is known by now; to be told of their frames in their order.

    Moves towards the rays are low-passed: the noise of keypoints changes from frame to frame, the net's own error
    hardly. The lengths of bones are means of what was seen lately, weighed by their joints' variances: a frame's own
    lengths err with its depths, a body's do not change.
    """

    def __init__(self) -> None:
        self._state = np.zeros((17, 2)), np.zeros((2, bodies.BONES))
        self._pts: float | None = None

    def settle(self, joints: Float32, move: Float32, sigma: Float32, pts: float) -> Float32:
        """``joints`` float32 [17, 3] metres, camera space, after their ``move`` [17, 2] and with this body's bones.

        ``sigma`` [17] is theirs; ``pts`` the frame's time in seconds. The root moves, but its bones do not turn.
        """
        step = math.inf if self._pts is None else pts - self._pts
        self._pts = pts
        out = np.empty((17, 3), np.float32)
        keep = math.exp(-step / _STEADY_S), math.exp(-step / _BONES_S)
        bodies.settle(
            plain(joints, np.float32), plain(move, np.float32), plain(sigma, np.float32), keep, self._state, out
        )
        return out


def warm() -> None:
    """Compile the kernels, or load them from the cache, so that the first frame need not wait."""
    joints = even_sided(np.zeros((1, 17, 3), np.float32))
    Body().settle(joints[0], joints[0, :, :2], np.ones(17, np.float32), 0.0)
