"""Object members of ``.npz`` files, read without unpickling anything."""

from __future__ import annotations

import struct
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy

from stream3d.errors import TrackFileError
from train.data.pickles import read_pickle

LARGEST_BYTES = 8 << 30
_MOST_MEMBERS = 64
_DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, struct.error, tokenize.TokenError, SyntaxError, EOFError),
    *(ValueError, RuntimeError, OverflowError, MemoryError),
)


def members(path: Path) -> frozenset[str]:
    """Names of the arrays in an ``.npz``.

    Raises:
        TrackFileError: it is no ``.npz``, or unreasonably large.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
    except (*_DAMAGE, OSError) as error:
        raise TrackFileError(f"{path}: cannot be read as .npz: {error}") from error
    size = sum(info.file_size for info in infos)
    if len(infos) > _MOST_MEMBERS or size > LARGEST_BYTES:
        raise TrackFileError(f"{path}: {len(infos)} members of {size} bytes; at most {_MOST_MEMBERS}, {LARGEST_BYTES}")
    return frozenset(info.filename.removesuffix(".npy") for info in infos)


def read_object(path: Path, name: str) -> Any:
    """What the member ``name`` holds: dicts, lists, tuples, text, numbers and arrays.

    Raises:
        TrackFileError: there is none, it is damaged, or it holds anything else.
    """
    if name not in members(path):
        raise TrackFileError(f"{path}: has no array `{name}`; it holds {', '.join(sorted(members(path)))}")
    try:
        with zipfile.ZipFile(path) as archive, archive.open(f"{name}.npy") as member:
            if _is_object(member):
                return read_pickle(member, f"{path}: `{name}`")
    except TrackFileError:
        raise
    except (*_DAMAGE, OSError) as error:
        raise TrackFileError(f"{path}: `{name}` is damaged: {error}") from error
    raise TrackFileError(f"{path}: `{name}` is a plain array, not the dict that this set's files hold")


def _is_object(member: IO[bytes]) -> bool:
    version = npy.read_magic(member)
    reader = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}.get(version)
    if reader is None:
        raise TrackFileError(f"its .npy version is {version}; known are 1.0 and 2.0")
    shape, _, dtype = reader(member)
    return dtype == np.dtype(object) and shape == ()
