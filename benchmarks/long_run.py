"""Memory over a long run: a clip repeated to many minutes, ``stream3d run`` on it, its processes sampled every second.

``python -m benchmarks.long_run --data DIR [--clips NAME] [--minutes 20 | --loops N]``. Flat is what it should be: a
straight line is fitted to what comes after the warm-up.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from benchmarks.clips import add_clips, find_clips
from benchmarks.common import ROOT, make_parser, table, write_json
from benchmarks.loops import repeat
from benchmarks.measure import environment
from benchmarks.plots import save_lines
from benchmarks.sides import scratch

_WARM_UP = 0.2  # share of the run that the fit leaves out
_ENDING_S = 5.0  # before its end, in which all is given back; left out too


@dataclass(frozen=True, kw_only=True)
class Sample:
    """What a process and its children hold at ``at_s`` seconds after its start; memory in 10^6 bytes."""

    at_s: float
    rss_mb: float
    threads: int
    handles: int


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, then print, write and draw."""
    parser = make_parser(__doc__)
    add_clips(parser, ("taiji.mp4",))
    parser.add_argument("--minutes", type=float, default=20.0, help="of media (default: 20)")
    parser.add_argument("--loops", type=int, default=0, help="repetitions of the clip, instead of --minutes")
    parser.add_argument("--every", type=float, default=1.0, metavar="SECONDS", help="between samples (default: 1)")
    arguments = parser.parse_args(argv)
    (name, clip), *_ = find_clips(arguments.data, list(arguments.clips)).items()
    with scratch() as folder:
        long = Path(folder) / "long.mkv"
        media_min = repeat(clip, long, minutes=arguments.minutes, loops=arguments.loops)
        print(f"running {media_min:.1f} minutes of {name}", file=sys.stderr)
        command = [
            sys.executable,
            "-m",
            "stream3d",
            "run",
            str(long),
            "--save",
            str(Path(folder) / "long.npz"),
            "--quiet",
        ]
        samples = watch(command, arguments.every)
    figures = {"clip": name, "media_minutes": round(media_min, 2), **trend(samples)}
    path = write_json("long-run", figures, arguments.out)
    print(table(("what", "value"), list(figures.items())))
    minutes = [sample.at_s / 60 for sample in samples]
    lines = {"resident memory": [sample.rss_mb for sample in samples]}
    save_lines(
        path.with_suffix(".png"), minutes, lines, units=("minutes", "MB"), title=f"{media_min:.0f} minutes of {name}"
    )


def watch(command: Sequence[str], every_s: float) -> list[Sample]:
    """Run ``command`` to its end and sample it on the way.

    Raises:
        RuntimeError: it failed, or ended before there were ten samples.
    """
    process = subprocess.Popen(command, cwd=ROOT, env=environment(), stdout=subprocess.DEVNULL)
    samples: list[Sample] = []
    began = time.monotonic()
    tree = psutil.Process(process.pid)
    while process.poll() is None:
        if (sample := _sample(tree, time.monotonic() - began)) is not None:
            samples.append(sample)
        time.sleep(every_s)
    if process.returncode or len(samples) < 10:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode} after {len(samples)} samples")
    return samples


def _sample(tree: psutil.Process, at_s: float) -> Sample | None:
    """Of the process and all its children; None where one of them ended meanwhile."""
    try:
        all_of = [tree, *tree.children(recursive=True)]
        return Sample(
            at_s=at_s,
            rss_mb=sum(one.memory_info().rss for one in all_of) / 1e6,
            threads=sum(one.num_threads() for one in all_of),
            handles=sum(one.num_fds() for one in all_of),
        )
    except psutil.Error:
        return None


def trend(samples: Sequence[Sample]) -> dict[str, float]:
    """Growth after the warm-up, by least squares: 10^6 bytes per minute and its standard error, and what was held.

    Raises:
        ValueError: the run was too short to fit a line to.
    """
    begin, end = _WARM_UP * samples[-1].at_s, samples[-1].at_s - _ENDING_S
    kept = [sample for sample in samples if begin <= sample.at_s <= end]
    if len(kept) < 5:
        raise ValueError(f"{len(kept)} samples between warm-up and end are too few; make the run longer")
    minutes, rss = (np.array(values) for values in zip(*((s.at_s / 60, s.rss_mb) for s in kept), strict=True))
    (slope, _), covariance = np.polyfit(minutes, rss, 1, cov=True)
    return {
        "wall_minutes": round(samples[-1].at_s / 60, 2),
        "slope_mb_per_minute": round(float(slope), 4),
        "slope_standard_error": round(float(np.sqrt(covariance[0, 0])), 4),
        "rss_mb_median": round(float(np.median(rss)), 1),
        "rss_mb_peak": round(max(sample.rss_mb for sample in samples), 1),
        "threads_first": kept[0].threads,
        "threads_last": kept[-1].threads,
        "handles_first": kept[0].handles,
        "handles_last": kept[-1].handles,
    }


if __name__ == "__main__":
    main()
