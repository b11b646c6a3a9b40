"""Carries joints over moments in which they go unseen."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]


# For so long an unseen joint is taken to have gone on, by so much of its speed, and is believed so much of what it was.
LONGEST_S = 0.25
_OF_SPEED, _OF_CONFIDENCE = 0.7, 0.7


@njit(cache=True, nogil=True)
def bridge(rays: Float32, confidence: Float32, pts: float, state: Float64) -> None:
    """Fill in what is unseen of ``rays`` float32 [J, 2] and ``confidence`` float32 [J] (0 = unseen), in place.

    ``state`` float64 [J, 6] is what each joint was when last seen, and is brought up to ``pts`` seconds: x, y, speed
    along both per second, confidence, time. A joint that was seen at most 0.25 s ago goes on with 0.7 of its speed.
    """
    for j in range(len(confidence)):
        was, away = state[j], pts - state[j, 5]
        lately = 0 < away <= LONGEST_S
        if confidence[j] > 0:
            for axis in range(2):
                was[2 + axis] = (rays[j, axis] - was[axis]) / away if lately else 0.0
                was[axis] = rays[j, axis]
            was[4], was[5] = confidence[j], pts
        elif lately:
            for axis in range(2):
                rays[j, axis] = was[axis] + _OF_SPEED * was[2 + axis] * away
            confidence[j] = _OF_CONFIDENCE * was[4]
