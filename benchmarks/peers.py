"""stream3d beside its peers: the same clips, whole processes, run alternately.

``python -m benchmarks.peers --data DIR [--clips NAME ...] [--runs N]``. MediaPipe's tracking mode by both of its
interfaces; rtmlib where it is given weights (``--rtmlib-keypoints FILE --rtmlib-detector FILE``). MediaPipe gets the
cheaper of two readers (cv2.VideoCapture, PyAV), chosen per clip from the reading floors measured just before.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.clips import add_clips, find_clips
from benchmarks.common import make_parser, table, write_json
from benchmarks.peer_sides import Peers, add_peers, find_peers, given_nets
from benchmarks.plots import save_bars
from benchmarks.ratios import pairwise, spread
from benchmarks.sides import Figures, alternately, command_line, floor, library, scratch

OURS, OUR_COMMAND = "stream3d", "stream3d run"
_COMPARED = ("cpu_ms_per_frame", "cpu_s", "peak_mb", "fps", "energy_j")


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, then print, write and draw."""
    arguments = _arguments(argv)
    clips = find_clips(arguments.data, list(arguments.clips))
    peers = find_peers(arguments)
    with scratch() as folder:
        warm_up(peers, arguments.precision, folder, clips)
        results = {name: compare(file, peers, arguments, folder) for name, file in clips.items()}
    said = {
        "peers": [side("cv2").name for side in peers.sides],
        "nets_given": [Path(file).name for file in given_nets(arguments)],
        "precision": arguments.precision,
        "runs": arguments.runs,
        "clips": results,
    }
    path = write_json(result_name(arguments), said, arguments.out)
    print(report(results))
    draw(path.with_suffix(".png"), results)


def result_name(arguments: argparse.Namespace) -> str:
    """A file of its own for each precision, and for runs with rtmlib: whoever follows it finds the machine warmer."""
    parts = ["peers"]
    parts += [] if arguments.precision == "fp32" else [arguments.precision]
    parts += ["rtmlib"] if arguments.rtmlib_keypoints else []
    return "-".join(parts)


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = make_parser(__doc__)
    add_clips(parser)
    parser.add_argument("--runs", type=int, default=5, help="processes per side and clip (default: 5)")
    parser.add_argument("--precision", default="fp32", help="of stream3d's nets (default: fp32, as MediaPipe's)")
    add_peers(parser)
    return parser.parse_args(argv)


def warm_up(peers: Peers, precision: str, folder: str, clips: dict[str, str]) -> None:
    """One run each that does not count: it builds engines, compiles kernels, fills the page cache."""
    clip = next(iter(clips.values()))
    theirs = (side("cv2") for side in peers.sides)
    for side in (library(precision), command_line(precision, folder), *theirs):
        print(f"warming up {side.name}", file=sys.stderr)
        side.run(clip)


def compare(clip: str, peers: Peers, arguments: argparse.Namespace, folder: str) -> dict[str, Any]:
    """All figures of one clip: floors, sides, ratios of paired runs."""
    print(f"measuring {Path(clip).name}", file=sys.stderr)
    floors = read_floors(clip, peers.python, arguments.runs)
    reader = min(("cv2", "av"), key=lambda name: floors[f"read by {name}"])
    theirs = [side(reader) for side in peers.sides]
    first, *others = theirs
    sides = (library(arguments.precision), first, command_line(arguments.precision, folder), *others)
    runs = alternately(sides, clip, arguments.runs)
    return {
        "peer_reader": reader,
        "floor_cpu_ms_per_frame": floors,
        "sides": {name: summary(figures) for name, figures in runs.items()},
        "ratios": all_ratios(runs, [side.name for side in theirs]),
        "runs": {name: [rounded(run) for run in figures] for name, figures in runs.items()},
    }


def read_floors(clip: str, python: str, runs: int) -> dict[str, float]:
    """Median CPU milliseconds per frame of reading alone, by reader."""
    sides = [floor(python, name, rgb=rgb) for name in ("cv2", "av") for rgb in (False, True)]
    sides.append(floor(sys.executable, "stream3d", rgb=True))
    figures = alternately(sides, clip, runs)
    return {name: round(spread([run["cpu_ms_per_frame"] for run in of]).median, 4) for name, of in figures.items()}


def summary(runs: Sequence[Figures]) -> dict[str, Any]:
    """Smallest, median and largest of every figure."""
    return {key: spread([run[key] for run in runs]).as_dict() for key in runs[0]}


def all_ratios(runs: Mapping[str, Sequence[Figures]], theirs: Sequence[str]) -> dict[str, Any]:
    """Both of ours against each peer, as ``ours / theirs``."""
    return {f"{name} / {of}": ratios(runs[name], runs[of]) for of in theirs for name in (OURS, OUR_COMMAND)}


def ratios(ours: Sequence[Figures], theirs: Sequence[Figures]) -> dict[str, Any]:
    """Ours / theirs of each pair of runs; below 1 is better for all but ``fps``."""
    told = [key for key in _COMPARED if all(key in run for run in (*ours, *theirs))]
    return {key: pairwise([r[key] for r in ours], [r[key] for r in theirs]).as_dict() for key in told}


def rounded(run: Figures) -> Figures:
    """Enough digits to see, few enough to read."""
    return {key: round(value, 4) for key, value in run.items()}


def report(results: dict[str, Any]) -> str:
    """Two tables: what each side took, and how the pairs compare."""
    columns = ("cpu_ms_per_frame", "start_cpu_s", "cpu_s", "fps", "peak_mb", "frames_with_people")
    head = ("clip", "side", "CPU ms/frame", "start CPU s", "all CPU s", "fps", "peak MB", "frames with people")
    rows: list[tuple[object, ...]] = []
    for clip, of in results.items():
        rows += [(clip, name, ms) for name, ms in of["floor_cpu_ms_per_frame"].items()]
        rows += [(clip, name, *(side[key]["median"] for key in columns)) for name, side in of["sides"].items()]
    rows = [(*row, *("" for _ in range(len(head) - len(row)))) for row in rows]
    pairs = [
        (clip, pair, key, *(ratio[key][at] for at in ("min", "median", "max")))
        for clip, of in results.items()
        for pair, ratio in of["ratios"].items()
        for key in ratio
    ]
    return f"{table(head, rows)}\n\n{table(('clip', 'ratio', 'of', 'min', 'median', 'max'), pairs)}"


def draw(path: Path, results: dict[str, Any]) -> None:
    """CPU per frame of all sides, and reading alone beside it."""
    sides = next(iter(results.values()))["sides"]
    bars = {side: [of["sides"][side]["cpu_ms_per_frame"]["median"] for of in results.values()] for side in sides}
    bars["reading alone"] = [of["floor_cpu_ms_per_frame"][f"read by {of['peer_reader']}"] for of in results.values()]
    title = "CPU per frame, steady state, decoding included (medians)"
    save_bars(path, list(results), bars, unit="CPU ms per frame", title=title)


if __name__ == "__main__":
    main()
