"""A graph of a converted net as one safetensors file: weights as float16, operators as JSON beside them.

So nets that were trained further need not the file from which they came. Nothing in such a file is trusted: what is
read is held to the same limits as a ``.tflite`` file, and checked again by ``tflite_torch.convert``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from stream3d.errors import ModelError, ModelMissingError
from stream3d.nets.tflite import MAX_VALUES, Graph, Operator, Tensor, known_operator

_WRONG = (LookupError, TypeError, ValueError, AttributeError, OverflowError)  # what JSON of another shape leads to


def save_graph(graph: Graph, path: Path, notes: Mapping[str, str]) -> None:
    """Write a graph, without the tensors that no operator reads or writes, and ``notes`` into the metadata."""
    from safetensors.numpy import save_file

    used = sorted({i for o in graph.operators for i in (*o.inputs, *o.outputs) if i >= 0} | set(graph.inputs))
    place = {-1: -1} | {old: new for new, old in enumerate(used)}
    operators = [
        [o.name, [place[i] for i in o.inputs], [place[i] for i in o.outputs], dict(o.options)] for o in graph.operators
    ]
    said = {
        "shapes": [list(graph.tensors[i].shape) for i in used],
        "operators": operators,
        "inputs": [place[i] for i in graph.inputs],
        "outputs": [place[i] for i in graph.outputs],
    }
    constants = {str(place[i]): data for i in used if (data := graph.tensors[i].data) is not None}
    smaller = {
        name: np.ascontiguousarray(data, np.float16 if data.dtype.kind == "f" else np.int32)
        for name, data in constants.items()
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(smaller, path, {"graph": json.dumps(said), **notes})
    path.chmod(0o644)  # safetensors writes for its owner alone, and these go into a package


def read_graph(path: Path) -> tuple[Graph, dict[str, str]]:
    """The graph, its weights in float32, and the notes of a file that ``save_graph`` wrote.

    Raises:
        ModelMissingError: no such file.
        ModelError: it holds no graph.
    """
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise ModelMissingError(f"no net's weights at {path}")
    try:
        with safe_open(path, framework="numpy") as file:
            notes: dict[str, str] = file.metadata() or {}
            constants = {int(name): file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
        return _graph(json.loads(notes.pop("graph")), constants), notes
    except (SafetensorError, OSError, RecursionError, *_WRONG) as error:
        raise ModelError(f"{path} holds no net: {error}") from error


def notes_of(path: Path) -> dict[str, str]:
    """The notes alone.

    Raises:
        ModelMissingError: no such file.
        ModelError: it is no file of weights.
    """
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise ModelMissingError(f"no net's weights at {path}")
    try:
        with safe_open(path, framework="numpy") as file:
            notes: dict[str, str] = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path} holds no net: {error}") from error
    return {name: value for name, value in notes.items() if name != "graph"}


def _graph(said: dict[str, Any], constants: dict[int, Any]) -> Graph:
    shapes = [tuple(int(size) for size in shape) for shape in said["shapes"]]
    if sum(data.size for data in constants.values()) > MAX_VALUES:
        raise ModelError(f"more than {MAX_VALUES} weights")
    wide = {i: data.astype(np.float32 if data.dtype.kind == "f" else np.int32) for i, data in constants.items()}
    if any(not 0 <= i < len(shapes) or data.shape != shapes[i] for i, data in wide.items()):
        raise ModelError("weights that are of other shapes than it says")
    tensors = tuple(Tensor(name=str(i), shape=shape, data=wide.get(i)) for i, shape in enumerate(shapes))
    operators = tuple(
        Operator(
            name=known_operator(name, options),
            inputs=_numbers(inputs, len(shapes), -1),
            outputs=_numbers(outputs, len(shapes), 0),
            options={key: int(value) for key, value in options.items()},
        )
        for name, inputs, outputs, options in said["operators"]
    )
    ends = (_numbers(said[name], len(shapes), 0) for name in ("inputs", "outputs"))
    return Graph(tensors=tensors, operators=operators, inputs=next(ends), outputs=next(ends))


def _numbers(values: list[int], limit: int, lowest: int) -> tuple[int, ...]:
    if not all(isinstance(value, int) and lowest <= value < limit for value in values):
        raise ModelError(f"tensor numbers {values[:8]}, allowed are {lowest}..{limit - 1}")
    return tuple(values)
