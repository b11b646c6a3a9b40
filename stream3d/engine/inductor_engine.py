"""Inductor: nets compiled by torch itself, one program per batch bucket, replayed as CUDA graphs on an NVIDIA GPU."""

from __future__ import annotations

import os
import shutil
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from stream3d.engine.on_device import DeviceBuckets
from stream3d.engine.staging import Staging
from stream3d.engine.typed import exported
from stream3d.errors import DeviceError, EngineError
from stream3d.nets.spec import NetSpec

_WARM_UPS = 3  # calls before a capture, so that libraries have chosen their kernels and taken their memory


class InductorEngine(DeviceBuckets):
    """A net compiled by torch.compile, for fixed batch sizes, on the CPU or on an NVIDIA GPU.

    Raises:
        DeviceError: CUDA was asked for and is not there.
        EngineError: there is no C++ compiler for the CPU, or the net cannot be compiled.
    """

    spec: NetSpec

    def __init__(self, spec: NetSpec, *, device: str = "cpu", precision: str = "fp32", threads: int = 1) -> None:
        if device == "cuda" and not torch.cuda.is_available():
            raise DeviceError("--device cuda: torch sees no NVIDIA GPU here; use --device cpu or auto")
        if device == "cpu":
            _check_compiler()
            torch.set_num_threads(threads)
        self.spec, self._precision = spec, precision
        self._device = torch.device(device)
        self._one_at_a_time = threading.Lock()
        self._programs = {bucket: self._program(bucket) for bucket in spec.buckets}

    def _program(self, bucket: int) -> tuple[Staging, Callable[..., Any]]:
        graph = exported(self.spec, bucket, precision=self._precision, device=self._device)
        staging = Staging(self.spec, bucket, self._device)
        try:
            # a graph of its own for every bucket: torch.compile would stop at its eighth shape of one module
            compiled = torch.compile(graph.module(check_guards=False), fullgraph=True, dynamic=False)
            with torch.inference_mode():
                compiled(*staging.tensors)
                if self._device.type == "cuda":
                    return staging, _captured(compiled, staging.tensors)
        except Exception as error:  # compilers fail with whatever they like
            raise EngineError(
                f"inductor cannot compile {self.spec.name} for batches of {bucket} on {self._device}: "
                f"{str(error).strip() or type(error).__name__}; use --engine torch"
            ) from error
        return staging, compiled

    def _staging(self, bucket: int) -> Staging:
        return self._programs[bucket][0]

    def _answers(self, fed: list[Tensor], bucket: int) -> Sequence[Tensor]:
        outputs: tuple[Tensor, ...] = self._programs[bucket][1](*fed)
        return outputs

    def describe(self) -> dict[str, str]:
        """Runtime, device and precision."""
        gpu = self._device.type == "cuda"
        return {
            "runtime": f"inductor of torch {torch.__version__}" + (" with CUDA graphs" if gpu else ""),
            "device": torch.cuda.get_device_name(self._device) if gpu else "cpu",
            "precision": self._precision,
        }


def _captured(program: Callable[..., Any], inputs: list[Tensor]) -> Callable[..., Any]:
    """``program`` recorded once on ``inputs``, whose memory is read anew by every replay.

    Recorded here and not by torch.compile's own mode, whose graphs belong to the thread that compiled them: engines
    are made in one thread and called in another.
    """
    aside: Any = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(_WARM_UPS):
            program(*inputs)
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    # other threads may be decoding or copying at this moment, which is none of this capture's business
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):
        outputs = program(*inputs)

    def replay(*_: Tensor) -> Any:
        graph.replay()
        return outputs

    return replay


def _check_compiler() -> None:
    """Inductor writes C++ for a CPU.

    Raises:
        EngineError: there is nothing to compile it with.
    """
    wanted = os.environ.get("CXX") or {"darwin": "clang++", "win32": "cl"}.get(sys.platform, "g++")
    if shutil.which(wanted) is None:
        raise EngineError(
            f"--engine inductor compiles C++ for the CPU, and there is no {wanted} here; install one, name yours in"
            " the environment variable CXX, or use --engine openvino"
        )
