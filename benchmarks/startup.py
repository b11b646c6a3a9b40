"""From the start of the process to the first skeleton: with nothing built yet, and with everything in the cache.

``python -m benchmarks.startup [--data DIR] [--clips NAME ...] [--runs N]``. Cold means an empty cache of engines and of
compiled kernels; the weights have been fetched before, since a network's speed says nothing about the program.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.clips import add_clips, find_clips
from benchmarks.common import make_parser, table, write_json
from benchmarks.measure import measure
from benchmarks.plots import save_bars
from benchmarks.ratios import spread
from benchmarks.sides import scratch
from stream3d.paths import cache_dir

_FRAMES = 60  # enough for the first skeleton of every clip here
_KINDS = ("cold", "warm")


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, then print, write and draw."""
    parser = make_parser(__doc__)
    add_clips(parser, ("sample",))
    parser.add_argument("--runs", type=int, default=3, help="pairs of a cold and a warm start (default: 3)")
    arguments = parser.parse_args(argv)
    clips = find_clips(arguments.data, list(arguments.clips))
    results = {name: of_clip(file, arguments.runs) for name, file in clips.items()}
    path = write_json("startup", {"runs": arguments.runs, "clips": results}, arguments.out)
    rows = [
        (clip, kind, *(of[kind][key][at] for key in ("wall_s", "cpu_s") for at in ("min", "median", "max")))
        for clip, of in results.items()
        for kind in _KINDS
    ]
    print(table(("clip", "cache", "wall s min", "median", "max", "CPU s min", "median", "max"), rows))
    bars = {kind: [of[kind]["wall_s"]["median"] for of in results.values()] for kind in _KINDS}
    save_bars(path.with_suffix(".png"), list(results), bars, unit="s", title="From process start to first skeleton")


def of_clip(clip: str, runs: int) -> dict[str, Any]:
    """Spreads of wall and CPU seconds to the first skeleton, cold and warm."""
    starts: dict[str, list[dict[str, float]]] = {kind: [] for kind in _KINDS}
    for _ in range(runs):
        with scratch() as folder:
            env = empty_cache(Path(folder))
            for kind in _KINDS:
                print(f"starting {kind}", file=sys.stderr)
                starts[kind].append(one_start(clip, env))
    return {
        kind: {key: spread([one[key] for one in of]).as_dict() for key in ("wall_s", "cpu_s")}
        for kind, of in starts.items()
    }


def empty_cache(folder: Path) -> Mapping[str, str]:
    """An environment whose caches lie in ``folder`` and hold nothing but the fetched weights."""
    weights = cache_dir() / "models"
    if weights.is_dir():
        shutil.copytree(weights, folder / "cache" / "models")
    return {"STREAM3D_CACHE": str(folder / "cache"), "NUMBA_CACHE_DIR": str(folder / "numba")}


def one_start(clip: str, env: Mapping[str, str]) -> dict[str, float]:
    """Seconds from here to the first skeleton.

    Raises:
        SystemExit: nobody is seen in the first frames of the clip.
    """
    began = time.time()
    command = [sys.executable, "-m", "benchmarks.runners.ours", clip, "--frames", str(_FRAMES)]
    said = measure(command, env).last_json()
    if said["first_person_at"] is None:
        raise SystemExit(f"nobody is seen in the first {_FRAMES} frames of {clip}; choose another clip")
    return {"wall_s": said["first_person_at"] - began, "cpu_s": said["first_person_cpu_s"]}


if __name__ == "__main__":
    main()
