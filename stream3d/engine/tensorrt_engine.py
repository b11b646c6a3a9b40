"""TensorRT on an NVIDIA GPU, through torch-tensorrt: one serialized engine per batch bucket, replayed as CUDA graphs.

Engines are built once per GPU and kept in the cache (``tensorrt_cache``). A newly built one is first held against eager
torch on the same GPU, and refused if it answers otherwise.
"""

from __future__ import annotations

import logging
import threading
from typing import Any

import numpy as np
import torch
from torch import Tensor

from stream3d.engine import tensorrt_cache as cache
from stream3d.engine.on_device import DeviceBuckets
from stream3d.engine.protocol import Array
from stream3d.engine.staging import Staging
from stream3d.engine.tensorrt_build import Plan, build, library
from stream3d.errors import EngineError
from stream3d.nets.spec import NetSpec

log = logging.getLogger("stream3d")

AGREEMENT = {"fp32": 1e-3, "bf16": 5e-2, "fp16": 5e-3}
"""Median error that a new engine may have on noise, as a share of an output's largest value (of 1 where that is less).

Ten times or more what the typed graphs of the shipped nets lose on a CPU: 5e-3 in bf16, 2e-4 in fp16, nothing in fp32,
where a GPU's eager torch may itself be 1e-4 off (TF32).
"""


class TensorRTEngine(DeviceBuckets):
    """A net run by TensorRT for fixed batch sizes; what comes and goes are numpy arrays, or tensors on its GPU.

    Raises:
        DeviceError: torch-tensorrt or an NVIDIA GPU that it knows is not there.
        EngineError: TensorRT cannot build the net as a whole, or what it built does not agree with eager torch.
    """

    spec: NetSpec

    def __init__(self, spec: NetSpec, *, precision: str = "fp32") -> None:
        self._library = library()
        self.spec, self._precision, self._device = spec, precision, _gpu()
        self._made_by = _versions(self._library)
        self._built = 0
        # CUDA graphs are a mode of the runtime: with fixed shapes each engine records itself once
        self._library.runtime.set_cudagraphs_mode(True)
        self._one_at_a_time = threading.Lock()
        self._programs = {bucket: self._program(bucket) for bucket in spec.buckets}

    def _program(self, bucket: int) -> tuple[Staging, Plan, Any]:
        staging = Staging(self.spec, bucket, self._device, floats=True)
        path = cache.path_of(self.spec, bucket, self._precision, _about_gpu(self._device))
        plan = cache.load(path, self._made_by)
        if plan is not None:
            try:
                return staging, plan, self._module(plan)
            except Exception as error:  # the runtime's own refusal of a plan
                log.warning("TensorRT refuses the cached engine %s, which is built again: %s", path, error)
        log.info("building the TensorRT engine of %s for batches of %d: minutes, once for this GPU", path.stem, bucket)
        plan = build(
            self.spec,
            bucket,
            precision=self._precision,
            device=self._device,
            timing_cache=cache.folder() / "timing.cache",
        )
        program = staging, plan, self._fresh(plan, staging, bucket)
        cache.save(plan, path, self._made_by)
        self._built += 1
        return program

    def _module(self, plan: Plan) -> Any:
        return self._library.runtime.TorchTensorRTModule(
            plan.engine, list(plan.inputs), list(plan.outputs), name=self.spec.name.replace("-", "_")
        )

    def _fresh(self, plan: Plan, staging: Staging, bucket: int) -> Any:
        """The module of a new plan, once it has shown that it agrees with the net; else EngineError."""
        with torch.inference_mode():
            fed = staging.fill(_noise(self.spec, bucket))
            net = self.spec.load().eval().to(self._device)
            wanted = [out.float().cpu().numpy() for out in net(*fed)]
            try:
                module = self._module(plan)
                got = [out.float().cpu().numpy() for out in _outputs(module, plan, fed)]
            except Exception as error:  # the runtime fails with whatever it likes
                raise EngineError(f"TensorRT built {self.spec.name} and cannot run it: {error}") from error
        for name, ours, theirs in zip(self.spec.outputs, got, wanted, strict=True):
            off = _off(ours, theirs)
            if not off <= AGREEMENT[self._precision]:
                raise EngineError(
                    f"TensorRT's {self.spec.name} in {self._precision} is off by {off:.1e} of {name}'s range, more than"
                    f" {AGREEMENT[self._precision]:.0e}: refused; use --precision fp32, or --engine inductor"
                )
        return module

    def _staging(self, bucket: int) -> Staging:
        return self._programs[bucket][0]

    def _answers(self, fed: list[Tensor], bucket: int) -> list[Tensor]:
        _, plan, module = self._programs[bucket]
        return _outputs(module, plan, fed)

    def describe(self) -> dict[str, str]:
        """Runtime, GPU, precision, and how the engines came to be; nothing of the net runs outside of TensorRT."""
        versions = self._made_by
        kept = len(self.buckets) - self._built
        return {
            "runtime": f"tensorrt {versions['tensorrt']} by torch-tensorrt {versions['torch_tensorrt']}, CUDA graphs",
            "device": torch.cuda.get_device_name(),
            "precision": self._precision + ("" if self._precision == "fp32" else ", last layers fp32"),
            "compiled": f"wholly; {self._built} engines built now, {kept} from the cache",
        }


def _outputs(module: Any, plan: Plan, fed: list[Tensor]) -> list[Tensor]:
    """The net's outputs in its own order; the next call may write into them."""
    out = module(*(fed[place] for place in plan.feeds))
    given = [out] if isinstance(out, Tensor) else list(out)
    return [given[place] for place in plan.gives]


def _gpu() -> torch.device:
    return torch.device("cuda", torch.cuda.current_device())


def _about_gpu(device: torch.device) -> dict[str, str]:
    capability = ".".join(str(number) for number in torch.cuda.get_device_capability(device))
    return {"name": torch.cuda.get_device_name(device), "capability": capability}


def _versions(library: Any) -> dict[str, str]:
    import tensorrt

    return {
        "torch": torch.__version__,
        "torch_tensorrt": str(library.__version__),
        "tensorrt": str(tensorrt.__version__),
        "cuda": str(torch.version.cuda),
    }


def _noise(spec: NetSpec, bucket: int) -> list[Array]:
    rng = np.random.default_rng(0)
    return [
        rng.integers(0, 256, (bucket, *t.shape)).astype(t.dtype)
        if t.dtype == "uint8"
        else rng.uniform(-1, 1, (bucket, *t.shape)).astype(t.dtype)
        for t in spec.inputs
    ]


def _off(ours: Array, theirs: Array) -> float:
    """Median error as a share of the largest wanted value; infinite where an answer is not finite."""
    if ours.shape != theirs.shape or not np.isfinite(ours).all():
        return float("inf")
    return float(np.median(np.abs(ours - theirs)) / max(1.0, float(np.abs(theirs).max(initial=0.0))))
