"""``kill -9`` of the reader process, of the viewer, of the whole run: what is lost, how soon all is well, what is left.

``python -m benchmarks.kills [--runs 5]``. The camera is the built-in sample over RTSP; Linux, with Xvfb for the viewer.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import psutil

from benchmarks.common import ROOT, make_parser, table, write_json
from benchmarks.live_log import Shown, read_log
from benchmarks.measure import environment
from benchmarks.sides import scratch
from stream3d.trackfile import SUFFIX, load_tracks
from tests.live_servers import SAMPLE, RtspServer, camera_clip, free_port
from tests.xvfb import Xvfb

_FPS = 30
_LIMIT_S = 60.0
_GONE_S = 10.0
_CALM_S = 4.0
_SHARED = Path("/dev/shm")  # noqa: S108 - looked at, nothing is put there


class Run:
    """A live run in a process of its own, and the log that it writes."""

    def __init__(self, folder: Path, server: RtspServer, env: dict[str, str], options: Sequence[str]) -> None:
        self.log, self.out, self.port = folder / "log.jsonl", folder / "out.npz", free_port()
        self.log.unlink(missing_ok=True)
        command = [sys.executable, "-m", "benchmarks.runners.live", str(self.log), server.url("camera")]
        command += ["--save", str(self.out), "--metrics", str(self.port), *options]
        self.process = subprocess.Popen(command, cwd=ROOT, env=environment(env), stderr=subprocess.DEVNULL)

    def shown(self) -> list[Shown]:
        """Results so far."""
        return read_log(self.log)[0] if self.log.is_file() else []

    def after(self, at: float) -> list[Shown]:
        """Results so far that show somebody, of pictures captured after ``at``."""
        return [one for one in self.shown()[-200:] if one.captured_at > at and one.ids]

    def viewer_pid(self) -> int | None:
        """Of the newest viewer."""
        said = read_log(self.log)[1] if self.log.is_file() else []
        pids = [entry["pid"] for entry in said if entry["event"] == "viewer" and "pid" in entry]
        return int(str(pids[-1])) if pids else None

    def readers(self) -> list[psutil.Process]:
        """The processes that read for it."""
        viewer = self.viewer_pid()
        return [one for one in psutil.Process(self.process.pid).children() if one.pid != viewer]


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print and write."""
    parser = make_parser(__doc__)
    parser.add_argument("--runs", type=int, default=5, help="kills of each kind (default: 5)")
    arguments = parser.parse_args(argv)
    with scratch() as name:
        folder = Path(name)
        clip = camera_clip(SAMPLE, folder / "camera.h264", size=(640, 480), fps=_FPS, there_and_back=True)
        with RtspServer({"camera": [clip]}, fps=_FPS) as server, closing(Xvfb(folder)) as screen:
            figures = {
                "reader": of_reader(folder, server, arguments.runs),
                "viewer": of_viewer(folder, server, {"DISPLAY": screen.display}, arguments.runs),
                "run": of_run(folder, server, arguments.runs),
            }
    write_json("kills", {"fps": _FPS, "runs": arguments.runs, **figures}, arguments.out)
    rows = [(what, key, _spread(values)) for what, said in figures.items() for key, values in said.items()]
    print(table(("kill -9 of", "what", "min, median, max"), rows))


def of_reader(folder: Path, server: RtspServer, runs: int) -> dict[str, list[float]]:
    """Seconds until there are skeletons again; descriptors, threads and children more than before."""
    said: dict[str, list[float]] = {"skeletons_again_s": [], "seconds_without_results": []}
    said |= {"handles_more": [], "children_more": [], "shared_memory_more": []}
    with _running(folder, server) as run:
        process = psutil.Process(run.process.pid)
        for _ in range(runs):
            time.sleep(_CALM_S)
            before, shared = (process.num_fds(), len(process.children())), _in_shared_memory()
            (reader,) = run.readers()
            killed = _killed(reader.pid)
            _wait(lambda at=killed: bool(run.after(at)), "skeletons")
            first = run.after(killed)[0]
            said["skeletons_again_s"].append(first.at - killed)
            last = max(one.captured_at for one in run.shown() if one.captured_at <= killed)
            said["seconds_without_results"].append(first.captured_at - last)
            time.sleep(1.0)
            said["handles_more"].append(process.num_fds() - before[0])
            said["children_more"].append(len(process.children()) - before[1])
            said["shared_memory_more"].append(len(_in_shared_memory() - shared))
    return said


