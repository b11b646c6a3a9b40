"""What it costs to read in a process of its own: CPU per frame of both processes against reading in this one.

``python -m benchmarks.reader [--data DIR] [--clips NAME] [--runs N] [--frames N]``. One clip is coded anew in each
size; both ways read it with one decoding thread, alternately, and look at the planes only. The copy of a file, measured
here, waits for the reader of the copy, which a live source does not: so it is an upper bound.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import av
import psutil

from benchmarks.clips import add_clips, find_clips
from benchmarks.common import make_parser, table, write_json
from benchmarks.ratios import spread
from benchmarks.sides import scratch
from stream3d.source.isolated import ReaderProcess, Shot
from stream3d.source.settings import SourceSettings
from stream3d.source.target import file_target
from stream3d.source.video import VideoSource

_SIZES = {"480p": (854, 480), "720p": (1280, 720), "1080p": (1920, 1080)}
_SETTINGS = SourceSettings(threads=1)
_WAIT_S = 30.0
_LEFT = 8  # pictures that are not taken, so that the other process is still there to be looked at

Figures = dict[str, float]


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, then print and write."""
    parser = make_parser(__doc__)
    add_clips(parser, ("sample",))
    parser.add_argument("--runs", type=int, default=5, help="pairs of readings per size (default: 5)")
    parser.add_argument("--frames", type=int, default=120, help="pictures per reading (default: 120)")
    arguments = parser.parse_args(argv)
    ((clip, file),) = find_clips(arguments.data, list(arguments.clips)[:1]).items()
    results = {}
    with scratch() as folder:
        for name, size in _SIZES.items():
            print(f"reading {clip} in {name}", file=sys.stderr)
            coded = resized(file, Path(folder) / f"{name}.mp4", size, arguments.frames)
            results[name] = of_size(coded, arguments.runs, arguments.frames)
    write_json(
        "reader", {"clip": clip, "runs": arguments.runs, "frames": arguments.frames, "sizes": results}, arguments.out
    )
    keys = ("inside_ms", "isolated_ms", "parent_ms", "more_ms", "child_mb", "start_s", "start_cpu_s")
    print(table(("size", *keys), [(name, *(of[key]["median"] for key in keys)) for name, of in results.items()]))
    print(
        "medians; CPU milliseconds per frame; parent_ms is the part of isolated_ms in this process, more_ms the price"
    )


def resized(clip: str, to: Path, size: tuple[int, int], frames: int) -> Path:
    """The first ``frames`` pictures of ``clip`` as H.264 of ``size``, coded as cameras do."""
    with av.open(clip) as source, av.open(str(to), "w") as target:
        stream = target.add_stream("libx264", rate=30, options={"preset": "veryfast", "tune": "zerolatency", "g": "30"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for number, frame in enumerate(source.decode(video=0)):
            if number == frames:
                break
            picture = frame.reformat(*size, "yuv420p")
            picture.pts = None
            target.mux(stream.encode(picture))
        target.mux(stream.encode(None))
    return to


def of_size(clip: Path, runs: int, frames: int) -> dict[str, Any]:
    """Spreads over ``runs`` pairs."""
    pairs = [inside(clip) | isolated(clip, frames) for _ in range(runs)]
    for pair in pairs:
        pair["more_ms"] = pair["isolated_ms"] - pair["inside_ms"]
    return {key: spread([pair[key] for pair in pairs]).as_dict() for key in pairs[0]}


def inside(clip: Path) -> Figures:
    """CPU milliseconds per frame after the first of reading in this process."""
    with closing(VideoSource(file_target(clip), _SETTINGS)) as source:
        frames = iter(source)
        next(frames)
        began, count = time.process_time(), sum(1 for frame in frames if frame.planes is not None)
        return {"inside_ms": 1e3 * (time.process_time() - began) / count}


def isolated(clip: Path, frames: int) -> Figures:
    """The same in two processes, the seconds until the second could be asked for something, and its memory."""
    target, began = file_target(clip), time.perf_counter()
    with closing(ReaderProcess(target.shown, _SETTINGS.max_pixels)) as reader:
        child = psutil.Process(reader.pid)
        reader.wait_until_ready()
        start_s, start_cpu_s = time.perf_counter() - began, _cpu_s(child)
        reader.open(target, _SETTINGS)
        reader.take(_WAIT_S)
        parent_s, child_s = time.process_time(), _cpu_s(child)
        count = sum(isinstance(reader.take(_WAIT_S), Shot) for _ in range(frames - _LEFT))
        parent_s, child_s = time.process_time() - parent_s, _cpu_s(child) - child_s
        return {
            "isolated_ms": 1e3 * (parent_s + child_s) / count,
            "parent_ms": 1e3 * parent_s / count,
            "child_mb": child.memory_full_info().uss / 1e6,
            "start_s": start_s,
            "start_cpu_s": start_cpu_s,
        }


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


if __name__ == "__main__":
    main()
