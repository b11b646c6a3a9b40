"""What a net tells of itself before anything is loaded: the contract between ``nets`` and ``engine``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

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


@dataclass(frozen=True, kw_only=True, slots=True)
class Pixels:
    """What a net wants its pixels to be: ``(value 0..255 - mean) / std``, three of each in the order of ``channels``.

    ``planar`` says that the net takes [B, 3, H, W] and not [B, H, W, 3].
    """

    channels: Literal["rgb", "bgr"] = "rgb"
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (1.0, 1.0, 1.0)
    planar: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class OnnxSpec:
    """A net in an ONNX file that takes one picture.

    To the rooms its only input is ``inputs``: ``image`` uint8 [B, H, W, 3] RGB; what ``pixels`` asks for is done within
    the engine. ``outputs`` are the names to answer, in order. ``weights_hash`` is of all its files.
    """

    name: str
    weights_hash: str
    path: Path
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[str, ...]
    pixels: Pixels
    buckets: tuple[int, ...] = (1,)
