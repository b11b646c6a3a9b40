"""A wheel of a few bytes with pins to match, and a pip that "downloads" it: the store is tested without network."""

from __future__ import annotations

import hashlib
import io
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from stream3d.models import intake, pins, store

CONTENT = {pin.name: pin.name.encode() * 5000 for pin in pins.PINS}
REAL_PINS, REAL_WHEEL = pins.PINS, pins.WHEEL


def wheel_bytes() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for pin in REAL_PINS:
            archive.writestr(zipfile.ZipInfo(pin.member), CONTENT[pin.name])
        archive.writestr(zipfile.ZipInfo("mediapipe/__init__.py"), "raise SystemExit('never imported')")
    return buffer.getvalue()


def sealed(pin: pins.Pin, data: bytes) -> pins.Pin:
    return replace(pin, size_bytes=len(data), sha256=hashlib.sha256(data).hexdigest())


def pin_small_files(setter: Callable[[Any, str, Any], None], wheel: bytes | None = None) -> None:
    """Make the store believe in the small wheel; ``setter`` is ``setattr`` or a monkeypatch's."""
    small = tuple(sealed(pin, CONTENT[pin.name]) for pin in REAL_PINS)
    for module in (pins, store, intake):
        setter(module, "PINS", small)
    setter(intake, "WHEEL", sealed(REAL_WHEEL, wheel_bytes() if wheel is None else wheel))


def fake_pip(folder: Path, wheel: bytes, *, before: str = "") -> list[str]:
    """A command that puts ``wheel`` where ``pip download -d`` would; ``before`` is Python to run first."""
    (folder / "carried").write_bytes(wheel)
    script = folder / "pip.py"
    script.write_text(
        f"import shutil, sys, time\n{before}\n"
        "assert sys.argv[1] == 'download' and sys.argv[-2] == '-d' and 'mediapipe==0.10.21' in sys.argv\n"
        f"shutil.copy({str(folder / 'carried')!r}, sys.argv[-1] + '/{REAL_WHEEL.file}')\n"
    )
    return [sys.executable, str(script)]
