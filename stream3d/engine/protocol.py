"""What a compiled net looks like to the rooms, whatever runtime is behind it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import torch

Array = npt.NDArray[Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class TensorSpec:
    """One named input: ``shape`` without the batch axis, numpy ``dtype`` name (``uint8``, ``float32``)."""

    name: str
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True, kw_only=True, slots=True)
class NetSpec:
    """A net that an engine can be made of.

    ``load`` returns the torch module in eval mode, and is called only when no built engine is cached; its ``forward`` takes
    the ``inputs`` in order, each with a leading batch axis, and returns a tuple in the order of ``outputs``, each with the
    same leading batch axis. ``weights_hash`` names the weights *and* the code's idea of the net: it keys the cache.
    """

    name: str
    weights_hash: str
    load: Callable[[], torch.nn.Module]
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[str, ...]
    buckets: tuple[int, ...] = (1, 2, 4, 8)


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
