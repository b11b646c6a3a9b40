"""OpenVINO on a CPU: nets converted once from their torch module, kept in the cache, loaded later without torch.

A built engine is keyed by the net's name, weights, input shapes, outputs and the versions of OpenVINO and of this
file's recipe; batch buckets, precision and threads are chosen when it is compiled for the machine.
"""

from __future__ import annotations

import hashlib
import json
import logging
import tempfile
import threading
import warnings
from pathlib import Path
from typing import Any

import openvino as ov

from stream3d.engine.buckets import BucketedEngine
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
    """A net compiled by OpenVINO for this CPU, one program per batch bucket.

    Raises:
        EngineError: the net cannot be converted or compiled.
        ModelError: OpenVINO cannot read the ONNX file.
    """

    def __init__(self, spec: NetSpec | OnnxSpec, *, precision: str = "fp32", threads: int = 1) -> None:
        self.spec = spec
        core = ov.Core()
        config = {
            "INFERENCE_PRECISION_HINT": _PRECISION[precision],
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            "PERFORMANCE_HINT": "LATENCY",
            # Else whatever thread runs a net is held on the first core, however busy that is and however idle others.
            "ENABLE_CPU_PINNING": False,
        }
        try:
            int8 = calibrated(core, spec) if precision == "int8" and isinstance(spec, NetSpec) else None
            model = read_onnx(spec) if isinstance(spec, OnnxSpec) else _model(core, spec) if int8 is None else int8
            programs = {bucket: _compiled(core, model, spec, bucket, config) for bucket in spec.buckets}
        except (EngineError, ModelError):
            raise  # it says already what is wrong
        except RuntimeError as error:
            raise EngineError(f"OpenVINO cannot compile {spec.name} for this CPU: {error}") from error
        self._programs = programs
        self._requests = threading.local()  # several threads may run the net at once, each with a request of its own
        first = programs[spec.buckets[0]]
        self._ran_in = "int8" if int8 is not None else str(first.get_property("INFERENCE_PRECISION_HINT").to_string())
        self._fell_back = {"fell back": why_not(spec)} if precision == "int8" and int8 is None else {}

    def _run(self, arrays: list[Array], bucket: int) -> list[Array]:
        request, count = self._request(bucket), len(arrays[0])
        # What a request takes without a copy must be writable, though it never writes, and must outlive the call.
        fed = [pad_batch(array if array.flags.writeable else array.copy(), bucket) for array in arrays]
        for k, array in enumerate(fed):
            request.set_input_tensor(k, ov.Tensor(array, shared_memory=True))
        request.infer(share_outputs=True)
        return [request.get_output_tensor(k).data[:count].copy() for k in range(len(self.spec.outputs))]

    def _request(self, bucket: int) -> ov.InferRequest:
        mine: dict[Any, ov.InferRequest] = self._requests.__dict__
        if bucket not in mine:
            mine[bucket] = self._programs[bucket].create_infer_request()
        return mine[bucket]

    def describe(self) -> dict[str, str]:
        """Runtime, device and the precision that OpenVINO says it runs in."""
        runtime = f"openvino {ov.__version__.split('-')[0]}"
        return {"runtime": runtime, "device": "cpu", "precision": self._ran_in, **self._fell_back}


def _key(spec: NetSpec) -> str:
    shapes = [(t.name, t.shape, t.dtype) for t in spec.inputs]
    said = json.dumps([spec.name, spec.weights_hash, shapes, spec.outputs, ov.__version__, _RECIPE])
    return hashlib.sha256(said.encode()).hexdigest()[:20]


def _model(core: ov.Core, spec: NetSpec) -> ov.Model:
    """The converted net with an open batch axis, from the cache or converted now."""
    path = cache_dir() / "engines" / f"{spec.name}-{_key(spec)}.xml"
    if path.is_file() and path.with_suffix(".bin").is_file():
        try:
            return core.read_model(path)
        except RuntimeError as error:
            log.warning("the cached engine %s is damaged and is built again: %s", path, error)
    model = convert(spec)
    save(model, path)
    return model


def convert(spec: NetSpec) -> ov.Model:
    """The net with an open batch axis, converted from its torch module; EngineError if that cannot be done."""
    import torch

    log.info("building the OpenVINO engine of %s, once for this machine", spec.name)
    # two examples: with one, torch.export would take the batch for a constant
    example = tuple(torch.zeros((2, *t.shape), dtype=getattr(torch, t.dtype)) for t in spec.inputs)
    batch = torch.export.Dim("batch", min=1, max=_LARGEST_BATCH)
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # torch.export's own, about its own internals
            module = spec.load().eval()
            program = torch.export.export(module, example, dynamic_shapes=tuple({0: batch} for _ in example))
            return ov.convert_model(program)
    except (RuntimeError, torch._dynamo.exc.Unsupported, torch._dynamo.exc.UserError) as error:
        raise EngineError(f"{spec.name} cannot be converted to OpenVINO: {error}") from error


def _compiled(
    core: ov.Core, model: ov.Model, spec: NetSpec | OnnxSpec, bucket: int, config: dict[str, Any]
) -> ov.CompiledModel:
    """The net for batches of ``bucket``: a fixed shape runs up to an eighth faster than an open one."""
    model.reshape({k: ov.PartialShape([bucket, *t.shape]) for k, t in enumerate(spec.inputs)})
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
