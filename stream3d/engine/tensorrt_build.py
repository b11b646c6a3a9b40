"""From a net to a serialized TensorRT engine, by torch-tensorrt's documented API as of its versions 2.11 to 2.14.

torch.export gives the graph of one batch size with its number types in it (these versions build strongly typed
networks); ``torch_tensorrt.dynamo.compile`` makes one engine of the whole of it, or fails: a net that would run partly
in torch is refused. TensorRT takes bytes only where a cast comes first, and a net begins by turning its picture round:
so every input of an engine is float32, and the cast lies before it.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from stream3d.engine.typed import exported
from stream3d.errors import DeviceError, EngineError
from stream3d.nets.spec import NetSpec

_OLDEST = (7, 5)  # compute capability: Turing; TensorRT has no kernels for what is older
_WORKSPACE = 1 << 30  # bytes that building may take on the GPU, beside whatever else runs there


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """A serialized engine, and how its bindings stand to the net's inputs and outputs.

    ``feeds`` are the positions of the net's inputs in the order of the engine's, ``gives`` those of the engine's
    outputs in the order of the net's.
    """

    engine: bytes
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    feeds: tuple[int, ...]
    gives: tuple[int, ...]


def library() -> Any:
    """The module ``torch_tensorrt``.

    Raises:
        DeviceError: it, or TensorRT itself, is not installed; there is no NVIDIA GPU, or it is too old.
    """
    if not torch.cuda.is_available():
        raise DeviceError(
            "--engine tensorrt needs an NVIDIA GPU, and torch sees none here; use --engine openvino or auto"
        )
    capability = torch.cuda.get_device_capability()
    if capability < _OLDEST:
        raise DeviceError(
            f"--engine tensorrt: {torch.cuda.get_device_name()} has compute capability {capability[0]}.{capability[1]},"
            f" TensorRT needs {_OLDEST[0]}.{_OLDEST[1]} or newer; use --engine torch"
        )
    try:
        import torch_tensorrt
    except Exception as error:  # without TensorRT's libraries it raises a plain Exception
        raise DeviceError(
            f"--engine tensorrt: torch-tensorrt cannot be imported ({error}); install the version that belongs to torch"
            f" {torch.__version__}, with TensorRT's own libraries, or use --engine inductor"
        ) from error
    return torch_tensorrt


def build(spec: NetSpec, bucket: int, *, precision: str, device: torch.device, timing_cache: Path) -> Plan:
    """One engine of the whole net for batches of ``bucket``.

    Raises:
        EngineError: the net cannot be exported, TensorRT fails, or a part of it would run outside.
    """
    tensorrt = library()
    program = exported(spec, bucket, precision=precision, device=device, floats=True)
    inputs = tuple(torch.zeros((bucket, *t.shape), device=device) for t in spec.inputs)
    try:
        timing_cache.parent.mkdir(parents=True, exist_ok=True)
        compiled = tensorrt.dynamo.compile(
            program,
            arg_inputs=inputs,
            device=device,
            require_full_compilation=True,
            pass_through_build_failures=True,
            min_block_size=1,
            disable_tf32=True,  # what is said to be float32 is to be float32
            workspace_size=_WORKSPACE,
            timing_cache_path=str(timing_cache),
        )
    except Exception as error:  # converters, partitioner and builder each fail with something else
        raise EngineError(
            f"TensorRT cannot build {spec.name} for batches of {bucket} in {precision} on {device}: "
            f"{str(error).strip() or type(error).__name__}; use --engine inductor, or --engine auto to fall back"
        ) from error
    return _whole(tensorrt, compiled, spec)


def _whole(tensorrt: Any, compiled: torch.fx.GraphModule, spec: NetSpec) -> Plan:
    """The one engine that ``compiled`` consists of; EngineError if there is anything else in it."""
    nodes = list(compiled.graph.nodes)
    engines = [n for n in nodes if n.op == "call_module" and _is_engine(tensorrt, compiled, n)]
    outside = [n for n in nodes if n.op.startswith("call_") and n.target is not operator.getitem and n not in engines]
    if len(engines) != 1 or outside:
        raise EngineError(
            f"TensorRT compiled {spec.name} only in part: {len(engines)} engines, and outside of them "
            f"{[str(n.target) for n in outside]}; use --engine inductor"
        )
    call = engines[0]
    module: Any = compiled.get_submodule(str(call.target))
    given = [n for n in nodes if n.op == "placeholder"]
    return Plan(
        engine=bytes(module.serialized_engine),
        inputs=tuple(module.input_binding_names),
        outputs=tuple(module.output_binding_names),
        feeds=tuple(given.index(n) for n in call.args),
        gives=tuple(0 if n is call else int(n.args[1]) for n in nodes[-1].all_input_nodes),
    )


def _is_engine(tensorrt: Any, compiled: torch.fx.GraphModule, node: torch.fx.Node) -> bool:
    return isinstance(compiled.get_submodule(str(node.target)), tensorrt.runtime.TorchTensorRTModule)
