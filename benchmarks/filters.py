"""What each filter over time costs, and what it does: ``python -m benchmarks.filters [--people 1 4 16] [--no-net]``.

Costs are CPU time on one thread: of a frame's call as a run makes it for One-Euro and Kalman, of a whole track (the
gate against outliers included) over its frames for Butterworth and Savitzky-Golay. What they do is measured on motions
whose truth is known: the sample's own with white noise (10 mm a joint and axis, 40 mm the pelvis in depth), the sample
as nets and lifter answer it, somebody still with that noise, and a punch of 6 m/s without any.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.common import make_parser, table, write_json
from benchmarks.filter_motions import (
    Motion,
    filtered,
    lifted_sample,
    measures,
    noisy_sample,
    poses_of,
    punched,
    still_jitter_mm,
)
from benchmarks.plots import save_bars
from stream3d.solve import make_smoother

LIVE, WHOLE = ("one-euro", "kalman"), ("butterworth", "savgol")
_JOINTS = 17


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print, write and draw."""
    parser = make_parser(__doc__)
    parser.add_argument("--people", type=int, nargs="+", default=[1, 4, 16], metavar="N", help="(1 4 16)")
    parser.add_argument("--seconds", type=float, default=1.5, metavar="S", help="of measuring per cost (1.5)")
    parser.add_argument("--no-net", action="store_true", help="leave out what needs the nets")
    given = parser.parse_args(argv)
    noisy = noisy_sample()
    costs = [cost_row(name, noisy, given.people, given.seconds) for name in (*LIVE, *WHOLE)]
    motions = {"noisy": noisy} if given.no_net else {"noisy": noisy, "net": lifted_sample()}
    done = [effect_row(name, motions) for name in ("none", *LIVE, *WHOLE)]
    path = write_json("filters", {"frames": len(noisy.times), "costs": costs, "effects": done}, given.out)
    print(table(tuple(costs[0]), [tuple(row.values()) for row in costs]))
    print()
    names = [row["filter"] for row in done]
    print(table(("", *names), [(key, *(row[key] for row in done)) for key in done[0] if key != "filter"]))
    draw(path.with_suffix(".png"), costs, given.people)


def cost_row(name: str, motion: Motion, people: Sequence[int], seconds: float) -> dict[str, Any]:
    """Nanoseconds per joint and frame by the number of people, and microseconds per frame of the most."""
    row: dict[str, Any] = {"filter": name}
    frame_us = 0.0
    for count in people:
        frame_us = 1e6 * (live_cost if name in LIVE else whole_cost)(name, motion, count, seconds)
        row[f"{count}_people_ns_per_joint"] = round(1e3 * frame_us / count / _JOINTS, 1)
    return {**row, f"{people[-1]}_people_us_per_frame": round(frame_us, 1)}


def live_cost(name: str, motion: Motion, people: int, seconds: float) -> float:
    """CPU seconds of smoothing one frame: the median of rounds through the motion."""
    poses = poses_of(motion, people)

    def once() -> None:
        smooth = make_smoother(name)
        for pose in poses:
            smooth(pose)

    return _median_s(once, seconds) / len(poses)


def whole_cost(name: str, motion: Motion, people: int, seconds: float) -> float:
    """CPU seconds of smoothing the tracks of ``people``, over the frames of one."""

    def once() -> None:
        for _ in range(people):
            filtered(name, motion)

    return _median_s(once, seconds) / len(motion.times)


def _median_s(call: Callable[[], None], seconds: float) -> float:
    """Median CPU seconds of a call, the first left out."""
    call()
    spent: list[float] = []
    until = time.perf_counter() + seconds
    while len(spent) < 3 or time.perf_counter() < until:
        began = time.process_time()
        call()
        spent.append(time.process_time() - began)
    return median(spent)


def effect_row(name: str, motions: dict[str, Motion]) -> dict[str, Any]:
    """What the filter does to each motion and to a punch."""
    row: dict[str, Any] = {"filter": name}
    for label, motion in motions.items():
        row |= {f"{label}_{key}": value for key, value in measures(filtered(name, motion), motion).items()}
    return {**row, "still_jitter_mm": still_jitter_mm(name), **punched(name)}


def draw(path: Path, costs: Sequence[dict[str, Any]], people: Sequence[int]) -> None:
    """Bars of costs by filter."""
    bars = {f"{count} people": [row[f"{count}_people_ns_per_joint"] / 1e3 for row in costs] for count in people}
    groups = [row["filter"] for row in costs]
    save_bars(path, groups, bars, unit="CPU microseconds per joint and frame", title="filters over time")


if __name__ == "__main__":
    main()
