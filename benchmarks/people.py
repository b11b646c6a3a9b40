"""Who is found on photographs that nothing was trained on: recall, precision, joints, and ghosts in empty rooms.

``python -m benchmarks.people --data DIR [--detector NAME|FILE ...] [--landmarks FILE] [--size PX] [--every N] ...``.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2

from benchmarks.common import make_parser, table, write_json
from benchmarks.people_measures import Tally
from benchmarks.people_nets import NAMES, Pair, pair_of
from benchmarks.people_sets import SETS, photographs
from benchmarks.plots import save_lines
from stream3d.nets.person import SIZE

_HEAD = ("detector", "set", "recall", "precision", "AP50", "R@P.85", "OKS recall", "OKS prec.", "mean OKS")
_HEAD += ("<0.1", "<0.3", "larger", "ghosts", "PCK@0.2", "CPU ms")


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print and write."""
    parser = make_parser(__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the photographs")
    parser.add_argument("--detector", nargs="+", metavar="NAME|FILE", help=f"among {', '.join(NAMES)}, or files")
    parser.add_argument("--landmarks", type=Path, metavar="FILE", help="weights other than BlazePose's landmark net")
    parser.add_argument("--size", type=int, default=SIZE, help=f"longer side for our own detector ({SIZE})")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only every N-th photograph")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS), help="which photographs")
    parser.add_argument("--name", default="people", help="of the files written (people)")
    arguments = parser.parse_args(argv)
    cv2.setNumThreads(1)
    names = arguments.detector or NAMES
    results: dict[str, Any] = {}
    for name in names:  # written after each: a run is long
        pair = pair_of(name, arguments.data, arguments.size, arguments.landmarks)
        results[pair.name] = measured(pair, arguments.data, arguments.sets, arguments.every)
        figures = {"every": arguments.every, "size": arguments.size, "detectors": results}
        _draw(write_json(arguments.name, figures, arguments.out).with_suffix(".png"), results)
    rows = [row_of(name, which, said) for name, sets in results.items() for which, said in sets.items()]
    print(table(_HEAD, rows))


def measured(pair: Pair, data: Path, sets: Sequence[str], every: int) -> dict[str, Any]:
    """The figures of one pair on each set."""
    out = {}
    for which in sets:
        tally, pictures, spent = Tally(), 0, 0.0
        for photo in photographs(data, which, every):
            began = time.process_time()
            seen = pair(photo.image)
            spent += time.process_time() - began if pictures else 0.0  # the first one builds engines
            tally.add(photo, seen, pair.threshold)
            pictures += 1
        figures = tally.figures(pair.threshold)
        cost = round(1e3 * spent / max(pictures - 1, 1), 1)
        out[which] = {"pictures": pictures, "threshold": pair.threshold, "cpu_ms_per_picture": cost, **figures}
    return out


def row_of(name: str, which: str, said: dict[str, Any]) -> tuple[object, ...]:
    """One line of the table."""
    boxes, joints, sizes = said["boxes"], said["joints"], list(said["recall_by_size"].values())
    lead = (name, which, boxes["recall"], boxes["precision"], boxes["ap50"], boxes["recall_at_precision_0.85"])
    rest = (said.get("ghosts_per_empty"), said["pck_alone"], said["cpu_ms_per_picture"])
    return (*lead, joints["recall"], joints["precision"], said["mean_oks_of_found"], *sizes, *rest)


def _draw(path: Path, results: dict[str, Any]) -> None:
    """Recall over precision by joints, on the first set of each."""
    curves = {name: next(iter(sets.values()))["joints"]["curve"] for name, sets in results.items()}
    ticks = [round(0.5 + 0.01 * k, 2) for k in range(51)]
    lines = {
        name: [max((recall for _, recall, precision in rows if precision >= tick), default=0.0) for tick in ticks]
        for name, rows in curves.items()
    }
    which = next(iter(next(iter(results.values()))))
    save_lines(path, ticks, lines, units=("precision", "recall"), title=f"People found with their joints: {which}")


if __name__ == "__main__":
    main()
