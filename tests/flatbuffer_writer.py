"""Writes small flatbuffers, so that the reader can be tested on models that no download is needed for."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any

import numpy as np

ALIGNMENT = 16  # the reference interpreter maps weights where they lie


@dataclass
class Table:
    """Fields by number: ``("i", 5)`` a scalar, a Table, a list of Tables, a str, bytes or an array."""

    fields: dict[int, Any] = field(default_factory=dict)


def flatbuffer(root: Table, identifier: bytes) -> bytes:
    out = bytearray(4) + identifier
    struct.pack_into("<I", out, 0, _write(out, root))
    return bytes(out)


def _align(out: bytearray, extra: int = 0) -> None:
    out.extend(bytes(-(len(out) + extra) % ALIGNMENT))


def _write(out: bytearray, value: Any) -> int:
    if isinstance(value, Table):
        return _write_table(out, value)
    if isinstance(value, list):
        return _write_tables(out, value)
    data = (
        value.encode() + b"\0"
        if isinstance(value, str)
        else np.asarray(np.frombuffer(value, "u1") if isinstance(value, bytes) else value)
    )
    count = len(value)
    _align(out, 4)
    start = len(out)
    out.extend(struct.pack("<I", count) + (data if isinstance(data, bytes) else data.tobytes()))
    return start


def _write_tables(out: bytearray, tables: list[Table]) -> int:
    _align(out)
    start = len(out)
    out.extend(struct.pack("<I", len(tables)) + bytes(4 * len(tables)))
    for i, table in enumerate(tables):
        place = start + 4 + 4 * i
        struct.pack_into("<I", out, place, _write(out, table) - place)
    return start


def _write_table(out: bytearray, table: Table) -> int:
    """The vtable, then the table with eight bytes for each field, then what the fields point at."""
    count = max(table.fields, default=-1) + 1
    _align(out)
    vtable = len(out)
    slots = [8 + 8 * n if n in table.fields else 0 for n in range(count)]
    out.extend(struct.pack(f"<HH{count}H", 4 + 2 * count, 8 + 8 * count, *slots))
    _align(out)
    start = len(out)
    out.extend(struct.pack("<i", start - vtable) + bytes(4 + 8 * count))
    for n, value in table.fields.items():
        place = start + slots[n]
        if isinstance(value, tuple):
            struct.pack_into("<" + value[0], out, place, value[1])
        else:
            struct.pack_into("<I", out, place, _write(out, value) - place)
    return start
