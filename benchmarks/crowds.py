"""CPU time of a frame by how many people are in it: ``python -m benchmarks.crowds [--people 1 4 10] [--frames N]``.

The built-in sample's person is cut out and stands side by side with themselves, each a part of a second ahead, in the
sample's empty room; the real nets find and follow them. Decoding is not part of it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.common import make_parser, table, write_json
from stream3d.pipeline import RunSettings
from stream3d.pipeline.rooms import Rooms, make_rooms
from stream3d.sample import load_truth
from stream3d.source import open_source
from stream3d.values import Frame

UInt8 = npt.NDArray[np.uint8]

WIDTH, HEIGHT, FPS = 1280, 720, 30.0
_TALL, _ROW, _APART = 330, 5, 7  # how tall people are, px; people in a row; frames by which one is ahead of the next
_UNLIKE = 14  # grey levels by which the person differs from the room
_WARM = 45  # frames until everybody who is found is followed
_STAGES = ("pose2d", "track", "lift", "smooth")


def main(argv: Sequence[str] | None = None) -> None:
    """Measure every number of people, print, write."""
    parser = make_parser(__doc__)
    parser.add_argument("--people", type=int, nargs="+", default=[1, 4, 10], metavar="N", help="1 to 10 (1 4 10)")
    parser.add_argument("--frames", type=int, default=60, metavar="N", help="measured for each (60)")
    given = parser.parse_args(argv)
    figures = {str(people): measured(people, given.frames) for people in given.people}
    write_json("crowds", {"frames": given.frames, "size": [WIDTH, HEIGHT], "people": figures}, given.out)
    print(report(figures))


def measured(people: int, frames: int) -> dict[str, Any]:
    """Median milliseconds of CPU and wall time of a frame and of its stages, and how many people were told."""
    rooms = _rooms()
    cpu, wall, told = [], [], []
    for frame in pictures(people, frames + _WARM):
        if frame.index == _WARM:
            rooms.meters.clear()
        cpu_s, wall_s = time.process_time(), time.perf_counter()
        results = rooms(frame)
        cpu.append(time.process_time() - cpu_s)
        wall.append(time.perf_counter() - wall_s)
        told += [len(result.tracks) for result in results]
    stages = rooms.meters.summary()
    return {
        "told": float(np.mean(told[_WARM:])),
        "cpu_ms": round(1e3 * float(np.mean(cpu[_WARM:])), 2),
        "cpu_p50_ms": round(1e3 * float(np.median(cpu[_WARM:])), 2),
        "wall_p50_ms": round(1e3 * float(np.median(wall[_WARM:])), 2),
        "stages_p50_ms": {stage: stages[stage]["p50_ms"] for stage in _STAGES},
    }


def pictures(people: int, frames: int, *, tall: int = _TALL, row: int = _ROW) -> Iterator[Frame]:
    """Frames with so many people of a height in pixels, so many in a row, none before another."""
    room, figures = cut_out(tall)
    below = (HEIGHT - 20) // max(2, -(-people // row))
    for index in range(frames):
        image = room.copy()
        for n in range(people):
            figure, mask = figures[_there_and_back(index + _APART * n, len(figures))]
            x = (2 * (n % row) + 1) * WIDTH // (2 * row) - figure.shape[1] // 2
            y = 20 + (n // row) * below
            spot = image[y : y + figure.shape[0], x : x + figure.shape[1]]
            spot[mask] = figure[mask]
        yield Frame(source_id="crowd", index=index, pts=index / FPS, captured_at=time.monotonic(), image=image)


def cut_out(tall: int = _TALL) -> tuple[UInt8, list[tuple[UInt8, npt.NDArray[np.bool_]]]]:
    """The sample's room without its person, and the person as pictures of one height with their masks."""
    with open_source("sample") as source:
        frames = [frame.image for frame in source]
    boxes = np.clip(load_truth().box.astype(int) + np.array((-4, -4, 5, 5)), 0, (*frames[0].shape[1::-1],) * 2)
    left, right = int(boxes[:, 2].argmin()), int(boxes[:, 0].argmax())  # the person's farthest to either side
    room, between = frames[left].copy(), (boxes[left, 2] + boxes[right, 0]) // 2
    room[:, :between] = frames[right][:, :between]
    figures = []
    for frame, (x0, y0, x1, y1) in zip(frames, boxes.tolist(), strict=True):
        part, behind = frame[y0:y1, x0:x1], room[y0:y1, x0:x1]
        unlike = (cv2.absdiff(part, behind).max(-1) > _UNLIKE).astype(np.uint8)
        solid = cv2.morphologyEx(unlike, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))
        size = (round(tall * part.shape[1] / part.shape[0]), tall)
        mask = cv2.resize(solid, size, interpolation=cv2.INTER_NEAREST) > 0
        figures.append((np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.uint8), mask))
    return np.asarray(cv2.resize(room, (WIDTH, HEIGHT)), np.uint8), figures


def _there_and_back(index: int, length: int) -> int:
    return length - 1 - abs(length - 1 - index % (2 * length - 2))


def _rooms() -> Rooms:
    with open_source("sample") as source:
        info = replace(source.info, width=WIDTH, height=HEIGHT)
    return make_rooms(RunSettings(), info)


def report(figures: dict[str, dict[str, Any]]) -> str:
    """The table."""
    rows = [
        (people, *(of[key] for key in ("told", "cpu_ms", "cpu_p50_ms", "wall_p50_ms")), *of["stages_p50_ms"].values())
        for people, of in figures.items()
    ]
    head = ("people", "told", "CPU ms/frame", "p50", "wall p50", *(f"{stage} p50" for stage in _STAGES))
    return table(head, rows)


if __name__ == "__main__":
    main()
