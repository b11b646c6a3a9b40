"""The floor: CPU per frame of reading a clip and doing nothing with it, with and without conversion to RGB.

``python -m benchmarks.decode --data DIR [--clips NAME ...] [--runs N]``.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from benchmarks.clips import DEFAULT, add_clips, find_clips
from benchmarks.common import make_parser, table, write_json
from benchmarks.plots import save_bars
from benchmarks.ratios import spread
from benchmarks.sides import alternately, floor

_CLIPS = (*DEFAULT, "shop-hevc.mp4", "two-people-vfr.mp4")
_VARIANTS = (("av", False), ("av", True), ("cv2", False), ("cv2", True), ("stream3d", True))


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, then print, write and draw."""
    parser = make_parser(__doc__)
    add_clips(parser, _CLIPS)
    parser.add_argument("--runs", type=int, default=3, help="processes per clip and reader (default: 3)")
    arguments = parser.parse_args(argv)
    clips = find_clips(arguments.data, list(arguments.clips))
    results = {name: floors(file, arguments.runs) for name, file in clips.items()}
    path = write_json("decode", {"runs": arguments.runs, "clips": results}, arguments.out)
    names = list(next(iter(results.values())))
    medians = {name: [of[name]["cpu_ms_per_frame"]["median"] for of in results.values()] for name in names}
    print(table(("clip", *names), [(clip, *(medians[n][k] for n in names)) for k, clip in enumerate(results)]))
    print("CPU milliseconds per frame, medians")
    save_bars(
        path.with_suffix(".png"), list(results), medians, unit="CPU ms per frame", title="Reading alone (medians)"
    )


def floors(clip: str, runs: int) -> dict[str, Any]:
    """CPU milliseconds and frames per second of every reader over one clip."""
    print(f"reading {clip.rpartition('/')[2]}", file=sys.stderr)
    sides = [floor(sys.executable, reader, rgb=rgb) for reader, rgb in _VARIANTS]
    return {
        name: {key: spread([run[key] for run in of]).as_dict() for key in ("cpu_ms_per_frame", "fps")}
        for name, of in alternately(sides, clip, runs).items()
    }


if __name__ == "__main__":
    main()
