"""Hours of live capture: two looped clips over RTSP, cut every 30 to 120 s, a slow output, a viewer opened and closed.

``python -m benchmarks.soak --minutes 60 [--data DIR] [--save-log DIR]``. The run under test is a process of its own,
sampled from outside; every result it gives is checked.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from contextlib import ExitStack, closing, suppress
from pathlib import Path

from benchmarks.clips import add_clips, find_clips
from benchmarks.common import ROOT, make_parser, table, write_json
from benchmarks.cuts import Cutter
from benchmarks.live_log import in_windows, read_log
from benchmarks.measure import environment
from benchmarks.sides import scratch
from benchmarks.soak_figures import Soak, judge
from benchmarks.soak_picture import save_picture
from benchmarks.tree import holding
from tests.live_servers import RtspServer, camera_clip, free_port
from tests.xvfb import Xvfb

_START_S = 120.0


def main(argv: Sequence[str] | None = None) -> None:
    """Run, then judge, print, write and draw."""
    arguments = _parse(argv)
    with scratch() as folder:
        soak = run(arguments, Path(folder))
        shown, said = read_log(Path(folder) / "log.jsonl")
        complaints = (Path(folder) / "stderr").read_text(encoding="utf-8", errors="replace")
    figures = judge(soak, shown, said, complaints)
    figures["asked"] = {"minutes": arguments.minutes, "clips": list(arguments.clips), "fps": arguments.fps}
    figures["asked"] |= {"height": arguments.height, "max_latency_ms": arguments.max_latency, "seed": arguments.seed}
    path = write_json("soak", figures, arguments.out)
    print(table(("what", "value"), [(key, json.dumps(value)) for key, value in figures.items()]))
    late = in_windows([one for one in shown if one.at > soak.began], soak.began, 30.0)
    save_picture(path.with_suffix(".png"), soak.began, soak.samples, late, soak.cuts)


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = make_parser(__doc__)
    add_clips(parser, ("taiji.mp4", "sample"))
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--fps", type=int, default=15, help="of both cameras (default: 15)")
    parser.add_argument("--height", type=int, default=480, help="of both cameras' pictures (default: 480)")
    parser.add_argument("--max-latency", type=float, metavar="MS", help="promised by the run (default: none)")
    parser.add_argument("--cut-every", type=float, nargs=2, default=(30.0, 120.0), metavar=("LEAST", "MOST"))
    parser.add_argument("--cut-for", type=float, nargs=2, default=(0.2, 8.0), metavar=("LEAST", "MOST"))
    parser.add_argument("--viewer-every", type=float, default=120.0, metavar="SECONDS", help="0: none")
    parser.add_argument(
        "--slow", type=float, default=0.5, metavar="SECONDS", help="for each result, of the slow output"
    )
    parser.add_argument("--every", type=float, default=5.0, metavar="SECONDS", help="between samples (default: 5)")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(argv)


def run(arguments: argparse.Namespace, folder: Path) -> Soak:
    """Serve, capture and cut for the time asked; what the run wrote lies in ``folder``."""
    with ExitStack() as stack:
        cutters = _cameras(arguments, folder, stack)
        display = {}
        if arguments.viewer_every:
            screen = stack.enter_context(closing(Xvfb(folder)))
            display = {"DISPLAY": screen.display}
        port = free_port()
        command = [sys.executable, "-m", "benchmarks.runners.live", str(folder / "log.jsonl")]
        command += [cutter.server.url(cutter.mount) for cutter in cutters]
        command += ["--save", str(folder / "out.npz"), "--metrics", str(port), "--slow", str(arguments.slow)]
        command += ["--viewer-every", str(arguments.viewer_every)]
        command += ["--max-latency", str(arguments.max_latency)] if arguments.max_latency else []
        errors = stack.enter_context((folder / "stderr").open("w", encoding="utf-8"))
        process = subprocess.Popen(command, cwd=ROOT, env=environment(display), stderr=errors)
        stack.callback(_end, process)
        _await_results(process, folder / "log.jsonl")
        soak = Soak(began=time.monotonic(), cutters=cutters)
        _watch(soak, process, arguments, port)
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            soak.exit_code = process.wait(60)
    return soak


def _cameras(arguments: argparse.Namespace, folder: Path, stack: ExitStack) -> list[Cutter]:
    cutters = []
    files = find_clips(arguments.data, list(arguments.clips))
    for number, name in enumerate(arguments.clips):
        print(f"preparing {name}", file=sys.stderr)
        to = folder / f"{number}.h264"
        camera_clip(
            files[name],
            to,
            size=(-(-arguments.height * 8 // 9) * 2, arguments.height),
            fps=arguments.fps,
            key_every=arguments.fps,
            there_and_back=True,
        )
        server = stack.enter_context(RtspServer({"camera": [to]}, fps=arguments.fps))
        cutters.append(
            Cutter(
                source=number,
                server=server,
                mount="camera",
                every_s=tuple(arguments.cut_every),
                for_s=tuple(arguments.cut_for),
                random=random.Random(arguments.seed * 100 + number),  # noqa: S311 - chance, not secrecy
            )
        )
    return cutters


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
        process.wait()


def _await_results(process: subprocess.Popen[bytes], log: Path) -> None:
    """Until the nets are ready and the first pictures have come: the soak begins there.

    Raises:
        RuntimeError: that does not happen.
    """
    deadline = time.monotonic() + _START_S
    while not (log.is_file() and read_log(log)[0]):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("the run gave no results; start benchmarks.runners.live by itself to see why")
        time.sleep(0.1)


def _watch(soak: Soak, process: subprocess.Popen[bytes], arguments: argparse.Namespace, port: int) -> None:
    """Sample and cut until the time is over or the run has ended by itself."""
    for cutter in soak.cutters:
        cutter.begin()
    sampled = 0.0
    while process.poll() is None and time.monotonic() - soak.began < 60 * arguments.minutes:
        for cutter in soak.cutters:
            cutter.tick()
        now = time.monotonic()
        if now - sampled >= arguments.every:
            sampled = now
            if (sample := holding(process.pid)) is not None:
                soak.samples.append(sample)
            soak.unanswered += not _answers(port)
        time.sleep(0.05)
    for cutter in soak.cutters:
        cutter.restore()


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            return b"stream3d_source_frames_total" in answer.read()
    except OSError:
        return False


if __name__ == "__main__":
    main()
