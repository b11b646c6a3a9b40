"""Writes small ``.tflite`` models of one input for the tests of the reader and the converter."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.flatbuffer_writer import Table, flatbuffer

_KINDS = {"float32": 0, "float16": 1, "int32": 2, "uint8": 3}
_OPTION_TYPES = {0: 11, 2: 10, 3: 1, 4: 2, 5: 94, 17: 5, 22: 17, 23: 15, 34: 22}


@dataclass
class Model:
    """Tensor 0 is the input, float32 of ``shape``."""

    shape: tuple[int, ...]
    outputs: tuple[int, ...] = ()
    _tensors: list[Table] = field(default_factory=list)
    _buffers: list[Table] = field(default_factory=lambda: [Table()])
    _operators: list[Table] = field(default_factory=list)
    _codes: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.tensor(self.shape)

    def tensor(
        self, shape: tuple[int, ...], kind: str = "float32", data: Any = None, sparsity: Table | None = None
    ) -> int:
        fields: dict[int, Any] = {
            0: np.array(shape, "<i4"),
            1: ("b", _KINDS[kind]),
            2: ("I", 0),
            3: f"t{len(self._tensors)}",
        }
        if data is not None:
            fields[2] = ("I", len(self._buffers))
            self._buffers.append(Table({0: np.ascontiguousarray(data, kind).view("u1").ravel()}))
        if sparsity is not None:
            fields[6] = sparsity
        self._tensors.append(Table(fields))
        return len(self._tensors) - 1

    def constant(self, data: Any, kind: str = "float32") -> int:
        return self.tensor(np.shape(data), kind, data)

    def operator(
        self, code: int, inputs: tuple[int, ...], output: int, options: dict[int, tuple[str, int]] | None = None
    ) -> int:
        self._codes.append(code)
        fields: dict[int, Any] = {
            0: ("I", len(self._codes) - 1),
            1: np.array(inputs, "<i4"),
            2: np.array([output], "<i4"),
        }
        if code in _OPTION_TYPES:
            fields |= {3: ("B", _OPTION_TYPES[code]), 4: Table(dict(options or {}))}
        self._operators.append(Table(fields))
        return output

    def bytes(self) -> bytes:
        outputs = self.outputs or (len(self._tensors) - 1,)
        graph = {0: self._tensors, 1: np.array([0], "<i4"), 2: np.array(outputs, "<i4"), 3: self._operators}
        codes = [Table({0: ("b", min(c, 127)), 2: ("i", 2 if c == 23 else 1), 3: ("i", c)}) for c in self._codes]
        return flatbuffer(Table({0: ("I", 3), 1: codes, 2: [Table(graph)], 4: self._buffers}), b"TFL3")
