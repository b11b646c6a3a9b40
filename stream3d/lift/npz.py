"""Archives of arrays, read with limits and written whole or not at all; nothing is ever unpickled."""

from __future__ import annotations

import os
import tempfile
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stream3d.errors import SinkError, TrackFileError

LARGEST_BYTES = 2 << 30


def read_arrays(path: Path, names: Iterable[str]) -> dict[str, npt.NDArray[np.generic]]:
    """Those of the named arrays that are in the ``.npz`` file.

    Raises:
        TrackFileError: the file is missing, damaged, too large, or holds objects.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > LARGEST_BYTES:
            raise TrackFileError(f"{path}: {size} bytes unpacked are more than the {LARGEST_BYTES} that are read")
        with np.load(path, allow_pickle=False) as file:
            return {name: np.asarray(file[name]) for name in names if name in file.files}
    except FileNotFoundError as error:
        raise TrackFileError(f"{path}: there is no such file") from error
    except TrackFileError:
        raise
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, NotImplementedError, MemoryError) as error:
        raise TrackFileError(f"{path}: cannot be read as .npz: {error}") from error


def write_arrays(path: Path, arrays: Mapping[str, npt.NDArray[np.generic]]) -> None:
    """Write an ``.npz`` beside its place, then move it there.

    Raises:
        SinkError: the folder is missing or cannot be written.
    """
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            partial = Path(file.name)
    except OSError as error:
        raise SinkError(f"{path}: cannot be written: {error}") from error
    try:
        with partial.open("wb") as file:
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
        # A temporary file is private; the result gets what the user's umask grants.
        umask = os.umask(0)
        os.umask(umask)
        partial.chmod(0o666 & ~umask)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise SinkError(f"{path}: cannot be written: {error}") from error
