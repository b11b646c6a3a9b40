"""An ONNX file from a stranger, looked over before a runtime gets to read it.

Its inputs and outputs, and the other files it wants to be read with it, are taken from the protobuf itself, without
the ``onnx`` package. Field numbers: onnx.proto of ONNX 1.17.
"""

from __future__ import annotations

import hashlib
import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from stream3d.errors import ModelError, ModelMissingError
from stream3d.nets.protobuf import fields

LARGEST_BYTES = 2 << 30  # protobuf's own limit, and ours for the files beside
_DEEPEST = 32  # graphs within nodes within graphs

# message → field → message within that may hold a tensor
_WITHIN: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
}
_GRAPH, _INITIALIZER, _INPUT, _OUTPUT = 7, 5, 11, 12
_TENSOR_NAME, _EXTERNAL = 8, 13

Shape = tuple[int | None, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class OnnxFile:
    """What a file says of itself.

    ``inputs`` and ``outputs`` map names to shapes, None where a side is open; an output of unknown rank is ``()``.
    ``sha256`` is of the file and of the files beside it that hold its weights.
    """

    path: Path
    sha256: str
    inputs: dict[str, Shape]
    outputs: dict[str, Shape]


def look_over(path: Path) -> OnnxFile:
    """Check a file, and say what goes in and out.

    Raises:
        ModelMissingError: there is no such file, or one that holds its weights is missing.
        ModelError: it is not ONNX, too large, or wants to read files outside its folder.
    """
    _check_size(path, path.name)
    try:
        with path.open("rb") as file:
            message = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        inputs, outputs = _signature(message)
        beside = sorted(set(_external(message, "model", 0)))
    except ModelError as error:
        raise ModelError(f"{path} is not an ONNX file that can be read: {error}") from error
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from error
    digest = hashlib.sha256(message)
    for location in beside:
        digest.update(_read_beside(path, location))
    return OnnxFile(path=path, sha256=digest.hexdigest(), inputs=inputs, outputs=outputs)


def _check_size(path: Path, name: str) -> None:
    if not path.is_file():
        raise ModelMissingError(f"there is no file {path} (weights {name!r})")
    size = path.stat().st_size
    if not 0 < size <= LARGEST_BYTES:
        raise ModelError(f"{path} has {size} bytes; between 1 and {LARGEST_BYTES} are taken")


def _read_beside(path: Path, location: str) -> bytes:
    """The digest of a file of weights in the same folder."""
    other = path.parent / location
    if Path(location).name != location or other.resolve().parent != path.parent.resolve():
        raise ModelError(f"{path} wants to read {location!r}, which is not a file in its own folder: refused")
    _check_size(other, location)
    with other.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _signature(model: memoryview) -> tuple[dict[str, Shape], dict[str, Shape]]:
    graphs = [value for number, value in fields(model) if number == _GRAPH and isinstance(value, memoryview)]
    if len(graphs) != 1:
        raise ModelError(f"it has {len(graphs)} graphs, not one")
    inputs, outputs, weights = {}, {}, set()
    for number, value in fields(graphs[0]):
        if isinstance(value, memoryview):
            if number == _INITIALIZER:
                weights.add(_text(value, _TENSOR_NAME))
            elif number == _INPUT:
                inputs[_text(value, 1)] = _shape(value)
            elif number == _OUTPUT:
                outputs[_text(value, 1)] = _shape(value)
    inputs = {name: shape for name, shape in inputs.items() if name not in weights}
    if not inputs or not outputs:
        raise ModelError(f"its graph has {len(inputs)} inputs and {len(outputs)} outputs")
    return inputs, outputs


def _shape(value_info: memoryview) -> Shape:
    """ValueInfoProto.type.tensor_type.shape.dim[].dim_value; () where any of it is missing."""
    message = value_info
    for step in (2, 1, 2):
        inner = _last(message, step)
        if inner is None:
            return ()
        message = inner
    return tuple(_side(dim) for number, dim in fields(message) if number == 1 and isinstance(dim, memoryview))


def _side(dim: memoryview) -> int | None:
    sides = [value for number, value in fields(dim) if number == 1 and isinstance(value, int)]
    return sides[-1] if sides and 0 < sides[-1] < 1 << 31 else None


def _last(message: memoryview, wanted: int) -> memoryview | None:
    """Of a field that is said twice the last counts, as for every reader of protobuf."""
    found = [value for number, value in fields(message) if number == wanted and isinstance(value, memoryview)]
    return found[-1] if found else None


def _text(message: memoryview, wanted: int) -> str:
    found = _last(message, wanted)
    try:
        return "" if found is None else str(found, "utf-8")
    except UnicodeDecodeError as error:
        raise ModelError(f"a name in it is not UTF-8: {error}") from error


def _external(message: memoryview, kind: str, depth: int) -> Iterator[str]:
    """The locations of all tensors that lie in other files."""
    if depth > _DEEPEST:
        raise ModelError(f"graphs within graphs, {depth} deep")
    for number, value in fields(message):
        if not isinstance(value, memoryview):
            continue
        if kind == "tensor":
            if number == _EXTERNAL and _text(value, 1) == "location":
                yield _text(value, 2)
        elif number in _WITHIN[kind]:
            yield from _external(value, _WITHIN[kind][number], depth + 1)
