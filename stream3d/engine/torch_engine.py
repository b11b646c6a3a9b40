"""Torch eager: the reference that every compiled engine is held against."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from torch import Tensor

from stream3d.engine.protocol import Array
from stream3d.errors import DeviceError, EngineError
from stream3d.nets.spec import NetSpec

_CEILING = 64  # rows in one call, so that memory is bounded


class TorchEngine:
    """A net run by torch as it is, on the CPU or on an NVIDIA GPU; any batch up to a ceiling, without buckets.

    Raises:
        DeviceError: CUDA was asked for and is not there.
    """

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

    def __call__(self, **inputs: Array) -> dict[str, Array]:
        """Run on numpy arrays [B, ...].

        Raises:
            EngineError: the inputs are not those of the net.
        """
        arrays = [torch.from_numpy(np.ascontiguousarray(inputs[name])) for name in self._names(inputs)]
        parts = [[out.cpu().numpy() for out in outputs] for outputs in self._parts(arrays)]
        return {name: np.concatenate([part[k] for part in parts]) for k, name in enumerate(self.spec.outputs)}

    @property
    def device(self) -> torch.device:
        """Where it runs."""
        return self._device

    def on_device(self, **inputs: Tensor) -> dict[str, Tensor]:
        """Run on tensors [B, ...] on its device.

        Raises:
            EngineError: the inputs are not those of the net.
        """
        parts = list(self._parts([inputs[name] for name in self._names(inputs)]))
        return {
            name: torch.cat([part[k] for part in parts]) if len(parts) > 1 else parts[0][k]
            for k, name in enumerate(self.spec.outputs)
        }

    def _names(self, inputs: Iterable[str]) -> list[str]:
        names = [tensor.name for tensor in self.spec.inputs]
        if set(inputs) != set(names):
            raise EngineError(f"{self.spec.name} takes {names}, not {sorted(inputs)}")
        return names

    def _parts(self, tensors: list[Tensor]) -> Iterator[list[Tensor]]:
        half = self._precision != torch.float32
        for start in range(0, max(len(tensors[0]), 1), _CEILING):
            given = [tensor[start : start + _CEILING].to(self._device) for tensor in tensors]
            with torch.inference_mode(), torch.autocast(self._device.type, self._precision, enabled=half):
                outputs = self._module(*given)
            yield [output.float() for output in outputs]

    def describe(self) -> dict[str, str]:
        """Runtime, device and precision; eager torch never falls back."""
        precision = str(self._precision).removeprefix("torch.")
        return {"runtime": f"torch {torch.__version__}", "device": str(self._device), "precision": precision}
