"""From a decoded frame to joints, by where pictures are cut: ``python -m benchmarks.pixels [--device cuda]``.

The landmark net reads as many crops at once as a batch has, of one 960x720 frame of the sample. ``host`` cuts them with
the CPU's kernels, ``device`` by torch where the net runs; both with the same engine.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from benchmarks.common import make_parser, table, write_json
from benchmarks.plots import save_bars
from stream3d.engine import Engine, EngineSettings, make_engine
from stream3d.nets.blazepose import LANDMARK_WEIGHTS, landmark_spec
from stream3d.planes import Planes
from stream3d.pose2d.device.reader import DeviceReader
from stream3d.pose2d.device.squares import squares
from stream3d.pose2d.device.uploads import Uploads
from stream3d.pose2d.landmarks import BlazePoseLandmarks
from stream3d.source import open_source

Float32 = npt.NDArray[np.float32]
Step = Callable[[], object]


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, then print, write and draw."""
    parser = make_parser(__doc__)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--engine", choices=("torch", "inductor", "tensorrt"), default="torch")
    parser.add_argument("--precision", choices=("fp32", "bf16", "fp16"), default="fp32")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8, 64], metavar="N", help="crops (1 8 64)")
    parser.add_argument("--seconds", type=float, default=1.0, help="of measuring per figure (1)")
    given = parser.parse_args(argv)
    rows = measured(given)
    said = {"device": _name(given.device), "engine": given.engine, "precision": given.precision, "rows": rows}
    path = write_json(f"pixels-{given.device}-{given.engine}-{given.precision}", said, given.out)
    print(table(tuple(rows[0]), [tuple(row.values()) for row in rows]))
    bars = {where: [row["crops_per_s"] for row in rows if row["cut"] == where] for where in ("host", "device")}
    labels = [str(batch) for batch in given.batches]
    save_bars(path.with_suffix(".png"), labels, bars, unit="crops per second", title=f"Frame to joints, {given.device}")


def measured(given: argparse.Namespace) -> list[dict[str, Any]]:
    """Milliseconds of a batch on the wall, medians: of uploading, of cutting, and of all from the frame to joints."""
    with open_source("sample") as source:
        planes = next(frame.planes for frame in source if frame.planes is not None)
    settings = EngineSettings(engine=given.engine, device=given.device, precision=given.precision)
    uploads = Uploads(given.device)
    rows = []
    for batch in given.batches:
        spec = replace(landmark_spec(weights=LANDMARK_WEIGHTS), buckets=(batch,))
        for where, net in nets(make_engine(spec, settings), uploads).items():
            rows.append(row_of(where, net, planes, around(planes, batch), given.seconds))
    return rows


def nets(engine: Engine, uploads: Uploads) -> dict[str, BlazePoseLandmarks]:
    """By where crops are cut."""
    reader = DeviceReader(engine, uploads)
    return {"host": BlazePoseLandmarks(engine), "device": BlazePoseLandmarks(engine, reader=reader)}


def row_of(where: str, net: BlazePoseLandmarks, planes: Planes, regions: Float32, seconds: float) -> dict[str, Any]:
    """The figures of one batch."""
    uploads = net.uploads
    steps: dict[str, Step] = {"all_ms": lambda: net(planes, regions)}
    if uploads is not None:
        picture = uploads.send(planes)
        steps["upload_ms"] = lambda: uploads.send(planes).bytes()
        steps["cut_ms"] = lambda: squares([picture], [regions])
    took = {name: 1e3 * _wall(step, seconds) for name, step in steps.items()}
    found = {name: round(took[name], 3) if name in took else None for name in ("upload_ms", "cut_ms", "all_ms")}
    return {"cut": where, "crops": len(regions), **found, "crops_per_s": round(1e3 * len(regions) / took["all_ms"], 1)}


def around(planes: Planes, count: int) -> Float32:
    """``count`` regions [N, 4] of all sizes and turns in a picture."""
    rng, (high, wide, _) = np.random.default_rng(0), planes.shape
    low, top = (0.2 * wide, 0.2 * high, 0.2 * high, -0.5), (0.8 * wide, 0.8 * high, high, 0.5)
    return rng.uniform(low, top, (count, 4)).astype(np.float32)


def _wall(step: Step, seconds: float) -> float:
    """Median seconds of a step, which ends when the device is done."""
    times: list[float] = []
    for _ in range(3):
        step()
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 5:
        began = time.perf_counter()
        step()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        times.append(time.perf_counter() - began)
    return median(times)


def _name(device: str) -> str:
    return torch.cuda.get_device_name() if device == "cuda" else "cpu"


if __name__ == "__main__":
    main()
