"""Many seeds, one after the other, in a process that may die of any of them."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[2]
HANG_S = 20.0
RISE_MB = 2048.0
"""More memory than this for one small file is too much. The largest picture allowed, 67 million pixels, takes 0.3 GB
decoded and converted, and H.264 and its like may keep several to predict from."""


class Worker:
    """The process, started anew whenever it has died; a context manager."""

    def __init__(self, corpus: Sequence[Path]) -> None:
        self._corpus = json.dumps([str(path) for path in corpus])
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as this
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()
        self._complaints.close()

    def __call__(self, seed: int, limit_s: float = HANG_S) -> dict[str, Any]:
        """What came of a seed; of a process that died or was killed, how."""
        process = self._process = self._process or self._start()
        assert process.stdin is not None
        try:
            process.stdin.write(f"{seed}\n".encode())
            process.stdin.flush()
            line = self._answer(process, limit_s)
        except BrokenPipeError:
            line = b""
        if line is None:
            self._end()
            return {"seed": seed, "outcome": "hang", "detail": f"no answer within {limit_s:g} s"}
        if not line:
            return {"seed": seed, "outcome": "crash", "detail": self._obituary(process)}
        said: dict[str, Any] = json.loads(line)
        if said["rose_mb"] > RISE_MB:
            said |= {"outcome": "memory", "detail": f"rose by {said['rose_mb']:.0f} MB"}
            self._end()  # its peak would hide the next one's
        return said

    def _start(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.fuzz.worker", self._corpus],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONFAULTHANDLER": "1"},
        )
        self._process = process
        process.stdin.write(b"ready\n")  # type: ignore[union-attr]
        process.stdin.flush()  # type: ignore[union-attr]
        if not self._answer(process, 300.0):  # starting is no part of any seed's time
            raise RuntimeError(f"the process that reads the files does not start: {self._obituary(process)}")
        return process

    @staticmethod
    def _answer(process: subprocess.Popen[bytes], limit_s: float) -> bytes | None:
        """A line, nothing if the process ended, None if it takes too long."""
        assert process.stdout is not None
        with selectors.DefaultSelector() as waiting:
            waiting.register(process.stdout, selectors.EVENT_READ)
            return process.stdout.readline() if waiting.select(limit_s) else None

    def _obituary(self, process: subprocess.Popen[bytes]) -> str:
        code = process.wait(10)
        self._process = None
        how = signal.Signals(-code).name if code < 0 else f"exit status {code}"
        self._complaints.seek(0)
        lines = self._complaints.read().decode("utf-8", "replace").splitlines()
        told = [line.strip() for line in lines if line.startswith(("Fatal", "  File"))][:4]
        return "; ".join([how, *(told or lines[-1:])]).replace(f"{ROOT}{os.sep}", "")

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()


def outcomes(
    corpus: Sequence[Path], seeds: Iterable[int], *, limit_s: float = float("inf")
) -> Iterator[dict[str, Any]]:
    """What comes of each seed, as long as there is time."""
    until = time.monotonic() + limit_s
    with Worker(corpus) as worker:
        for seed in seeds:
            if time.monotonic() > until:
                return
            yield worker(seed)
