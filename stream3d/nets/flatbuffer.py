"""A bounds-checked reader of flatbuffers: every offset is checked before it is followed.

Source of the layout: "FlatBuffer internals", https://flatbuffers.dev/internals/.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from stream3d.errors import ModelError

MAX_TABLES = 20_000
"""Most tables that one vector may name; overlapping tables could else make a small file cost hours."""

_SCALARS = {"b": "<b", "B": "<B", "H": "<H", "i": "<i", "I": "<I"}


def unpack(data: bytes, position: int, code: str) -> int:
    """The little-endian integer of ``struct`` format ``code`` at ``position``; ModelError outside the file."""
    try:
        if position < 0:
            raise struct.error("negative offset")
        value = struct.unpack_from(_SCALARS[code], data, position)[0]
    except struct.error as error:
        raise ModelError(f"damaged model: byte {position} lies outside a file of {len(data)} bytes") from error
    return int(value)


def root(data: bytes, identifier: bytes) -> Table:
    """The root table of a flatbuffer whose file identifier is ``identifier`` (4 bytes); ModelError otherwise."""
    if data[4:8] != identifier:
        raise ModelError(f"not a model of this kind: identifier {data[4:8]!r}, expected {identifier!r}")
    return Table(data=data, position=unpack(data, 0, "I"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """One table; fields are asked for by number, and are absent, not wrong, where the file does not have them."""

    data: bytes
    position: int

    def _field(self, number: int) -> int | None:
        vtable = self.position - unpack(self.data, self.position, "i")
        slot = 4 + 2 * number
        if slot + 2 > unpack(self.data, vtable, "H"):
            return None
        offset = unpack(self.data, vtable + slot, "H")
        return self.position + offset if offset else None

    def scalar(self, number: int, code: str, default: int = 0) -> int:
        """Integer field ``number`` in ``struct`` format ``code``."""
        at = self._field(number)
        return default if at is None else unpack(self.data, at, code)

    def _follow(self, at: int) -> int:
        return at + unpack(self.data, at, "I")

    def table(self, number: int) -> Table | None:
        """Sub-table in field ``number``."""
        at = self._field(number)
        return None if at is None else Table(data=self.data, position=self._follow(at))

    def tables(self, number: int) -> tuple[Table, ...]:
        """Vector of sub-tables in field ``number``; ModelError over ``MAX_TABLES``."""
        at = self._field(number)
        if at is None:
            return ()
        start = self._follow(at)
        count = unpack(self.data, start, "I")
        if count > MAX_TABLES:
            raise ModelError(f"damaged model: a vector of {count} tables, at most {MAX_TABLES} are read")
        places = range(start + 4, start + 4 + 4 * count, 4)
        return tuple(Table(data=self.data, position=self._follow(place)) for place in places)

    def vector(self, number: int, dtype: str) -> npt.NDArray[Any]:
        """Vector of numbers in field ``number``: a read-only view [N] of the file; empty where absent."""
        at = self._field(number)
        if at is None:
            return np.empty(0, dtype)
        start = self._follow(at)
        count = unpack(self.data, start, "I")
        if start + 4 + count * np.dtype(dtype).itemsize > len(self.data):
            raise ModelError(f"damaged model: {count} values at byte {start} end after {len(self.data)} bytes")
        return np.frombuffer(self.data, dtype, count, start + 4)

    def text(self, number: int, longest: int = 200) -> str:
        """The first ``longest`` bytes of string field ``number``; undecodable ones become replacement characters."""
        return self.vector(number, "u1")[:longest].tobytes().decode("utf-8", "replace")
