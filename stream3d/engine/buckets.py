"""How engines with fixed batch sizes take batches of any size."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from stream3d.engine.protocol import Array, bucket_for
from stream3d.errors import EngineError
from stream3d.nets.spec import NetSpec, OnnxSpec


def run_in_buckets(
    spec: NetSpec | OnnxSpec, inputs: Mapping[str, Array], run: Callable[[list[Array], int], list[Array]]
) -> dict[str, Array]:
    """The net's outputs by name, of ``inputs`` [B, ...] cut into parts.

    ``run`` gets the parts of the inputs in the spec's order and the bucket that holds them, and gives the outputs'.

    Raises:
        EngineError: the inputs are not those of the net.
    """
    if set(inputs) != {tensor.name for tensor in spec.inputs}:
        raise EngineError(f"{spec.name} takes {[t.name for t in spec.inputs]}, not {sorted(inputs)}")
    arrays = [np.ascontiguousarray(inputs[t.name], t.dtype) for t in spec.inputs]
    total, start = len(arrays[0]), 0
    parts: list[list[Array]] = []
    while start < total or not parts:
        bucket = bucket_for(max(total - start, 1), spec.buckets)
        parts.append(run([a[start : start + bucket] for a in arrays], bucket))
        start += bucket
    return {
        name: np.concatenate([p[k] for p in parts]) if len(parts) > 1 else parts[0][k]
        for k, name in enumerate(spec.outputs)
    }
