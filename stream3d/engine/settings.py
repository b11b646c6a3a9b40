"""What a user can say about engines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from stream3d.errors import SettingsError

ENGINES = ("auto", "tensorrt", "inductor", "openvino", "torch")
DEVICES = ("auto", "cpu", "cuda")
PRECISIONS = ("fp32", "bf16", "fp16", "int8")
PIXELS = ("auto", "host", "device")


@dataclass(frozen=True, kw_only=True, slots=True)
class EngineSettings:
    """Which runtime, where, how exact, on how many threads per net.

    ``auto`` takes OpenVINO on a CPU; on an NVIDIA GPU TensorRT if it is installed, else inductor, else eager torch. One
    thread costs the least CPU per frame; more threads shorten the wall time of a single frame. ``int8`` is OpenVINO's
    alone, and of nets that were calibrated (``python -m engines.int8``); the others stay in fp32 and say so.

    ``pixels`` says where pictures are shrunk, cut out and converted for the nets: on the CPU (``host``), or on the
    device that the nets run on, by torch (``device``); ``auto`` is the device where that is a GPU.

    Raises:
        SettingsError: an unknown name or a thread count below 1.
    """

    engine: Literal["auto", "tensorrt", "inductor", "openvino", "torch"] = "auto"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["fp32", "bf16", "fp16", "int8"] = "fp32"
    threads: int = 1
    pixels: Literal["auto", "host", "device"] = "auto"

    def __post_init__(self) -> None:
        for name, known in (("engine", ENGINES), ("device", DEVICES), ("precision", PRECISIONS), ("pixels", PIXELS)):
            value = getattr(self, name)
            if value not in known:
                raise SettingsError(f"unknown {name} {value!r}; known are {', '.join(known)}")
        if self.threads < 1:
            raise SettingsError(f"an engine needs at least 1 thread, not {self.threads}")
