"""How engines with fixed batch sizes take batches of any size."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from stream3d.engine.protocol import Array, bucket_for
from stream3d.errors import EngineError
from stream3d.nets.spec import NetSpec, OnnxSpec


class BucketedEngine(ABC):
    """An engine whose programs are each for one batch size of ``spec``; other batches are cut into parts."""

    spec: NetSpec | OnnxSpec

    @property
    def buckets(self) -> tuple[int, ...]:
        """Batch sizes that were built, ascending."""
        return self.spec.buckets

    def __call__(self, **inputs: Array) -> dict[str, Array]:
        """Run on numpy arrays [B, ...]; the returned arrays are the caller's.

        Raises:
            EngineError: the inputs are not those of the net.
        """
        spec = self.spec
        if set(inputs) != {tensor.name for tensor in spec.inputs}:
            raise EngineError(f"{spec.name} takes {[t.name for t in spec.inputs]}, not {sorted(inputs)}")
        arrays = [np.ascontiguousarray(inputs[t.name], t.dtype) for t in spec.inputs]
        total, start = len(arrays[0]), 0
        parts: list[list[Array]] = []
        while start < total or not parts:
            bucket = bucket_for(max(total - start, 1), spec.buckets)
            parts.append(self._run([a[start : start + bucket] for a in arrays], bucket))
            start += bucket
        return {
            name: np.concatenate([p[k] for p in parts]) if len(parts) > 1 else parts[0][k]
            for k, name in enumerate(spec.outputs)
        }

    @abstractmethod
    def _run(self, arrays: list[Array], bucket: int) -> list[Array]:
        """The outputs, in the spec's order, for a part of the inputs in theirs that fits into ``bucket``."""
