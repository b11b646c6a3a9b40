"""Torch eager: the reference that every compiled engine is held against."""

from __future__ import annotations

import torch
from torch import Tensor

from stream3d.engine.on_device import TensorBuckets
from stream3d.engine.protocol import Array
from stream3d.errors import DeviceError
from stream3d.nets.spec import NetSpec

_CEILING = 64  # rows in one call, so that memory is bounded


class TorchEngine(TensorBuckets):
    """A net run by torch as it is, on the CPU or on an NVIDIA GPU; any batch up to a ceiling, without buckets.

    Raises:
        DeviceError: CUDA was asked for and is not there.
    """

    spec: NetSpec

    def __init__(self, spec: NetSpec, *, device: str = "cpu", precision: str = "fp32", threads: int = 1) -> None:
        if device == "cuda" and not torch.cuda.is_available():
            raise DeviceError("--device cuda: torch sees no NVIDIA GPU here; use --device cpu or auto")
        self.spec = spec
        self._device = torch.device(device)
        self._precision = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]
        if device == "cpu":
            torch.set_num_threads(threads)
        self._module = spec.load().eval().to(self._device)

    @property
    def buckets(self) -> tuple[int, ...]:
        """The ceiling alone; a larger batch is cut."""
        return (_CEILING,)

    def _run(self, arrays: list[Array], bucket: int) -> list[Array]:
        return [out.cpu().numpy() for out in self._moved([torch.from_numpy(array) for array in arrays], bucket)]

    def _moved(self, tensors: list[Tensor], _bucket: int) -> list[Tensor]:
        half = self._precision != torch.float32
        given = [tensor.to(self._device) for tensor in tensors]
        with torch.inference_mode(), torch.autocast(self._device.type, self._precision, enabled=half):
            outputs = self._module(*given)
        return [output.float() for output in outputs]

    def describe(self) -> dict[str, str]:
        """Runtime, device and precision; eager torch never falls back."""
        precision = str(self._precision).removeprefix("torch.")
        return {"runtime": f"torch {torch.__version__}", "device": str(self._device), "precision": precision}
