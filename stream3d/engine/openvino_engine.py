"""OpenVINO on a CPU: nets converted once from their torch module, kept in the cache, loaded later without torch.

A built engine is keyed by the net's name, weights, input shapes, outputs and the versions of OpenVINO and of this
file's recipe; batch sizes, precision and threads are chosen when it is compiled for the machine.
"""

from __future__ import annotations

import hashlib
import json
import logging
import tempfile
import threading
from pathlib import Path
from typing import Any

import openvino as ov

from stream3d.engine.buckets import BucketedEngine
from stream3d.engine.exporting import exporting
from stream3d.engine.mapped import MappedModel
from stream3d.engine.openvino_int8 import calibrated, why_not
from stream3d.engine.openvino_onnx import read_onnx
from stream3d.engine.protocol import Array, pad_batch
from stream3d.errors import EngineError, ModelError
from stream3d.nets.spec import NetSpec, OnnxSpec
from stream3d.paths import cache_dir

log = logging.getLogger("stream3d")

_RECIPE = 2  # raise when the way of converting changes, so that cached engines are built again
_LARGEST_BATCH = 1024
_KEPT = 4  # engines of one net
_PRECISION = {"fp32": "f32", "bf16": "bf16", "fp16": "f16", "int8": "f32"}  # int8 is in the net itself


class OpenVinoEngine(BucketedEngine):
    """A net compiled by OpenVINO for this CPU.

    A net of pictures has a program per batch bucket: a fixed shape runs up to an eighth faster than an open one. A net
    of numbers has one program for all batches up to its largest bucket: at its size that costs less than filling
    batches up does, and each further program holds all weights again.

    Raises:
        EngineError: the net cannot be converted or compiled.
        ModelError: OpenVINO cannot read the ONNX file.
    """

    def __init__(self, spec: NetSpec | OnnxSpec, *, precision: str = "fp32", threads: int = 1) -> None:
        self.spec = spec
        self._open = len(spec.buckets) > 1 and not any(tensor.dtype == "uint8" for tensor in spec.inputs)
        core = ov.Core()
        try:
            int8 = calibrated(core, spec) if precision == "int8" and isinstance(spec, NetSpec) else None
            # kept as long as the programs, which may read what they have not copied
            self._weights = int8 if int8 or isinstance(spec, OnnxSpec) else _cached(core, spec)
            model = self._weights.model if self._weights else _made(spec)
            self._programs = self._compiled(core, model, _config(precision, threads))
        except (EngineError, ModelError):
            raise  # it says already what is wrong
        except RuntimeError as error:
            raise EngineError(f"OpenVINO cannot compile {spec.name} for this CPU: {error}") from error
        if self._weights:
            self._weights.let_go()
        self._requests = threading.local()  # several threads may run the net at once, each with a request of its own
        first = self._programs[spec.buckets[0]]
        self._ran_in = "int8" if int8 is not None else str(first.get_property("INFERENCE_PRECISION_HINT").to_string())
        self._fell_back = {"fell back": why_not(spec)} if precision == "int8" and int8 is None else {}

    def _compiled(self, core: ov.Core, model: ov.Model, config: dict[str, Any]) -> dict[int, ov.CompiledModel]:
        buckets = self.spec.buckets
        if self._open:
            return dict.fromkeys(buckets, _program(core, model, self.spec, ov.Dimension(1, buckets[-1]), config))
        return {bucket: _program(core, model, self.spec, ov.Dimension(bucket), config) for bucket in buckets}

    def _run(self, arrays: list[Array], bucket: int) -> list[Array]:
        request, count = self._request(bucket), len(arrays[0])
        size = max(count, 1) if self._open else bucket
        # What a request takes without a copy must be writable, though it never writes, and must outlive the call.
        fed = [pad_batch(array if array.flags.writeable else array.copy(), size) for array in arrays]
        for k, array in enumerate(fed):
            request.set_input_tensor(k, ov.Tensor(array, shared_memory=True))
        request.infer(share_outputs=True)
        return [request.get_output_tensor(k).data[:count].copy() for k in range(len(self.spec.outputs))]

    def _request(self, bucket: int) -> ov.InferRequest:
        mine: dict[Any, ov.InferRequest] = self._requests.__dict__
        key = 0 if self._open else bucket
        if key not in mine:
            mine[key] = self._programs[bucket].create_infer_request()
        return mine[key]

    def describe(self) -> dict[str, str]:
        """Runtime, device and the precision that OpenVINO says it runs in."""
        runtime = f"openvino {ov.__version__.split('-')[0]}"
        return {"runtime": runtime, "device": "cpu", "precision": self._ran_in, **self._fell_back}


