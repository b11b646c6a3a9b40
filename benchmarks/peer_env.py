"""The peers' own virtual environments: they want other versions of numpy and OpenCV, so they never meet ours."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from stream3d.paths import cache_dir

_DONE = "complete"
_PYTHONS = ("python3.12", "python3.11", "python3.10", "python3.9")


@dataclass(frozen=True, kw_only=True)
class Peer:
    """A package to measure against; ``newest`` is the newest Python that it was built for, None if any will do."""

    package: str
    version: str
    also: tuple[str, ...] = ()
    newest: tuple[int, int] | None = None

    @property
    def name(self) -> str:
        """As figures call it."""
        return f"{self.package} {self.version}"

    @property
    def packages(self) -> list[str]:
        """What pip is asked for; our version of PyAV, so that reading by it is the same everywhere."""
        return [f"{self.package}=={self.version}", *self.also, f"av=={version('av')}"]


MEDIAPIPE = Peer(package="mediapipe", version="0.10.21", newest=(3, 12))
"""The last with ``mp.solutions``, in which the pinned weights lie."""
MEDIAPIPE_TASKS = Peer(package="mediapipe", version="1.2.2")
"""The newest, with the Tasks interface; it carries no weights."""
RTMLIB = Peer(package="rtmlib", version="0.0.16", also=("onnxruntime",))
"""Runs RTMPose, ViTPose, RTMO and their like from ONNX files of the user's."""


def peer_python(peer: Peer, work: Path | None = None, python: str | None = None) -> str:
    """The interpreter of an environment with ``peer``; made on first use.

    Args:
        peer: what is installed.
        work: folder of the environment; the user's cache folder if None.
        python: a Python to make it with, no newer than the peer's newest; looked for if None.

    Raises:
        RuntimeError: no such Python, or it cannot be installed.
    """
    folder = (work or cache_dir() / "benchmarks") / peer.name.replace(" ", "-")
    interpreter = folder / "bin" / "python"
    if not (folder / _DONE).is_file():
        _make(peer, folder, interpreter, python or _python_for(peer))
        (folder / _DONE).touch()
    return str(interpreter)


def _python_for(peer: Peer) -> str:
    if peer.newest is None or sys.version_info[:2] <= peer.newest:
        return sys.executable
    for name in _PYTHONS:
        if found := shutil.which(name):
            return found
    raise RuntimeError(f"{peer.name} needs Python 3.9 to 3.12 and none is on PATH; give --peer-python PATH")


def _make(peer: Peer, folder: Path, interpreter: Path, python: str) -> None:
    print(f"making an environment for {peer.name} (once, up to 1 GB)", file=sys.stderr)
    for command in (
        [python, "-m", "venv", "--clear", str(folder)],
        [str(interpreter), "-m", "pip", "install", "-q", *peer.packages],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
