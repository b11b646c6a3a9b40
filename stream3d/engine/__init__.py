"""Nets compiled for the machine they run on, behind one Protocol."""

from __future__ import annotations

import ctypes
from functools import cache

from stream3d.engine.choice import asked_engine, best_engine
from stream3d.engine.protocol import Array, Engine, bucket_for, pad_batch
from stream3d.engine.settings import EngineSettings
from stream3d.errors import DeviceError, EngineError
from stream3d.nets.spec import NetSpec, OnnxSpec, TensorSpec

__all__ = ["Array", "Engine", "EngineSettings", "NetSpec", "OnnxSpec", "TensorSpec"]
__all__ += ["bucket_for", "make_engine", "on_gpu", "pad_batch", "pixel_device"]


def make_engine(spec: NetSpec | OnnxSpec, settings: EngineSettings | None = None) -> Engine:
    """The engine of a net, as the settings choose it; a net in an ONNX file runs on OpenVINO only.

    Raises:
        DeviceError: the device or runtime that was asked for is not there; only ``auto`` falls back, and says so.
        EngineError: the net cannot be converted or compiled.
    """
    settings = settings or EngineSettings()
    if isinstance(spec, OnnxSpec):
        return _onnx_engine(spec, settings)
    device = _device(settings)
    choose = best_engine if settings.engine == "auto" else asked_engine
    return choose(spec, settings, device)


def on_gpu(settings: EngineSettings | None = None) -> bool:
    """Whether nets run on a GPU, where a batch costs less than its parts."""
    return _device(settings or EngineSettings()) == "cuda"


def pixel_device(settings: EngineSettings | None = None) -> str | None:
    """The torch device on which pictures are cut for the nets; None where that is done by the CPU's own kernels.

    Raises:
        EngineError: ``pixels`` is ``device``, and the engine takes arrays only.
    """
    settings = settings or EngineSettings()
    if settings.pixels == "host":
        return None
    device = _device(settings)
    if settings.pixels == "auto":
        return None if device == "cpu" else device
    if device == "cpu" and settings.engine in ("auto", "openvino"):
        raise EngineError(
            "--pixels device needs an engine that takes tensors, and OpenVINO takes arrays; leave it at auto, or use"
            " --engine torch or inductor"
        )
    return device


def _onnx_engine(spec: OnnxSpec, settings: EngineSettings) -> Engine:
    """``auto`` is OpenVINO on the CPU, even beside a GPU that the other nets run on."""
    if settings.engine not in ("auto", "openvino") or settings.device == "cuda":
        asked = f"--engine {settings.engine}" if settings.engine not in ("auto", "openvino") else "--device cuda"
        raise DeviceError(
            f"{spec.path.name}: ONNX nets run on OpenVINO on the CPU only, not with {asked}; leave it out, or say auto"
        )
    from stream3d.engine.openvino_engine import OpenVinoEngine

    return OpenVinoEngine(spec, precision=settings.precision, threads=settings.threads)


def _device(settings: EngineSettings) -> str:
    """``cpu`` or ``cuda``; looking for a GPU costs an import of torch, so only where a GPU may be.

    Raises:
        DeviceError: the engine that the settings name does not run on the device that they name.
    """
    if settings.engine == "openvino" and settings.device == "cuda":
        raise DeviceError(
            "--engine openvino runs on the CPU here, not on --device cuda; leave one of them out, or use --engine torch"
        )
    if settings.device != "auto":
        return settings.device
    if settings.engine == "openvino" or not _nvidia_driver():
        return "cpu"
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


@cache
def _nvidia_driver() -> bool:
    """Whether NVIDIA's driver can be loaded; ``ctypes.util.find_library`` would run a compiler to see that."""
    for name in ("libcuda.so.1", "nvcuda.dll"):
        try:
            ctypes.CDLL(name)
        except OSError:
            continue
        return True
    return False