def _config(precision: str, threads: int) -> dict[str, Any]:
    return {
        "INFERENCE_PRECISION_HINT": _PRECISION[precision],
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        "PERFORMANCE_HINT": "LATENCY",
        # Else whatever thread runs a net is held on the first core, however busy that is and however idle others.
        "ENABLE_CPU_PINNING": False,
    }


def _path(spec: NetSpec) -> Path:
    shapes = [(t.name, t.shape, t.dtype) for t in spec.inputs]
    said = json.dumps([spec.name, spec.weights_hash, shapes, spec.outputs, ov.__version__, _RECIPE])
    return cache_dir() / "engines" / f"{spec.name}-{hashlib.sha256(said.encode()).hexdigest()[:20]}.xml"


def _cached(core: ov.Core, spec: NetSpec) -> MappedModel | None:
    """The converted net with an open batch axis as the cache has it, or None where there is none that can be read."""
    path = _path(spec)
    if not (path.is_file() and path.with_suffix(".bin").is_file()):
        return None
    try:
        return MappedModel(core, path)
    except (OSError, RuntimeError, ValueError) as error:
        log.warning("the cached engine %s is damaged and is built again: %s", path, error)
        return None


def _made(spec: NetSpec | OnnxSpec) -> ov.Model:
    """The net read from its ONNX file, or converted now and put into the cache."""
    if isinstance(spec, OnnxSpec):
        return read_onnx(spec)
    model = convert(spec)
    save(model, _path(spec))
    return model


def convert(spec: NetSpec) -> ov.Model:
    """The net with an open batch axis, converted from its torch module; EngineError if that cannot be done."""
    import torch

    log.info("building the OpenVINO engine of %s, once for this machine", spec.name)
    # two examples: with one, torch.export would take the batch for a constant
    example = tuple(torch.zeros((2, *t.shape), dtype=getattr(torch, t.dtype)) for t in spec.inputs)
    batch = torch.export.Dim("batch", min=1, max=_LARGEST_BATCH)
    try:
        with exporting():
            module = spec.load().eval()
            program = torch.export.export(module, example, dynamic_shapes=tuple({0: batch} for _ in example))
            return ov.convert_model(program)
    except (RuntimeError, torch._dynamo.exc.Unsupported, torch._dynamo.exc.UserError) as error:
        raise EngineError(f"{spec.name} cannot be converted to OpenVINO: {error}") from error


def _program(
    core: ov.Core, model: ov.Model, spec: NetSpec | OnnxSpec, batch: ov.Dimension, config: dict[str, Any]
) -> ov.CompiledModel:
    model.reshape({k: ov.PartialShape([batch, *t.shape]) for k, t in enumerate(spec.inputs)})
    return core.compile_model(model, "CPU", config)


def save(model: ov.Model, path: Path) -> None:
    """Write the IR beside its final name and move it there, so that a reader never sees half a file."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            part = Path(folder) / path.name
            ov.save_model(model, part, compress_to_fp16=False)
            part.with_suffix(".bin").replace(path.with_suffix(".bin"))
            part.replace(path)
        _forget_old(path)
    except OSError as error:
        log.warning(
            "the engine cache %s cannot be written, so the net is converted at every start: %s", path.parent, error
        )


def _forget_old(newest: Path) -> None:
    """Of one net keep the last few engines only: each version of weights or of OpenVINO leaves one."""
    net = newest.stem.rpartition("-")[0]
    same = [path for path in newest.parent.glob("*.xml") if path.stem.rpartition("-")[0] == net]
    for old in sorted(same, key=lambda path: path.stat().st_mtime)[:-_KEPT]:
        old.unlink(missing_ok=True)
        old.with_suffix(".bin").unlink(missing_ok=True)
