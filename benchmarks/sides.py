"""The commands that are compared, and one run of each as numbers."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import Measured, measure

Figures = dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Side:
    """One of the things compared: ``command`` for a clip, ``read`` from its output to steady-state figures."""

    name: str
    command: Callable[[str], Sequence[str]]
    read: Callable[[Measured], Figures]

    def run(self, clip: str) -> Figures:
        """One process over ``clip``.

        ``cpu_ms_per_frame`` and ``fps`` are of the steady state; ``start_cpu_s`` is what the whole process took beyond
        that rate. ``energy_j`` is there where the machine tells, and of all that ran on it.
        """
        done = measure(self.command(clip))
        steady = self.read(done)
        start_cpu_s = done.cpu_s - 1e-3 * steady["cpu_ms_per_frame"] * steady["frames"]
        return {
            **steady,
            "cpu_s": done.cpu_s,
            "start_cpu_s": start_cpu_s,
            "wall_s": done.wall_s,
            "peak_mb": done.peak_mb,
            **({} if done.energy_j is None else {"energy_j": done.energy_j}),
        }


def library(precision: str) -> Side:
    """``stream3d.results`` in a loop."""
    command = [sys.executable, "-m", "benchmarks.runners.ours", "--precision", precision]
    return Side(name="stream3d", command=lambda clip: [*command, clip], read=of_runner)


def command_line(precision: str, folder: str) -> Side:
    """``stream3d run CLIP --save FILE.npz``; files go to ``folder``."""
    options = ["--save", str(Path(folder) / "tracks.npz"), "--precision", precision, "--quiet", "--json"]
    command = [sys.executable, "-m", "stream3d", "run"]
    return Side(name="stream3d run", command=lambda clip: [*command, clip, *options], read=of_summary)


def floor(python: str, reader: str, *, rgb: bool) -> Side:
    """Reading alone."""
    command = [python, "-m", "benchmarks.runners.read", reader, *(["--rgb"] if rgb else [])]
    name = f"read by {reader}{'' if rgb else ', no RGB'}"
    return Side(name=name, command=lambda clip: [*command, clip], read=of_runner)


def of_runner(done: Measured) -> Figures:
    """What a runner in ``benchmarks.runners`` said."""
    said = done.last_json()
    kept = {key: said[key] for key in ("frames", "frames_with_people", "cpu_ms_per_frame")}
    return {**kept, "fps": 1e3 / said["wall_ms_per_frame"]}


def of_summary(done: Measured) -> Figures:
    """What ``stream3d run --json`` said; its rate is over all frames, writing the file included."""
    said = done.last_json()
    return {key: said[key] for key in ("frames", "frames_with_people", "cpu_ms_per_frame", "fps")}


def alternately(sides: Sequence[Side], clip: str, runs: int) -> dict[str, list[Figures]]:
    """A B C A B C …: the n-th runs of all sides lie next to each other in time."""
    figures: dict[str, list[Figures]] = {side.name: [] for side in sides}
    for _ in range(runs):
        for side in sides:
            figures[side.name].append(side.run(clip))
    return figures


def scratch() -> tempfile.TemporaryDirectory[str]:
    """A folder for outputs that nobody keeps."""
    return tempfile.TemporaryDirectory(prefix="stream3d-bench-")
