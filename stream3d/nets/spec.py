"""What a net tells of itself before anything is loaded: the contract between ``nets`` and ``engine``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True, slots=True)
class TensorSpec:
    """One named input: ``shape`` without the batch axis, numpy ``dtype`` name (``uint8``, ``float32``)."""

    name: str
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True, kw_only=True, slots=True)
class NetSpec:
    """A net that an engine can be made of.

    ``load`` returns the torch module in eval mode, and is called only when no built engine is cached; its ``forward``
    takes the ``inputs`` in order, each with a leading batch axis, and returns a tuple in the order of ``outputs``, each
    with the same leading batch axis. ``weights_hash`` names the weights *and* the code's idea of the net: it keys the
    cache.
    """

    name: str
    weights_hash: str
    load: Callable[[], torch.nn.Module]
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[str, ...]
    buckets: tuple[int, ...] = (1, 2, 4, 8)
