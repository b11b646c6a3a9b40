"""What a compiled net looks like to the rooms, whatever runtime is behind it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from stream3d.nets.spec import NetSpec, TensorSpec

__all__ = ["Array", "Engine", "NetSpec", "TensorSpec", "bucket_for", "pad_batch"]

Array = npt.NDArray[Any]


class Engine(Protocol):
    """A net compiled for one machine with fixed batch buckets."""

    @property
    def buckets(self) -> tuple[int, ...]:
        """Batch sizes that were built, ascending."""
        ...

    def __call__(self, **inputs: Array) -> Mapping[str, Array]:
        """Run on numpy arrays [B, ...], any B >= 0; larger batches are cut, smaller padded to a bucket.

        The returned arrays [B, ...] are the caller's to keep.
        """
        ...

    def describe(self) -> dict[str, str]:
        """Runtime, device, precision, and what fell back."""
        ...


def bucket_for(count: int, buckets: tuple[int, ...]) -> int:
    """The smallest bucket that holds ``count``, or the largest there is.

    >>> bucket_for(3, (1, 2, 4)), bucket_for(9, (1, 2, 4))
    (4, 4)
    """
    return next((b for b in buckets if b >= count), buckets[-1])


def pad_batch(array: Array, size: int) -> Array:
    """``array`` [B, ...] padded with zeros to ``size`` rows."""
    if len(array) == size:
        return array
    out = np.zeros((size, *array.shape[1:]), array.dtype)
    out[: len(array)] = array
    return out
