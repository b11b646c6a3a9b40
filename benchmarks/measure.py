"""Whole processes, measured from outside: CPU seconds, wall seconds, peak memory (POSIX)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

from benchmarks.common import ROOT
from benchmarks.energy import counters, joules_since

# What a user's shell does not set, must not be set for the measured process either.
_DROPPED = (
    *("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"),
    *("PYTHONPATH", "PYTHONDONTWRITEBYTECODE"),
)


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One process: ``cpu_s`` user + system of it and its children, ``peak_mb`` of the largest of them (10^6 bytes).

    ``energy_j`` is what the whole machine's processors took meanwhile, None where the machine does not tell.
    """

    wall_s: float
    cpu_s: float
    peak_mb: float
    output: str
    energy_j: float | None = None

    def last_json(self) -> dict[str, Any]:
        """The object in the last line of its output."""
        said: dict[str, Any] = json.loads(self.output.strip().splitlines()[-1])
        return said


def measure(command: Sequence[str], env: Mapping[str, str] | None = None) -> Measured:
    """Run ``command`` in the checkout to its end, with ``env`` added to the environment.

    Raises:
        RuntimeError: it failed; with the end of what it said.
    """
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        began, energy = time.perf_counter(), counters()
        process = subprocess.Popen(command, cwd=ROOT, env=environment(env), stdout=out, stderr=err)
        _, status, used = os.wait4(process.pid, 0)
        wall_s, energy_j = time.perf_counter() - began, joules_since(energy)
        process.returncode = os.waitstatus_to_exitcode(status)  # reaped here, behind Popen's back
        if process.returncode:
            raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}:\n{_all_of(err)[-2000:]}")
        return Measured(
            wall_s=wall_s,
            cpu_s=used.ru_utime + used.ru_stime,
            peak_mb=_peak_mb(used.ru_maxrss),
            output=_all_of(out),
            energy_j=energy_j,
        )


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without settings of thread pools, and ``more``."""
    return {**{k: v for k, v in os.environ.items() if k not in _DROPPED}, **(more or {})}


def _all_of(file: IO[str]) -> str:
    file.seek(0)
    return file.read()


def _peak_mb(maxrss: int) -> float:
    return maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6  # macOS counts bytes
