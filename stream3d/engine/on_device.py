"""Engines that take tensors where they run and give tensors there: what a net is shown need never leave the device."""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from stream3d.engine.buckets import BucketedEngine
from stream3d.engine.choice import FellBack
from stream3d.engine.protocol import Array, Engine
from stream3d.engine.staging import Staging
from stream3d.errors import EngineError


@runtime_checkable
class TensorEngine(Protocol):
    """An engine with a second entrance, for tensors.

    On CUDA everything happens on the calling thread's current stream, which has to be the same one for all callers
    (torch's default, unless somebody chooses another); no call waits for the device.
    """

    @property
    def device(self) -> torch.device:
        """Where the tensors lie."""
        ...

    def on_device(self, **inputs: Tensor) -> dict[str, Tensor]:
        """Run on tensors [B, ...] of the net's own types, any B >= 1; the answers [B, ...] are the caller's to keep."""
        ...


def tensor_engine(engine: Engine) -> TensorEngine:
    """``engine``, or the one that serves in its place, as one that takes tensors.

    Raises:
        EngineError: it cannot; OpenVINO takes arrays only.
    """
    serving = engine.serving if isinstance(engine, FellBack) else engine
    if not isinstance(serving, TensorEngine):
        raise EngineError(
            f"{engine.describe().get('runtime', 'this engine')} takes no tensors, so pictures cannot be cut on a device"
            " for it; use --engine torch, inductor or tensorrt, or leave --pixels at auto"
        )
    return serving


class TensorBuckets(BucketedEngine):
    """A bucketed engine of torch's world, which takes arrays and tensors."""

    _device: torch.device

    @property
    def device(self) -> torch.device:
        """Where it runs."""
        return self._device

    def on_device(self, **inputs: Tensor) -> dict[str, Tensor]:
        """Run on tensors [B, ...] on its device.

        Raises:
            EngineError: the inputs are not those of the net.
        """
        given = [inputs[name] for name in self._names(inputs)]
        parts = [
            self._moved([t[start : start + size] for t in given], size) for start, size in self._cuts(len(given[0]))
        ]
        return {
            name: torch.cat([part[k] for part in parts]) if len(parts) > 1 else parts[0][k]
            for k, name in enumerate(self.spec.outputs)
        }

    @abstractmethod
    def _moved(self, tensors: list[Tensor], bucket: int) -> list[Tensor]:
        """As ``_run``, from tensors on the device to tensors there, which are the caller's."""


class DeviceBuckets(TensorBuckets):
    """One whose programs each read their inputs from a place of their own, a ``Staging`` per bucket."""

    _one_at_a_time: threading.Lock  # a bucket has one place for its inputs

    def _moved(self, tensors: list[Tensor], bucket: int) -> list[Tensor]:
        """Copies of the answers, since the next call may write where the program leaves them."""
        with self._one_at_a_time, torch.inference_mode():
            outputs = self._answers(self._staging(bucket).place(tensors), bucket)
            return [out[: len(tensors[0])].float().clone() for out in outputs]

    def _run(self, arrays: list[Array], bucket: int) -> list[Array]:
        with self._one_at_a_time, torch.inference_mode():
            outputs = self._answers(self._staging(bucket).fill(arrays), bucket)
            return [out[: len(arrays[0])].float().cpu().numpy().copy() for out in outputs]

    @abstractmethod
    def _staging(self, bucket: int) -> Staging:
        """Where a bucket's inputs wait."""

    @abstractmethod
    def _answers(self, fed: list[Tensor], bucket: int) -> Sequence[Tensor]:
        """The outputs, in the spec's order, for a staging's tensors; the next call may write into them."""
