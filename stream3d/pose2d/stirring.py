"""Whether anything has changed in a picture but the people who are followed, so that a look for others would pay."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stream3d.values import Frame

Float32 = npt.NDArray[np.float32]
Int16 = npt.NDArray[np.int16]

_ALONG = 96  # samples along the longer side of a picture
_CHANGED = 16  # levels of brightness; noise and compression stay below
_FEWEST = 2  # samples that a newcomer changes at least


@dataclass(frozen=True, slots=True)
class Still:
    """Samples of a picture's brightness at its last look, int16 [h, w], and the regions [R, 4] of who was followed."""

    samples: Int16
    regions: Float32


def still_of(frame: Frame, regions: Float32) -> Still:
    """What is to be remembered of a frame at which the detector looks."""
    return Still(_samples(frame), regions.copy())


def stirs(frame: Frame, regions: Float32, before: Still) -> bool:
    """Whether something differs from ``before`` outside of where people were or are followed."""
    now = _samples(frame)
    if now.shape != before.samples.shape:
        return True
    changed = np.abs(now - before.samples) > _CHANGED
    rows, columns = np.nonzero(changed)
    if len(rows) < _FEWEST:
        return False
    step = max(frame.size) / _ALONG
    x, y = (columns + 0.5) * step, (rows + 0.5) * step
    everybody = np.concatenate([regions, before.regions])
    near = np.hypot(x[:, None] - everybody[:, 0], y[:, None] - everybody[:, 1]) < everybody[:, 2] / 2
    return int((~near.any(1)).sum()) >= _FEWEST


def _samples(frame: Frame) -> Int16:
    planes = frame.planes
    light = frame.image[..., 1] if planes is None else planes.y
    step = max(frame.size) / _ALONG
    rows, columns = (((np.arange(int(side / step)) + 0.5) * step).astype(int) for side in light.shape)
    samples: Int16 = light[rows[:, None], columns].astype(np.int16)
    return samples
