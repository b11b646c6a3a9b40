"""How engines with fixed batch sizes take batches of any size."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator

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
        names, types = self._names(inputs), [t.dtype for t in self.spec.inputs]
        arrays = [np.ascontiguousarray(inputs[name], dtype) for name, dtype in zip(names, types, strict=True)]
        parts = [
            self._run([a[start : start + size] for a in arrays], size) for start, size in self._cuts(len(arrays[0]))
        ]
        return {
            name: np.concatenate([p[k] for p in parts]) if len(parts) > 1 else parts[0][k]
            for k, name in enumerate(self.spec.outputs)
        }

    def _names(self, inputs: Iterable[str]) -> list[str]:
        """The names of the net's inputs, in its order; EngineError unless ``inputs`` are those."""
        names = [tensor.name for tensor in self.spec.inputs]
        if set(inputs) != set(names):
            raise EngineError(f"{self.spec.name} takes {names}, not {sorted(inputs)}")
        return names

    def _cuts(self, total: int) -> Iterator[tuple[int, int]]:
        """Where each part of a batch begins and the bucket it goes into; an empty batch is one part."""
        start = 0
        while start < max(total, 1):
            bucket = bucket_for(max(total - start, 1), self.buckets)
            yield start, bucket
            start += bucket

    @abstractmethod
    def _run(self, arrays: list[Array], bucket: int) -> list[Array]:
        """The outputs, in the spec's order, for a part of the inputs in theirs that fits into ``bucket``."""
