"""Reading and writing .npz without pickle, without trust, and without holding what is written."""

from __future__ import annotations

import os
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from stream3d.errors import TrackFileError
from stream3d.trackfile.append import cannot_write

Array = npt.NDArray[Any]

LIMIT_BYTES = 4 << 30
_MAX_MEMBERS = 64
# What zipfile and numpy raise on hostile input; NotImplementedError and RecursionError are RuntimeErrors.
_DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, struct.error, tokenize.TokenError, SyntaxError, EOFError),
    *(ValueError, TypeError, RuntimeError, OverflowError, MemoryError),
)
_EPOCH = (1980, 1, 1, 0, 0, 0)  # a fixed date, so that equal rows make equal files


class NpzWriter:
    """Members of an .npz, written one after the other."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._zip = archive

    def add(self, name: str, array: Array) -> None:
        """Write one array whole."""
        self.stream(name, array.dtype, array.shape, [array])

    def stream(self, name: str, dtype: np.dtype[Any], shape: tuple[int, ...], chunks: Iterable[Array]) -> None:
        """Write one array from its chunks along the first axis."""
        about = {"descr": npy.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
        info = zipfile.ZipInfo(f"{name}.npy", _EPOCH)
        with self._zip.open(info, "w", force_zip64=True) as member:
            npy.write_array_header_1_0(member, about)
            for chunk in chunks:
                member.write(np.ascontiguousarray(chunk, dtype).tobytes())


@contextmanager
def replacing_npz(path: Path) -> Iterator[NpzWriter]:
    """Write an .npz beside ``path`` and put it in its place when whole; on any error ``path`` stays as it was.

    Raises:
        SinkError: it cannot be written (disk full, folder gone or read-only).
    """
    part = path.with_name(path.name + ".part")
    try:
        part.unlink(missing_ok=True)  # left by a killed run, or a link laid by somebody, which is not followed
        with part.open("xb") as file:
            with zipfile.ZipFile(file, "w") as archive:
                yield NpzWriter(archive)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise cannot_write(path, error) from error
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def read_npz(path: Path, *, names: Iterable[str] | None = None, limit_bytes: int = LIMIT_BYTES) -> dict[str, Array]:
    """Arrays of an .npz: numbers and text only, each as long as its header says, together within the limit.

    All of them, or those of ``names`` that are there, and then the others may be anything.

    Raises:
        TrackFileError: it is no .npz, is damaged, holds objects, or is larger than the limit once unpacked.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            _check_size(members, limit_bytes)
            wanted = {f"{name}.npy" for name in names} if names is not None else {info.filename for info in members}
            named = [info for info in members if info.filename in wanted]
            return {info.filename.removesuffix(".npy"): _member(archive, info) for info in named}
    except _DAMAGE as error:
        raise TrackFileError(f"{path} cannot be read as .npz: {error}") from error
    except OSError as error:
        raise TrackFileError(f"{path} cannot be read: {error.strerror or error}") from error


def _check_size(members: list[zipfile.ZipInfo], limit_bytes: int) -> None:
    if len(members) > _MAX_MEMBERS or len({info.filename for info in members}) < len(members):
        raise TrackFileError(f"its {len(members)} members are too many (allowed {_MAX_MEMBERS}) or stand twice")
    packed = {info.compress_type for info in members} - {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
    if packed:
        raise TrackFileError(f"it is packed with the zip methods {sorted(packed)}; known are stored and deflated")
    total = sum(info.file_size for info in members)
    if total > limit_bytes:
        raise TrackFileError(f"it unpacks to {total} bytes, more than the limit of {limit_bytes}")


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Array:
    with archive.open(info) as member:
        shape, fortran, dtype = _array_header(member)
        if dtype.kind not in "fiuSU" or not dtype.itemsize:
            raise TrackFileError(f"{info.filename} holds {dtype}, not plain numbers or text")
        size = int(np.prod(shape, dtype=object)) * dtype.itemsize
        if size != info.file_size - member.tell():
            raise TrackFileError(f"{info.filename} says it is {dtype} {list(shape)}, but holds other than {size} bytes")
        data = member.read(size)  # reading on would unpack all there is, however little the header promised
    array = np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C") if size else np.zeros(shape, dtype)
    return array.astype(dtype.newbyteorder("="), copy=False)


def _array_header(member: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = npy.read_magic(member)
    if version == (1, 0):
        return npy.read_array_header_1_0(member)
    if version == (2, 0):
        return npy.read_array_header_2_0(member)
    raise TrackFileError(f"it is of the .npy version {version}; known are 1.0 and 2.0")
