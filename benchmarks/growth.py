"""What a frame costs by people, by resolution and by streams: ``python -m benchmarks.growth [--frames N]``.

Nets, decoder and all else are told apart, and held against what is asked of them: four people at most three times one,
and all that is neither a net nor the decoder at most 15 % of a frame at 720p and 20 % at 1080p.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import make_parser, table, write_json
from benchmarks.growth_clips import crowd, scaled
from benchmarks.plots import save_lines
from benchmarks.sides import scratch
from stream3d.engine import EngineSettings
from stream3d.engine.openvino_engine import OpenVinoEngine
from stream3d.pipeline import RunSettings, results
from stream3d.pipeline.rooms import make_rooms
from stream3d.source import Source, SourceSettings, open_source

PEOPLE, HEIGHTS, STREAMS = (1, 2, 4, 8, 16), (480, 720, 1080, 1440, 2160), (1, 2, 4)
_WARM = 30  # frames until everybody who is found is followed
_SETTINGS = RunSettings(engine=EngineSettings(engine="openvino", device="cpu"))
_KEYS = ("people", "cpu_ms", "decoder_ms", "nets_ms", "rest_ms", "rest_percent", "wall_p50_ms")
_HEAD = ("people told", "CPU ms/frame", "decoder", "nets", "rest", "rest %", "wall p50")

Figures = dict[str, float]


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, then print, write and draw."""
    parser = make_parser(__doc__)
    parser.add_argument("--frames", type=int, default=60, metavar="N", help="measured for each (60)")
    given = parser.parse_args(argv)
    with scratch() as folder:
        found = measured(Path(folder), given.frames)
    said = {"frames": given.frames, **found, "bars": bars(found)}
    path = write_json("growth", said, given.out)
    print(report(found))
    lines = {key: [of[key] for of in found["people"].values()] for key in ("cpu_ms", "nets_ms", "rest_ms")}
    units = ("people in the picture", "CPU ms per frame")
    save_lines(path.with_suffix(".png"), list(PEOPLE), lines, units=units, title="A frame of 1280x720 by people")


def measured(folder: Path, frames: int) -> dict[str, dict[str, Figures]]:
    """All figures, by kind and number."""
    found: dict[str, dict[str, Figures]] = {"people": {}, "height": {}, "streams": {}}
    for people in PEOPLE:
        clips = [crowd(folder / f"crowd-{people}.mp4", people, frames + _WARM)]
        found["people"][str(people)] = {**cost(clips, frames), **rates(clips[0], frames)}
    for height in HEIGHTS:
        clips = [scaled(folder / f"scaled-{height}.mp4", height, frames + _WARM)]
        found["height"][str(height)] = {**cost(clips, frames), **rates(clips[0], frames)}
    for streams in STREAMS:
        clips = [scaled(folder / f"stream-{number}.mp4", 720, frames + _WARM) for number in range(streams)]
        found["streams"][str(streams)] = cost(clips, frames)
    return found


def cost(clips: Sequence[Path], frames: int) -> Figures:
    """Mean CPU milliseconds per frame, of the decoder, the nets and the rest; of several clips in turn."""
    print(f"measuring {clips[-1].stem}", file=sys.stderr)
    spent = {"decoder": 0.0, "nets": 0.0}
    walls: list[float] = []
    told: list[int] = []
    with ExitStack() as stack, timed_nets(spent):
        sources = [stack.enter_context(open_source(clip, SourceSettings(threads=1))) for clip in clips]
        rooms = make_rooms(_SETTINGS, sources[0].info)
        for index, frame in enumerate(_in_turn(sources, spent)):
            if index == _WARM * len(clips):
                spent.update(decoder=0.0, nets=0.0)
                began, told, walls = time.process_time(), [], []
            wall = time.perf_counter()
            told += [len(result.tracks) for result in rooms(frame)]
            walls.append(time.perf_counter() - wall)
            if index == (_WARM + frames) * len(clips) - 1:
                break
        total = time.process_time() - began
    return shares(total, spent, walls, told)


def shares(total: float, spent: Mapping[str, float], walls: Sequence[float], told: Sequence[int]) -> Figures:
    """Seconds of a run as milliseconds of one of its frames."""
    each = 1e3 / len(walls)
    rest = total - spent["decoder"] - spent["nets"]
    found = {
        "people": float(np.mean(told)),
        "cpu_ms": total * each,
        "decoder_ms": spent["decoder"] * each,
        "nets_ms": spent["nets"] * each,
        "rest_ms": rest * each,
        "rest_percent": 100 * rest / total,
        "wall_p50_ms": 1e3 * float(np.median(walls)),
    }
    return {key: round(value, 3) for key, value in found.items()}


def _in_turn(sources: Sequence[Source], spent: dict[str, float]) -> Iterator[Any]:
    """A frame of each source in turn; what it takes to get them is the decoder's."""
    flows = [iter(source) for source in sources]
    while True:
        for flow in flows:
            began = time.process_time()
            frame = next(flow, None)
            spent["decoder"] += time.process_time() - began
            if frame is None:
                return
            yield frame


@contextmanager
def timed_nets(spent: dict[str, float]) -> Iterator[None]:
    """Within this, the CPU time of every call of an OpenVINO engine is added to ``spent["nets"]``."""
    run = OpenVinoEngine.__call__

    def timed(self: OpenVinoEngine, **inputs: Any) -> Any:
        began = time.process_time()
        try:
            return run(self, **inputs)
        finally:
            spent["nets"] += time.process_time() - began

    OpenVinoEngine.__call__ = timed  # type: ignore[method-assign]
    try:
        yield
    finally:
        OpenVinoEngine.__call__ = run  # type: ignore[method-assign]


def rates(clip: Path, frames: int) -> Figures:
    """Frames per second of wall time, one after the other and with several in flight."""
    out = {}
    for mode in ("latency", "throughput"):
        began = time.perf_counter()
        settings = RunSettings(engine=_SETTINGS.engine, mode=mode)  # type: ignore[arg-type]
        for count, _ in enumerate(results(clip, settings), 1):
            if count == _WARM:
                began = time.perf_counter()
        out[f"fps_{mode}"] = round(frames / (time.perf_counter() - began), 2)
    return out


def bars(found: Mapping[str, Mapping[str, Figures]]) -> dict[str, dict[str, float | bool]]:
    """What is asked, what was found, and whether that is enough."""
    people, height = found["people"], found["height"]
    asked = {
        "four people over one, at most": (3.0, people["4"]["cpu_ms"] / people["1"]["cpu_ms"]),
        "percent neither net nor decoder at 720p, at most": (15.0, height["720"]["rest_percent"]),
        "percent neither net nor decoder at 1080p, at most": (20.0, height["1080"]["rest_percent"]),
    }
    return {
        name: {"asked": most, "found": round(value, 3), "met": value <= most} for name, (most, value) in asked.items()
    }


def report(found: Mapping[str, Mapping[str, Figures]]) -> str:
    """A table per kind of growth, and what is asked."""
    parts = []
    for kind, by_number in found.items():
        more = [key for key in ("fps_latency", "fps_throughput") if key in next(iter(by_number.values()))]
        rows = [(int(number), *(of[key] for key in (*_KEYS, *more))) for number, of in by_number.items()]
        parts.append(table((kind, *_HEAD, *more), rows))
    asked = [(name, of["asked"], of["found"], "met" if of["met"] else "missed") for name, of in bars(found).items()]
    return "\n\n".join([*parts, table(("asked", "", "found", ""), asked)])


if __name__ == "__main__":
    main()
