"""What every benchmark says beside its figures, and where it writes them.

Only the standard library is imported here, and by whatever starts measured processes: a child's peak memory, as the
system counts it, is never less than that of the process that started it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import socket
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
_PACKAGES = ("stream3d", "av", "numba", "numpy", "opencv-python-headless", "openvino", "torch")


def facts() -> dict[str, Any]:
    """The machine, the versions and the commit that figures belong to."""
    return {
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "memory_gb": _memory_gb(),
        "load_1min": _load(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: found for name in _PACKAGES if (found := _version(name))},
        "commit": commit(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
    }


def cpu_model() -> str:
    """As the system names it."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        found = re.search(r"^model name\s*:\s*(.+)$", info.read_text(encoding="utf-8"), re.MULTILINE)
        if found:
            return found[1].strip()
    return platform.processor() or platform.machine()


def _memory_gb() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)
    except (AttributeError, OSError, ValueError):
        return None


def _load() -> float | None:
    """Processes that wanted a core over the last minute: how calm the machine was."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def commit() -> str | None:
    """The checkout's commit, with ``+`` if tracked files differ from it; None outside a checkout."""
    try:
        head = _git("rev-parse", "--short=12", "HEAD")
        return head + ("+" if _git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def machine_name() -> str:
    """Short name of the kind of machine for file names: CPU and number of cores, nothing that identifies one."""
    model = re.sub(r"\(.*?\)|@.*|\bprocessor\b|\bcpu\b", " ", cpu_model().lower())
    words = re.findall(r"[a-z0-9]+", model)
    return "-".join([*words, f"{os.cpu_count()}core"])


def write_json(name: str, figures: dict[str, Any], folder: Path | None = None) -> Path:
    """Write ``figures`` with the machine's facts to ``NAME-<machine>.json``.

    Raises:
        ValueError: a text in them names a folder of this machine or its host.
    """
    said = {"benchmark": name, "machine": facts(), **figures}
    refuse_private(said)
    path = (folder or RESULTS) / f"{name}-{machine_name()}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(said, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return path


def refuse_private(value: Any) -> None:
    """Results are published: no absolute path and no host name may be in them.

    Raises:
        ValueError: there is one.
    """
    if isinstance(value, dict):
        for key, item in value.items():
            refuse_private(key)
            refuse_private(item)
    elif isinstance(value, list | tuple):
        for item in value:
            refuse_private(item)
    elif isinstance(value, str):
        host = re.escape(socket.gethostname())
        if value.startswith(("/", "~")) or re.search(rf"(^|\s)/\w+/|[A-Za-z]:\\|(?<!\w){host}(?!\w)", value):
            raise ValueError(f"{value!r} tells a path or host of this machine; results must not")


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Rows as aligned text; numbers to the right with three digits, None as a dash.

    >>> print(table(("clip", "ms"), [("a.mp4", 1.2345), ("b", None)]))
    clip      ms
    a.mp4  1.234
    b          –
    """
    texts = [[_text(cell) for cell in row] for row in rows]
    widths = [max(len(row[k]) for row in [list(head), *texts]) for k in range(len(head))]
    left = [all(isinstance(row[k], str) for row in rows) for k in range(len(head))]
    lines = [
        "  ".join(
            cell.ljust(wide) if flush else cell.rjust(wide) for cell, wide, flush in zip(row, widths, left, strict=True)
        )
        for row in [list(head), *texts]
    ]
    return "\n".join(line.rstrip() for line in lines)


def _text(cell: object) -> str:
    if cell is None:
        return "–"
    if isinstance(cell, float):
        return f"{cell:.3f}" if abs(cell) < 100 else f"{cell:.0f}"
    return str(cell)


def make_parser(description: str | None) -> argparse.ArgumentParser:
    """A parser with what all benchmarks take."""
    parser = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=RESULTS, metavar="DIR", help="where JSON and PNG go")
    return parser
