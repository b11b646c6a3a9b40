"""Whether anything has changed in a picture but the people who are followed, so that a look for others would pay."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stream3d.kernels.stirring import changed, sample
from stream3d.values import Frame

Float32 = npt.NDArray[np.float32]
UInt8 = npt.NDArray[np.uint8]

_ALONG = 64  # samples along the longer side of a picture
_CHANGED = 16  # levels of brightness; noise and compression stay below
_FEWEST = 3  # samples that a newcomer changes at least


@dataclass(frozen=True, slots=True)
class Still:
    """Samples of a picture's brightness at its last look, uint8 [h, w], and the regions [R, 4] of who was followed."""

    samples: UInt8
    regions: Float32


def still_of(frame: Frame, regions: Float32) -> Still:
    """What is to be remembered of a frame at which the detector looks."""
    samples = np.empty(_shape(frame), np.uint8)
    sample(_light(frame), _step(frame), samples)
    return Still(samples, regions.copy())


def stirs(frame: Frame, regions: Float32, before: Still) -> bool:
    """Whether something differs from ``before`` outside of where people were or are followed."""
    if _shape(frame) != before.samples.shape:
        return True
    everybody = np.concatenate([regions, before.regions])
    return changed(_light(frame), _step(frame), before.samples, everybody, _CHANGED) >= _FEWEST


def _light(frame: Frame) -> UInt8:
    planes = frame.planes
    return frame.image[..., 1] if planes is None else planes.y


def _step(frame: Frame) -> float:
    return max(frame.size) / _ALONG


def _shape(frame: Frame) -> tuple[int, int]:
    wide, high = frame.size
    return int(high / _step(frame)), int(wide / _step(frame))
