"""MATLAB 5 files through SciPy, which builds arrays and structs itself and unpickles nothing; sizes bounded first."""

from __future__ import annotations

import math
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import loadmat, whosmat
from scipy.io.matlab import MatReadError, mat_struct

from stream3d.errors import TrackFileError

LARGEST_FILE = 2 << 30
LARGEST_ARRAY = 4 << 30


def read_mat(path: Path, names: tuple[str, ...]) -> dict[str, Any]:
    """The variables of ``names``; structs as objects with fields, cells as object arrays.

    Raises:
        TrackFileError: it is not a MATLAB 5 file, is too large, or lacks one of them.
    """
    if path.stat().st_size > LARGEST_FILE:
        raise TrackFileError(f"{path}: is larger than the {LARGEST_FILE} bytes that are read")
    try:
        shapes = {name: shape for name, shape, _ in whosmat(path, appendmat=False)}
        lacking = [name for name in names if name not in shapes]
        if lacking:
            raise TrackFileError(f"{path}: has no {', '.join(lacking)}; it holds {', '.join(sorted(shapes))}")
        if any(8 * math.prod(shapes[name]) > LARGEST_ARRAY for name in names):
            raise TrackFileError(f"{path}: {shapes} is larger than {LARGEST_ARRAY} bytes")
        wanted = list(names)
        return dict(loadmat(path, appendmat=False, variable_names=wanted, struct_as_record=False, squeeze_me=True))
    except TrackFileError:
        raise
    except NotImplementedError as error:
        raise TrackFileError(f"{path}: is a MATLAB 7.3 file, where this set has older ones: {error}") from error
    except (
        ValueError,
        TypeError,
        KeyError,
        IndexError,
        OSError,
        MemoryError,
        MatReadError,
        zlib.error,
        struct.error,
    ) as error:
        raise TrackFileError(f"{path}: cannot be read as a MATLAB file: {error}") from error


def several(value: Any) -> list[Any]:
    """What squeezing made of a row of structs: none, one or several."""
    if isinstance(value, mat_struct):
        return [value]
    if isinstance(value, np.ndarray) and value.dtype == object:
        return list(value.reshape(-1))
    return []
