"""What a pickle of NumPy's is made of, built and checked here: the meaning behind the opcodes of pickles.py."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np

_DEEPEST = 24
_MOST_AXES = 8
# What NumPy of any version calls the parts of an array; what each means is decided in reduce.
_WORDS = {
    **{(f"numpy.{core}.multiarray", "_reconstruct"): "reconstruct" for core in ("core", "_core")},
    **{(f"numpy.{core}.multiarray", "scalar"): "scalar" for core in ("core", "_core")},
    **{(f"numpy.{core}.numeric", "_frombuffer"): "frombuffer" for core in ("core", "_core")},
    ("numpy", "ndarray"): "ndarray",
    ("numpy", "dtype"): "dtype",
    ("_codecs", "encode"): "encode",
    ("__builtin__", "bytes"): "no bytes",
}


@dataclass(frozen=True, slots=True)
class Word:
    """A global that a pickle names: only ever compared."""

    role: str


@dataclass(slots=True, eq=False)
class Kind:
    """An array's element type; its byte order comes in a later opcode."""

    code: str
    order: str = "="

    def dtype(self) -> np.dtype[Any]:
        """The element type."""
        return np.dtype(self.order.replace("|", "") + self.code)


@dataclass(slots=True, eq=False)
class Array:
    """An array before and after its contents have come."""

    value: Any = None
    items: list[Any] = field(default_factory=list)
    shape: tuple[int, ...] = ()


class Refused(Exception):  # noqa: N818 - it never leaves the two modules
    """Why a pickle is not read."""


def word(module: str, name: str) -> Word:
    """The word for a global, compared with the few that arrays need."""
    role = _WORDS.get((module, name))
    if role is None:
        raise Refused(f"asks for {module}.{name}")
    return Word(role)


def expect(value: Any, kind: type) -> Any:
    """``value``, if it is exactly of the ``kind``."""
    if type(value) is not kind:
        raise Refused(f"has a {type(value).__name__.strip('_')} where a {kind.__name__.strip('_')} belongs")
    return value


def checked_key(key: Any) -> Any:
    """Keys are text, numbers, or flat tuples of them: hashing nested shared tuples could take for ever."""
    parts = key if type(key) is tuple else (key,)
    if any(type(part) not in (str, int, bytes) for part in parts):
        raise Refused(f"has a key of type {type(key).__name__}")
    return key


def byte_order(state: Any) -> str:
    """The byte order in an element type's state; types with fields are refused."""
    order, names = state[1], state[2:5]
    if order not in ("<", ">", "|", "=") or any(name is not None for name in names):
        raise Refused("has an element type with fields")
    return str(order)


def reduce(role: str, arguments: tuple[Any, ...]) -> Any:
    """What the call that a pickle asks for would give, made here."""
    if role == "reconstruct" and expect(arguments[0], Word).role == "ndarray":
        return Array()
    if role == "dtype":
        code = expect(arguments[0], str)
        if not re.fullmatch(r"[fiu][1248]|b1|O8?|[SU]\d{1,4}", code):
            raise Refused(f"has elements of type {code!r}")
        return Kind(code)
    if role == "frombuffer":
        raw, kind, shape, order = arguments
        out = Array()
        fill(out, expect(kind, Kind), shape, raw, "F" if order == "F" else "C")
        return out
    if role == "scalar":
        out = Array()
        fill(out, expect(arguments[0], Kind), (), arguments[1], "C")
        return out.value.item()
    if role == "encode" and arguments[1:] == ("latin1",):
        return expect(arguments[0], str).encode("latin1")
    if role == "no bytes" and arguments == ():
        return b""
    raise Refused(f"calls {role}")


def fill(target: Array, kind: Kind, shape: Any, raw: Any, order: str) -> None:
    """Give an array its contents, if they are as many as its shape says."""
    sides = expect(shape, tuple)
    if len(sides) > _MOST_AXES or any(type(side) is not int or side < 0 for side in sides):
        raise Refused(f"has an array of shape {sides!r:.80}")
    size = math.prod(sides)
    if kind.code.startswith("O"):
        if len(expect(raw, list)) != size:
            raise Refused(f"has {len(raw)} objects for the shape {sides}")
        target.items, target.shape = raw, sides
        return
    data = raw.encode("latin1") if type(raw) is str else expect(raw, bytes)  # Python 2 wrote bytes as text
    dtype = kind.dtype()
    if len(data) != size * dtype.itemsize:
        raise Refused(f"has {len(data)} bytes for {dtype} {list(sides)}")
    flat = np.frombuffer(data, dtype) if size else np.zeros(0, dtype)
    target.value = flat.reshape(sides, order=order)  # type: ignore[call-overload]


class Resolver:
    """Puts arrays in the places of those that were still to come; what is shared stays shared, circles are refused."""

    def __init__(self) -> None:
        self.done: dict[int, Any] = {}
        self.open: set[int] = set()

    def resolve(self, value: Any, depth: int = 0) -> Any:
        """The value with every array whole."""
        if depth > _DEEPEST:
            raise Refused(f"is nested deeper than {_DEEPEST}")
        if value is None or isinstance(value, (str, bytes, int, float)):
            return value
        if not isinstance(value, (dict, list, tuple, Array)):
            raise Refused("hands out a name instead of data")
        mark = id(value)
        if mark in self.open:
            raise Refused("contains itself")
        if mark not in self.done:
            self.open.add(mark)
            self.done[mark] = self._container(value, depth + 1)
            self.open.discard(mark)
        return self.done[mark]

    def _container(self, value: Any, depth: int) -> Any:
        if isinstance(value, dict):
            return {key: self.resolve(item, depth) for key, item in value.items()}
        if isinstance(value, Array):
            return self._array(value, depth)
        items = [self.resolve(item, depth) for item in value]
        return tuple(items) if isinstance(value, tuple) else items

    def _array(self, value: Array, depth: int) -> Any:
        if value.value is not None:
            return value.value
        items = [self.resolve(item, depth) for item in value.items]
        if not value.shape:
            if len(items) != 1:
                raise Refused("has an array without contents")
            return items[0]
        out = np.empty(len(items), object)
        for place, item in enumerate(items):
            out[place] = item
        return out.reshape(value.shape)
