"""Which engine a net gets: the one that was asked for, or the best that works here, saying what did not."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from importlib.util import find_spec

from stream3d.engine.exporting import exporting
from stream3d.engine.protocol import Array, Engine
from stream3d.engine.settings import EngineSettings
from stream3d.errors import DeviceError, EngineError
from stream3d.nets.spec import NetSpec

log = logging.getLogger("stream3d")


class FellBack:
    """An engine that serves because better ones could not; its description says why."""

    def __init__(self, engine: Engine, reasons: Mapping[str, str]) -> None:
        self._engine, self._reasons = engine, dict(reasons)

    @property
    def serving(self) -> Engine:
        """The engine that serves."""
        return self._engine

    @property
    def buckets(self) -> tuple[int, ...]:
        """Those of the engine that serves."""
        return self._engine.buckets

    def __call__(self, **inputs: Array) -> Mapping[str, Array]:
        """As the engine that serves."""
        return self._engine(**inputs)

    def describe(self) -> dict[str, str]:
        """That engine's description, and under ``fell back`` which engines could not serve, and why."""
        return {**self._engine.describe(), "fell back": "; ".join(f"{k}: {v}" for k, v in self._reasons.items())}


def asked_engine(spec: NetSpec, settings: EngineSettings, device: str) -> Engine:
    """The engine that the settings name; an absent device or library is an error.

    Raises:
        DeviceError: the device or runtime that was asked for is not there.
        EngineError: the net cannot be converted or compiled.
    """
    _check_int8(settings, settings.engine, device)
    makers: dict[str, Callable[[NetSpec, EngineSettings, str], Engine]] = {
        "tensorrt": _tensorrt,
        "inductor": _inductor,
        "openvino": _openvino,
        "torch": _torch,
    }
    return makers[settings.engine](spec, settings, device)


def best_engine(spec: NetSpec, settings: EngineSettings, device: str) -> Engine:
    """OpenVINO on a CPU; on a GPU TensorRT, else inductor, else eager torch.

    Raises:
        DeviceError: the device is not there.
        EngineError: the net cannot be converted or compiled by any of them.
    """
    _check_int8(settings, "openvino", device)
    if device == "cpu":
        return _openvino(spec, settings, device)
    reasons: dict[str, str] = {}
    if find_spec("torch_tensorrt") is None:
        reasons["tensorrt"] = "torch-tensorrt is not installed"
    makers = {"inductor": _inductor} if reasons else {"tensorrt": _tensorrt, "inductor": _inductor}
    for name, make in makers.items():
        try:
            engine = make(spec, settings, device)
        except EngineError as error:
            log.warning("%s cannot serve %s, the next engine is tried: %s", name, spec.name, error)
            reasons[name] = str(error)
        else:
            return FellBack(engine, reasons) if reasons else engine
    return FellBack(_torch(spec, settings, device), reasons)


def _check_int8(settings: EngineSettings, engine: str, device: str) -> None:
    if settings.precision == "int8" and (engine != "openvino" or device != "cpu"):
        raise EngineError(
            f"--precision int8 runs on OpenVINO on the CPU only, not on {engine} on {device}; say --device cpu and"
            " leave --engine out, or take fp16"
        )


def _tensorrt(spec: NetSpec, settings: EngineSettings, device: str) -> Engine:
    if device == "cpu" and settings.device == "cpu":
        raise DeviceError("--engine tensorrt runs on NVIDIA GPUs, not on --device cpu; use --engine openvino there")
    from stream3d.engine.tensorrt_engine import TensorRTEngine

    with exporting():
        return TensorRTEngine(spec, precision=settings.precision)


def _inductor(spec: NetSpec, settings: EngineSettings, device: str) -> Engine:
    from stream3d.engine.inductor_engine import InductorEngine

    with exporting():
        return InductorEngine(spec, device=device, precision=settings.precision, threads=settings.threads)


def _openvino(spec: NetSpec, settings: EngineSettings, _device: str) -> Engine:
    from stream3d.engine.openvino_engine import OpenVinoEngine

    return OpenVinoEngine(spec, precision=settings.precision, threads=settings.threads)


def _torch(spec: NetSpec, settings: EngineSettings, device: str) -> Engine:
    from stream3d.engine.torch_engine import TorchEngine

    return TorchEngine(spec, device=device, precision=settings.precision, threads=settings.threads)
