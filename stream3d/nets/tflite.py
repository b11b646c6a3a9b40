"""Reads a ``.tflite`` file into a graph of plain values, with its weights dense and in float32.

Numpy only, and nothing in the file is trusted: whatever is malformed raises ModelError. Weights behind DEQUANTIZE
(fp16) and DENSIFY (sparse) are unfolded while reading, so the graph that comes out holds neither operator.

Source of the field numbers: TensorFlow Lite's ``schema.fbs``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from stream3d.errors import ModelError
from stream3d.nets.flatbuffer import Table, root
from stream3d.nets.tflite_sparse import densify

Array = npt.NDArray[Any]

MAX_VALUES = 1 << 24
"""Most values that the weights of one file may have in all, which is 64 MiB in float32."""

NO_ACTIVATION = 0
"""Option ``activation`` of an operator that has none."""

_MOST_ENDS = 256  # tensors that one operator may read or write; as many tables may share one vector

_DTYPES = {0: "<f4", 1: "<f2", 2: "<i4", 3: "|u1", 4: "<i8", 9: "|i1"}

# Builtin operators that are understood, with the fields of their options: name -> (number, format, default).
_CONV_TAIL = {"stride_w": (1, "i", 0), "stride_h": (2, "i", 0)}
_OPERATORS: dict[int, tuple[str, dict[str, tuple[int, str, int]]]] = {
    0: ("ADD", {"activation": (0, "b", 0)}),
    2: ("CONCATENATION", {"axis": (0, "i", 0), "activation": (1, "b", 0)}),
    3: (
        "CONV_2D",
        {"padding": (0, "b", 0), **_CONV_TAIL, "activation": (3, "b", 0)}
        | {"dilation_w": (4, "i", 1), "dilation_h": (5, "i", 1)},
    ),
    4: (
        "DEPTHWISE_CONV_2D",
        {"padding": (0, "b", 0), **_CONV_TAIL, "multiplier": (3, "i", 0), "activation": (4, "b", 0)}
        | {"dilation_w": (5, "i", 1), "dilation_h": (6, "i", 1)},
    ),
    5: ("DEPTH_TO_SPACE", {"block": (0, "i", 0)}),
    6: ("DEQUANTIZE", {}),
    14: ("LOGISTIC", {}),
    17: (
        "MAX_POOL_2D",
        {"padding": (0, "b", 0), **_CONV_TAIL, "filter_w": (3, "i", 0), "filter_h": (4, "i", 0)}
        | {"activation": (5, "b", 0)},
    ),
    22: ("RESHAPE", {}),
    23: ("RESIZE_BILINEAR", {"align_corners": (2, "b", 0), "half_pixel": (3, "b", 0)}),
    34: ("PAD", {}),
    124: ("DENSIFY", {}),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Tensor:
    """One tensor: ``shape`` as in the file (NHWC for pictures), ``data`` of that shape if it is a constant."""

    name: str
    shape: tuple[int, ...]
    data: Array | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Operator:
    """One operator: TFLite's ``name`` of it, indices of the tensors it reads (-1 = left out) and writes."""

    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Graph:
    """A net: operators in an order in which they can run; ``inputs`` and ``outputs`` index ``tensors``."""

    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def read_tflite(data: bytes) -> Graph:
    """Parse the bytes of a ``.tflite`` file.

    Raises:
        ModelError: the file is malformed, or uses a part of the format that is not understood here.
    """
    model = root(data, b"TFL3")
    subgraphs = model.tables(2)
    if len(subgraphs) != 1:
        raise ModelError(f"the model has {len(subgraphs)} subgraphs; only models of exactly one can be read")
    tables, codes, buffers = subgraphs[0].tables(0), model.tables(1), model.tables(4)
    operators = tuple(_operator(t, codes=codes, tensors=len(tables)) for t in subgraphs[0].tables(3))
    graph = Graph(
        tensors=_tensors(tables, buffers),
        operators=operators,
        inputs=_indices(subgraphs[0], 1, len(tables)),
        outputs=_indices(subgraphs[0], 2, len(tables)),
    )
    return _fold_weights(graph)


def known_operator(name: object, options: Mapping[str, int]) -> str:
    """``name`` if it is an operator that remains in a graph, with the options that it has there.

    Raises:
        ModelError: it is not.
    """
    for known, fields in _OPERATORS.values():
        if known == name and known not in ("DEQUANTIZE", "DENSIFY") and fields.keys() == options.keys():
            return known
    raise ModelError(f"operator {str(name)[:40]!r} with options {sorted(options)[:12]} is not understood")