def of_viewer(folder: Path, server: RtspServer, env: dict[str, str], runs: int) -> dict[str, list[float]]:
    """The longest time between two results about the kill, and between any two in the seconds before it."""
    said: dict[str, list[float]] = {"longest_gap_about_it_s": [], "longest_gap_before_s": []}
    with _running(folder, server, env, "--viewer-every", "16") as run:
        seen: int | None = None
        for _ in range(runs):
            _wait(lambda old=seen: run.viewer_pid() not in (None, old), "a viewer")
            seen = run.viewer_pid()
            time.sleep(_CALM_S)
            killed = _killed(seen or 0)
            time.sleep(2.0)
            said["longest_gap_about_it_s"].append(_longest_gap(run.shown(), killed - 0.2, killed + 1.8))
            said["longest_gap_before_s"].append(_longest_gap(run.shown(), killed - 2.2, killed - 0.2))
    return said


def of_run(folder: Path, server: RtspServer, runs: int) -> dict[str, list[float]]:
    """Results given whose rows are not on disk, the time they span, how long readers outlive it, and what is left."""
    said: dict[str, list[float]] = {"results": [], "results_not_on_disk": [], "seconds_not_on_disk": []}
    said |= {"reader_outlives_it_s": [], "readers_left": [], "shared_memory_left": [], "port_left": []}
    for _ in range(runs):
        shared = _in_shared_memory()
        with _running(folder, server) as run:
            time.sleep(_CALM_S)
            readers = run.readers()
            killed = _killed(run.process.pid)
            run.process.wait()
            gone = _outlives(readers)
            said["reader_outlives_it_s"].append(gone - killed)
            said["readers_left"].append(sum(_alive(reader) for reader in readers))
            said["shared_memory_left"].append(len(_in_shared_memory() - shared))
            said["port_left"].append(int(_taken(run.port)))
            people = [one for one in run.shown() if one.ids]
            rows = np.unique(load_tracks(run.out.with_name(run.out.name + SUFFIX)).time)
            lost = [one for one in people if one.pts > rows[-1] + 1e-4]
            said["results"].append(len(people))
            said["results_not_on_disk"].append(len(lost))
            said["seconds_not_on_disk"].append(max(0.0, people[-1].pts - float(rows[-1])))
    return said


@contextmanager
def _running(folder: Path, server: RtspServer, env: dict[str, str] | None = None, *options: str) -> Iterator[Run]:
    """A run that has given its first skeletons; its journal is removed, so that the next begins anew."""
    run = Run(folder, server, env or {}, options)
    try:
        _wait(lambda: bool(run.after(0.0)), "the first skeletons")
        yield run
    finally:
        if run.process.poll() is None:
            run.process.terminate()
            try:
                run.process.wait(30)
            except subprocess.TimeoutExpired:
                run.process.kill()
                run.process.wait()
        for file in folder.glob("out*"):
            file.unlink()


def _killed(pid: int) -> float:
    os.kill(pid, signal.SIGKILL)
    return time.monotonic()


def _wait(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _LIMIT_S
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"no {what} within {_LIMIT_S:g} s")
        time.sleep(0.02)


def _longest_gap(shown: Sequence[Shown], low: float, high: float) -> float:
    times = [one.at for one in shown if low <= one.at <= high]
    return max((b - a for a, b in zip([low, *times], [*times, high], strict=True)), default=high - low)


def _alive(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _outlives(processes: Sequence[psutil.Process]) -> float:
    """When the last of them was gone (monotonic seconds)."""
    deadline = time.monotonic() + _GONE_S
    while any(map(_alive, processes)) and time.monotonic() < deadline:
        time.sleep(0.01)
    return time.monotonic()


def _in_shared_memory() -> set[str]:
    return {path.name for path in _SHARED.iterdir()} if _SHARED.is_dir() else set()


def _taken(port: int) -> bool:
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind(("127.0.0.1", port))
        except OSError:
            return True
        return False


def _spread(values: Sequence[Any]) -> str:
    return ", ".join(f"{f(values):.3g}" for f in (min, median, max))


if __name__ == "__main__":
    main()
