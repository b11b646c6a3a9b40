"""What lifting and smoothing cost by how many people there are: ``python -m benchmarks.lift_room [--people 1 4 16]``.

The built-in sample's person is found and followed once; then as many copies, each a part of a second ahead, are lifted
and smoothed by the rooms of a run, on one thread. The floor is the lifter's net alone on as many windows.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.common import make_parser, table, write_json
from benchmarks.lifting import Seen, see
from benchmarks.plots import save_bars
from stream3d.engine import EngineSettings
from stream3d.geometry import Camera
from stream3d.lift import Lifter, make_lifter
from stream3d.solve import make_keypoint_smoother, make_smoother
from stream3d.values import Tracks2D

_AHEAD = 5  # frames by which one copy is ahead of the next
_WARM = 30  # frames until windows are full
_ENGINE = EngineSettings(threads=1)


def main(argv: Sequence[str] | None = None) -> None:
    """Measure every number of people; print, write and draw."""
    parser = make_parser(__doc__)
    parser.add_argument("--people", type=int, nargs="+", default=[1, 2, 4, 8, 16], metavar="N", help="(1 2 4 8 16)")
    parser.add_argument("--frames", type=int, default=200, metavar="N", help="measured for each (200)")
    given = parser.parse_args(argv)
    seen = see("sample")
    rows = [measured(seen, people, given.frames) for people in given.people]
    path = write_json("lift-room", {"frames": given.frames, "rows": rows}, given.out)
    print(table(tuple(rows[0]), [tuple(row.values()) for row in rows]))
    bars = {name: [row[f"{name}_us"] for row in rows] for name in ("net", "lift", "smooth", "smooth2d")}
    groups = [f"{row['people']} people" for row in rows]
    save_bars(path.with_suffix(".png"), groups, bars, unit="CPU microseconds per frame", title="lifting and smoothing")


def measured(seen: Seen, people: int, frames: int) -> dict[str, Any]:
    """Median CPU microseconds per frame of the net alone, of the lift room with it, and of both smoothers."""
    lifter, smooth, smooth2d = make_lifter(None, _ENGINE), make_smoother("one-euro"), make_keypoint_smoother("one-euro")
    camera = Camera.from_fov(*seen.size)
    costs: dict[str, list[float]] = {"lift": [], "smooth": [], "smooth2d": []}
    for index in range(frames + _WARM):
        tracks = crowd(seen, people, index)
        began = time.process_time()
        (poses,) = lifter.lift([(tracks, camera)])
        lifted = time.process_time()
        smooth(poses)
        smoothed = time.process_time()
        smooth2d(tracks)
        for name, spent in zip(costs, (lifted - began, smoothed - lifted, time.process_time() - smoothed), strict=True):
            costs[name].append(spent)
    micros = {name: round(1e6 * float(np.median(spent[_WARM:]))) for name, spent in costs.items()}
    row = {"people": people, "net_us": _net_alone(lifter, people, frames)}
    row |= {f"{name}_us": value for name, value in micros.items()}
    return row | {"lift_and_smooth_us": micros["lift"] + micros["smooth"]}


def crowd(seen: Seen, people: int, index: int) -> Tracks2D:
    """A frame with so many copies of the one person that is found in each frame of ``seen``, there and back."""
    whole = [tracks for tracks in seen.tracks if len(tracks) == 1]
    turns = [(index + _AHEAD * n) % (2 * len(whole) - 2) for n in range(people)]
    rows = [whole[min(turn, 2 * len(whole) - 2 - turn)].keypoints for turn in turns]
    stamp = {"index": index, "pts": index / seen.fps, "captured_at": index / seen.fps}
    return replace(whole[0], **stamp, keypoints=np.concatenate(rows), person=np.arange(1, people + 1))


def _net_alone(lifter: Lifter, people: int, times: int) -> int:
    inputs = {tensor.name: np.zeros((people, *tensor.shape), tensor.dtype) for tensor in lifter.engine.spec.inputs}
    spent = []
    for _ in range(times):
        began = time.process_time()
        lifter.engine(**inputs)
        spent.append(time.process_time() - began)
    return round(1e6 * float(np.median(spent)))


if __name__ == "__main__":
    main()