def _indices(table: Table, number: int, limit: int, lowest: int = 0) -> tuple[int, ...]:
    values = table.vector(number, "<i4")
    if len(values) > _MOST_ENDS or np.any((values < lowest) | (values >= limit)):
        raise ModelError(f"damaged model: tensor numbers {values[:8].tolist()}, allowed are {lowest}..{limit - 1}")
    return tuple(values.tolist())


def _operator(table: Table, *, codes: tuple[Table, ...], tensors: int) -> Operator:
    index = table.scalar(0, "I")
    if index >= len(codes):
        raise ModelError(f"damaged model: operator code {index} of {len(codes)}")
    code = max(codes[index].scalar(0, "b"), codes[index].scalar(3, "i"))
    if code not in _OPERATORS:
        raise ModelError(f"operator {code} of TFLite is not understood; known are {sorted(_OPERATORS)}")
    name, fields = _OPERATORS[code]
    options = table.table(4)
    values = {
        key: default if options is None else options.scalar(n, c, default) for key, (n, c, default) in fields.items()
    }
    return Operator(
        name=name, inputs=_indices(table, 1, tensors, -1), outputs=_indices(table, 2, tensors), options=values
    )


def _tensors(tables: tuple[Table, ...], buffers: tuple[Table, ...]) -> tuple[Tensor, ...]:
    budget, tensors = MAX_VALUES, []
    for table in tables:
        tensor = _tensor(table, buffers, budget)
        budget -= 0 if tensor.data is None else tensor.data.size
        tensors.append(tensor)
    return tuple(tensors)


def _tensor(table: Table, buffers: tuple[Table, ...], budget: int) -> Tensor:
    name, values = table.text(3), table.vector(0, "<i4")
    if len(values) > 8 or np.any(values < 0):
        raise ModelError(f"damaged model: tensor {name!r} has the shape {values[:9].tolist()}")
    shape = tuple(values.tolist())
    buffer, kind = table.scalar(2, "I"), table.scalar(1, "b")
    if buffer >= len(buffers):
        raise ModelError(f"damaged model: tensor {name!r} lies in buffer {buffer} of {len(buffers)}")
    raw = buffers[buffer].vector(0, "u1")
    if not len(raw):
        return Tensor(name=name, shape=shape, data=None)
    if kind not in _DTYPES or len(raw) % np.dtype(_DTYPES[kind]).itemsize:
        raise ModelError(f"tensor {name!r}: {len(raw)} bytes of type {kind} cannot be read")
    flat, sparsity = raw.view(_DTYPES[kind]), table.table(6)
    size = int(np.prod(np.array(shape, object))) if shape else 1
    if size > budget:
        raise ModelError(f"the weights have more than {MAX_VALUES} values (at tensor {name!r}, {size} values)")
    dense = flat if sparsity is None else densify(sparsity, flat, shape)
    if len(dense) != size:
        raise ModelError(f"damaged model: tensor {name!r} of shape {shape} has {len(dense)} values")
    return Tensor(name=name, shape=shape, data=dense.reshape(shape))


def _fold_weights(graph: Graph) -> Graph:
    """The graph with DEQUANTIZE and DENSIFY of constants carried out, which makes those constants float32."""
    tensors, rest, budget = list(graph.tensors), [], MAX_VALUES
    for operator in graph.operators:
        if operator.name not in ("DEQUANTIZE", "DENSIFY"):
            rest.append(operator)
            continue
        if len(operator.inputs) != 1 or len(operator.outputs) != 1 or operator.inputs[0] < 0:
            raise ModelError(f"damaged model: {operator.name} from {operator.inputs} to {operator.outputs}")
        source, target = tensors[operator.inputs[0]], operator.outputs[0]
        if source.data is None or source.shape != tensors[target].shape or source.data.dtype.kind != "f":
            raise ModelError(f"{operator.name} of {source.name!r}, which holds no float constant of its output's shape")
        budget -= source.data.size
        if budget < 0:
            raise ModelError(f"the weights have more than {MAX_VALUES} values (at tensor {source.name!r})")
        tensors[target] = replace(tensors[target], data=source.data.astype(np.float32))
    return replace(graph, tensors=tuple(tensors), operators=tuple(rest))
