"""A whole run, stage by stage: latency percentiles, CPU per frame, frames per second (wraps ``stream3d bench --json``).

``python -m benchmarks.end_to_end --data DIR [--clips NAME ...] [--runs N] [--precision bf16]``.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from statistics import median
from typing import Any

from benchmarks.clips import DEFAULT, add_clips, find_clips
from benchmarks.common import make_parser, table, write_json
from benchmarks.measure import measure
from benchmarks.plots import save_bars
from benchmarks.ratios import spread

_CLIPS = (*DEFAULT, "shop-hevc.mp4", "two-people-vfr.mp4")
_LATENCIES = ("mean_ms", "p50_ms", "p95_ms", "p99_ms")
_TOTALS = ("fps", "cpu_ms_per_frame", "ready_s", "peak_mb")


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, then print, write and draw."""
    parser = make_parser(__doc__)
    add_clips(parser, _CLIPS)
    parser.add_argument("--runs", type=int, default=3, help="processes per clip; medians are told (default: 3)")
    parser.add_argument("--precision", default="fp32", help="of the nets (default: fp32)")
    arguments = parser.parse_args(argv)
    clips = find_clips(arguments.data, list(arguments.clips))
    results = {name: of_clip(file, arguments.runs, arguments.precision) for name, file in clips.items()}
    name = "end-to-end" if arguments.precision == "fp32" else f"end-to-end-{arguments.precision}"
    path = write_json(name, {"runs": arguments.runs, "precision": arguments.precision, "clips": results}, arguments.out)
    print(report(results))
    stages = list(next(iter(results.values()))["stages"])
    bars = {stage: [of["stages"].get(stage, {}).get("mean_ms") for of in results.values()] for stage in stages}
    save_bars(path.with_suffix(".png"), list(results), bars, unit="wall ms per frame", title="Mean time of each stage")


def of_clip(clip: str, runs: int, precision: str) -> dict[str, Any]:
    """Medians over ``runs`` processes."""
    print(f"running {clip.rpartition('/')[2]}", file=sys.stderr)
    said = []
    for _ in range(runs):
        done = measure([sys.executable, "-m", "stream3d", "bench", clip, "--json", "--precision", precision])
        said.append({**done.last_json(), "peak_mb": done.peak_mb})
    counts = {key: said[0][key] for key in ("frames", "frames_with_people", "people", "engines")}
    totals = {key: spread([run[key] for run in said]).as_dict() for key in _TOTALS}
    return {**counts, **totals, "stages": stages_of(said)}


def stages_of(said: Sequence[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """The median of every stage's figures over several summaries."""
    return {
        stage: {key: round(median(run["stages"][stage][key] for run in said), 3) for key in _LATENCIES}
        for stage, figures in said[0]["stages"].items()
        if figures["count"]
    }


def report(results: dict[str, Any]) -> str:
    """Two tables: totals by clip, and the stages of each."""
    totals = [
        (clip, of["frames"], of["people"], *(of[key]["median"] for key in _TOTALS)) for clip, of in results.items()
    ]
    stages = [
        (clip, stage, *(figures[key] for key in _LATENCIES))
        for clip, of in results.items()
        for stage, figures in of["stages"].items()
    ]
    head = ("clip", "frames", "people", "fps", "CPU ms/frame", "ready s", "peak MB")
    return f"{table(head, totals)}\n\n{table(('clip', 'stage', 'mean ms', 'p50', 'p95', 'p99'), stages)}"


if __name__ == "__main__":
    main()
