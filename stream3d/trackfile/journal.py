"""The journal beside a track file: fixed-size records with a checksum each, appended without a buffer.

Layout, little-endian: magic (8 bytes), version uint16, zero uint16, JSON length uint32, JSON crc32 uint32, the JSON
padded with spaces so that the records begin at a multiple of 64 bytes. A record is crc32 uint32 of the rest, then the
columns of its kind. A torn or damaged record is skipped; whatever follows it is still found.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from stream3d.errors import TrackFileError
from stream3d.trackfile.append import AppendFile
from stream3d.trackfile.meta import from_json, to_json

MAGIC = b"S3DJRNL\n"
VERSION = 1
SUFFIX = ".journal"
_HEAD = struct.Struct("<8sHHII")
_MAX_HEADER_BYTES = 1 << 24
_MAX_JOINTS = 1024
_CHUNK_ROWS = 2048

Array = npt.NDArray[Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Header:
    """What the records mean: ``kind`` ``tracks`` or ``keypoints``, joint names, and the facts of the run."""

    kind: str
    keypoint_names: tuple[str, ...]
    joint_names: tuple[str, ...]
    meta: Mapping[str, object]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The packed record: ``crc``, then the columns."""
        j2, j3 = len(self.keypoint_names), len(self.joint_names)
        common: list[Any] = [("crc", "<u4"), ("frame", "<i8"), ("time", "<f8"), ("person", "<i8")]
        if self.kind == "keypoints":
            return np.dtype([*common, ("image", "S256"), ("keypoints", "<f4", (j2, 3))])
        solved: list[Any] = [("joints3d", "<f4", (j3, 3)), ("sigma", "<f4", (j3,)), ("rotations", "<f4", (j3, 4))]
        return np.dtype([*common, ("keypoints2d", "<f4", (j2, 3)), *solved])


class JournalWriter:
    """Appends rows, all of a frame or none; nothing is held back, so a kill loses nothing that was appended.

    Raises:
        SinkError: the file cannot be opened or written.
    """

    def __init__(self, path: Path, header: Header) -> None:
        self._dtype = header.dtype
        self._file = AppendFile(path, head=_packed(header))

    def append(self, columns: Mapping[str, Array]) -> None:
        """Append P rows: every column [P, ...] but ``crc``; what all rows share may be a single value.

        Raises:
            SinkError: the disk is full, say; the rows before stay readable.
        """
        rows = np.zeros(len(columns["person"]), self._dtype)
        for name, values in columns.items():
            rows[name] = values
        rows["crc"] = _checksums(rows)
        self._file.append(rows.tobytes())

    def close(self) -> None:
        """Close the file; idempotent."""
        self._file.close()


def _checksums(rows: Array) -> list[int]:
    data, size = memoryview(rows.tobytes()), rows.dtype.itemsize
    return [zlib.crc32(data[at + 4 : at + size]) for at in range(0, len(data), size)]


def _packed(header: Header) -> bytes:
    text = to_json(
        {
            "kind": header.kind,
            "keypoint_names": header.keypoint_names,
            "joint_names": header.joint_names,
            "meta": header.meta,
        }
    ).encode()
    text += b" " * (-(len(text) + _HEAD.size) % 64)
    return _HEAD.pack(MAGIC, VERSION, 0, len(text), zlib.crc32(text)) + text


class Journal:
    """A journal on disk, read in chunks, so that its length costs no memory (but one byte a row).

    ``valid`` bool [N] says which records are whole.

    Raises:
        TrackFileError: it is no journal, of another version, or damaged in its header.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with path.open("rb") as file:
            self.header = _read_header(file, path)
            self._start = file.tell()
        self._dtype = self.header.dtype
        rows = (path.stat().st_size - self._start) // self._dtype.itemsize
        self._rows = max(rows, 0)
        self.valid = np.concatenate(
            [np.zeros(0, bool), *(chunk["crc"] == _checksums(chunk) for chunk in self._chunks())]
        )

    def __len__(self) -> int:
        """Number of whole records."""
        return int(self.valid.sum())

    @property
    def damaged(self) -> int:
        """Number of records that are there in full length but fail their checksum."""
        return len(self.valid) - len(self)

    def column(self, name: str) -> Iterator[Array]:
        """The values of one column in chunks [n, ...], whole records only."""
        done = 0
        for chunk in self._chunks():
            yield np.ascontiguousarray(chunk[name][self.valid[done : done + len(chunk)]])
            done += len(chunk)

    def _chunks(self) -> Iterator[Array]:
        """Record chunks; rows appended since the journal was opened are left out."""
        with self.path.open("rb") as file:
            file.seek(self._start)
            left = self._rows
            while left:
                wanted = min(left, _CHUNK_ROWS)
                chunk = np.frombuffer(file.read(wanted * self._dtype.itemsize), self._dtype)
                if len(chunk) < wanted:
                    raise TrackFileError(f"{self.path} became shorter while it was read")
                left -= wanted
                yield chunk


def is_journal(path: Path) -> bool:
    """Whether the file begins as a journal does.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def _read_header(file: BinaryIO, path: Path) -> Header:
    head = file.read(_HEAD.size)
    if len(head) < _HEAD.size or not head.startswith(MAGIC):
        raise TrackFileError(f"{path} is not a stream3d journal: it begins with {head[:8]!r}")
    _, version, _, length, crc = _HEAD.unpack(head)
    if version != VERSION:
        raise TrackFileError(f"{path} is a journal of version {version}; this stream3d reads version {VERSION}")
    text = file.read(min(length, _MAX_HEADER_BYTES))
    if len(text) != length or zlib.crc32(text) != crc:
        raise TrackFileError(f"{path}: the journal's header is damaged, so its rows cannot be read")
    return _parsed(text, path)


def _parsed(text: bytes, path: Path) -> Header:
    try:
        said: Any = from_json(text)
        kind, meta = said["kind"], said["meta"]
        names = tuple(said["keypoint_names"]), tuple(said["joint_names"])
    except (ValueError, KeyError, TypeError) as error:
        raise TrackFileError(f"{path}: the journal's header is not what stream3d writes: {error!r}") from error
    strings = all(isinstance(name, str) for name in (*names[0], *names[1]))
    fits = kind in ("tracks", "keypoints") and isinstance(meta, dict) and strings
    if not fits or max(len(names[0]), len(names[1])) > _MAX_JOINTS:
        raise TrackFileError(
            f"{path}: the journal's header is not what stream3d writes: kind {kind!r}, {len(names[0])} joints"
        )
    return Header(kind=kind, keypoint_names=names[0], joint_names=names[1], meta=meta)
