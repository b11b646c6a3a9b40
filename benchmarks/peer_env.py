"""The peer's own virtual environment: MediaPipe wants an old numpy and an old Python, so it never meets ours."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from stream3d.paths import cache_dir

MEDIAPIPE = "0.10.21"  # the last with mp.solutions in which the pinned weights lie
_NEWEST = (3, 12)  # the newest Python it was built for
_DONE = "complete"


def peer_python(work: Path | None = None, python: str | None = None) -> str:
    """The interpreter of an environment with MediaPipe, OpenCV and our version of PyAV; made on first use.

    Args:
        work: folder of the environment; the user's cache folder if None.
        python: a Python of at most 3.12 to make it with; looked for if None.

    Raises:
        RuntimeError: no such Python, or it cannot be installed.
    """
    folder = (work or cache_dir() / "benchmarks") / f"mediapipe-{MEDIAPIPE}"
    interpreter = folder / "bin" / "python"
    if not (folder / _DONE).is_file():
        _make(folder, interpreter, python or _old_python())
        (folder / _DONE).touch()
    return str(interpreter)


def _old_python() -> str:
    if sys.version_info[:2] <= _NEWEST:
        return sys.executable
    for name in ("python3.12", "python3.11", "python3.10", "python3.9"):
        if found := shutil.which(name):
            return found
    raise RuntimeError(f"mediapipe {MEDIAPIPE} needs Python 3.9 to 3.12 and none is on PATH; give --peer-python PATH")


def _make(folder: Path, interpreter: Path, python: str) -> None:
    print(f"making an environment for mediapipe {MEDIAPIPE} (once, about 1 GB)", file=sys.stderr)
    packages = [f"mediapipe=={MEDIAPIPE}", f"av=={version('av')}"]
    for command in (
        [python, "-m", "venv", "--clear", str(folder)],
        [str(interpreter), "-m", "pip", "install", "-q", *packages],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
