"""HDF5 files (``.h5``, and ``.mat`` from MATLAB 7.3 on), read with bounds and never beyond the file itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from stream3d.errors import TrackFileError

LARGEST_BYTES = 8 << 30


@contextmanager
def opened(path: Path) -> Iterator[h5py.File]:
    """The open file.

    Raises:
        TrackFileError: it is not HDF5, or is damaged.
    """
    try:
        with h5py.File(path, "r") as file:
            yield file
    except TrackFileError:
        raise
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        raise TrackFileError(f"{path}: cannot be read as HDF5: {error}") from error


def numbers(path: Path, group: h5py.Group, name: str) -> npt.NDArray[Any]:
    """A data set of numbers or bytes that lies in this very file, whole.

    Raises:
        TrackFileError: it is not there, is a link out of the file, holds other things, or is too large.
    """
    link = group.get(name, getlink=True)
    if link is None or isinstance(link, h5py.ExternalLink):
        raise TrackFileError(f"{path}: has no data set `{name}` of its own in `{group.name}`")
    found = group[name]
    if not isinstance(found, h5py.Dataset) or found.dtype.kind not in "fiubS" or found.external:
        raise TrackFileError(f"{path}: `{name}` is not a data set of numbers")
    if found.size is None or found.size * found.dtype.itemsize > LARGEST_BYTES:
        raise TrackFileError(f"{path}: `{name}` {list(found.shape)} is larger than {LARGEST_BYTES} bytes")
    return np.asarray(found[()])
