"""How old a live picture is when its skeletons are given, and how many streams fit on this machine.

``python -m benchmarks.live_latency [--seconds 30]``. The camera is the built-in sample over RTSP, made on the spot, so
no data is needed; its pictures bear numbers, so that the time from sending to answering is known too.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import ROOT, make_parser, table, write_json
from benchmarks.live_log import Shown, fairness, percentiles, rate, read_log
from benchmarks.measure import environment
from benchmarks.sides import scratch
from benchmarks.tree import cpu_s
from tests.live_servers import SAMPLE, RtspServer, camera_clip

FPS = 30
_ONE, _FOUR = (1280, 720), (854, 480)
_WARM_S = 5.0  # from the first result on, left out
_START_S = 60.0


def main(argv: Sequence[str] | None = None) -> None:
    """Measure in turn, print and write."""
    parser = make_parser(__doc__)
    parser.add_argument("--seconds", type=float, default=30.0, help="of each run, after its start (default: 30)")
    parser.add_argument("--runs", type=int, default=1, help="of each kind, in turn (default: 1)")
    arguments = parser.parse_args(argv)
    figures: dict[str, list[dict[str, Any]]] = {}
    with scratch() as name:
        folder = Path(name)
        one, four = (_clip(folder, size) for size in (_ONE, _FOUR))
        kinds = (
            ("one 720p stream, read only", one, 1, ("live_read",)),
            ("one 720p stream", one, 1, ("live",)),
            ("one 720p stream, 100 ms promised", one, 1, ("live", "--max-latency", "100")),
            ("four 480p streams, read only", four, 4, ("live_read",)),
            ("four 480p streams, 100 ms promised", four, 4, ("live", "--max-latency", "100")),
        )
        for _ in range(arguments.runs):
            for label, clip, streams, command in kinds:
                print(f"measuring {label}", file=sys.stderr)
                figures.setdefault(label, []).append(_measured(folder, clip, streams, command, arguments.seconds))
    write_json("live-latency", {"seconds": arguments.seconds, "fps": FPS, "runs": figures}, arguments.out)
    head = ("what", "p50 ms", "p95 ms", "p99 ms", "sent p50", "sent p95", "fps of each", "fairness", "cores")
    print(table(head, [(label, *_row(run)) for label, runs in figures.items() for run in runs]))


def _clip(folder: Path, size: tuple[int, int]) -> Path:
    to = folder / f"{size[1]}.h264"
    return camera_clip(SAMPLE, to, size=size, fps=FPS, key_every=FPS, there_and_back=True, numbered=True)


def _measured(folder: Path, clip: Path, streams: int, command: Sequence[str], seconds: float) -> dict[str, Any]:
    """One process over ``streams`` cameras of one server.

    Raises:
        RuntimeError: it gave nothing.
    """
    log = folder / "log.jsonl"
    log.unlink(missing_ok=True)
    module, *options = command
    more = [*options, "--numbered"] if module == "live" else []
    with RtspServer({f"camera{number}": [clip] for number in range(streams)}, fps=FPS) as server:
        urls = [server.url(f"camera{number}") for number in range(streams)]
        words = [sys.executable, "-m", f"benchmarks.runners.{module}", str(log), *urls, *more]
        process = subprocess.Popen(words, cwd=ROOT, env=environment(), stderr=subprocess.DEVNULL)
        try:
            _await_results(log, process)
            time.sleep(_WARM_S)
            began, spent = time.monotonic(), cpu_s(process.pid)
            time.sleep(seconds)
            cores = (cpu_s(process.pid) - spent) / (time.monotonic() - began)
            process.terminate()
            process.wait(30)
        finally:
            process.kill()
            process.wait()
        shown = [one for one in read_log(log)[0] if began <= one.at <= began + seconds]
        return _figures(shown, streams, _sent(shown, server.born, clip)) | {"cores": round(cores, 3)}


def _await_results(log: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_S
    while not (log.is_file() and read_log(log)[0]):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("no results of the live run came; run it by itself to see why")
        time.sleep(0.1)


def _sent(shown: Sequence[Shown], born: float, clip: Path) -> list[float]:
    """Seconds from when the camera sent each picture to its result."""
    length = clip.read_bytes().count(b"\x00\x00\x00\x01\x09")
    answers = []
    for one in shown:
        if one.number is not None:
            since = one.at - born - one.number / FPS
            answers.append(since % (length / FPS))
    return answers


def _figures(shown: Sequence[Shown], streams: int, sent: Sequence[float]) -> dict[str, Any]:
    rates = [rate(shown, number) for number in range(streams)]
    people = sum(bool(one.ids) for one in shown)
    since = [round(1e3 * float(value), 2) for value in np.percentile(sent, (50, 95, 99))] if sent else None
    return {
        **percentiles(shown),
        "sent_to_result_ms_p50_p95_p99": since,
        "fps": [round(value, 2) for value in rates],
        "fairness": round(fairness(rates), 4),
        "with_people": round(people / len(shown), 4) if shown else None,
    }


def _row(run: dict[str, Any]) -> tuple[object, ...]:
    sent = run["sent_to_result_ms_p50_p95_p99"] or (None, None)
    rates = " ".join(f"{value:.1f}" for value in run["fps"])
    return run["p50_ms"], run["p95_ms"], run["p99_ms"], sent[0], sent[1], rates, run["fairness"], run["cores"]


if __name__ == "__main__":
    main()
