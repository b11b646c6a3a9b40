"""Where a batch waits on its way to a device: the same memory for every call."""

from __future__ import annotations

import torch
from torch import Tensor

from stream3d.engine.protocol import Array
from stream3d.nets.spec import NetSpec


class Staging:
    """Inputs of one bucket on the host, page-locked where a GPU is to fetch them, and on the device.

    The device's tensors keep their place, as CUDA graphs need it. With ``floats`` they are float32, whatever the host
    sends: bytes cross the bus and become numbers on the far side.
    """

    def __init__(self, spec: NetSpec, bucket: int, device: torch.device, *, floats: bool = False) -> None:
        gpu = device.type == "cuda"
        shapes = [((bucket, *t.shape), getattr(torch, t.dtype)) for t in spec.inputs]
        self._host = [torch.zeros(shape, dtype=dtype, pin_memory=gpu) for shape, dtype in shapes]
        self.tensors: list[Tensor] = [
            torch.zeros(shape, dtype=torch.float32 if floats else dtype, device=device) for shape, dtype in shapes
        ]

    def fill(self, arrays: list[Array]) -> list[Tensor]:
        """The device's tensors holding ``arrays``, zeros behind them.

        What an earlier call sent must have been used by now: whoever takes its answers to the host has waited for it.
        """
        for host, tensor, array in zip(self._host, self.tensors, arrays, strict=True):
            view = host.numpy()
            view[: len(array)], view[len(array) :] = array, 0
            tensor.copy_(host, non_blocking=True)
        return self.tensors

    def place(self, given: list[Tensor]) -> list[Tensor]:
        """The device's tensors holding ``given``, which lie on the device already, zeros behind them."""
        for tensor, one in zip(self.tensors, given, strict=True):
            tensor[: len(one)].copy_(one)
            tensor[len(one) :].zero_()
        return self.tensors
