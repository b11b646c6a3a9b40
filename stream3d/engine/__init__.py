"""Nets compiled for the machine they run on, behind one Protocol."""

from __future__ import annotations

from stream3d.engine.protocol import Array, Engine, bucket_for, pad_batch
from stream3d.engine.settings import EngineSettings
from stream3d.errors import DeviceError
from stream3d.nets.spec import NetSpec, TensorSpec

__all__ = ["Array", "Engine", "EngineSettings", "NetSpec", "TensorSpec", "bucket_for", "make_engine", "pad_batch"]


def make_engine(spec: NetSpec, settings: EngineSettings | None = None) -> Engine:
    """The engine of a net, as the settings choose it.

    Raises:
        DeviceError: the device or runtime that was asked for is not there; nothing falls back silently.
        EngineError: the net cannot be converted or compiled.
    """
    settings = settings or EngineSettings()
    device = _device(settings)
    if settings.engine == "torch" or (settings.engine == "auto" and device == "cuda"):
        from stream3d.engine.torch_engine import TorchEngine

        return TorchEngine(spec, device=device, precision=settings.precision, threads=settings.threads)
    if device != "cpu":
        raise DeviceError(
            f"--engine openvino runs on the CPU here, not on {device!r}; use --engine torch or --device cpu"
        )
    from stream3d.engine.openvino_engine import OpenVinoEngine

    return OpenVinoEngine(spec, precision=settings.precision, threads=settings.threads)


def _device(settings: EngineSettings) -> str:
    """``cpu`` or ``cuda``; looking for a GPU costs an import of torch, so only where a GPU may be."""
    if settings.device != "auto":
        return settings.device
    if settings.engine == "openvino" or not _nvidia_driver():
        return "cpu"
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _nvidia_driver() -> bool:
    from ctypes.util import find_library

    return find_library("cuda") is not None or find_library("nvcuda") is not None
