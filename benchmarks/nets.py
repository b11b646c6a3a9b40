"""Every net on every engine at several batch sizes: milliseconds, and how much of the machine's peak that is.

``python -m benchmarks.nets [--threads N] [--batches 1 2 4] [--seconds S]``. Peak is what a large matrix product reaches
in the same precision on as many threads; a net can come near it only where its layers are large.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

import numpy as np

from benchmarks.common import make_parser, table, write_json
from benchmarks.plots import save_bars
from stream3d.engine import Engine, EngineSettings, make_engine
from stream3d.errors import ModelMissingError
from stream3d.nets.blazepose import LANDMARK_WEIGHTS, detector_spec, landmark_spec
from stream3d.nets.person import person_spec
from stream3d.nets.spec import NetSpec

_ENGINES = (("openvino", "fp32"), ("openvino", "bf16"), ("torch", "fp32"))
_SIDE = 1024  # of the matrices whose product is the peak


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Of one call: CPU milliseconds of all threads and wall milliseconds, medians."""

    cpu_ms: float
    wall_ms: float


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, then print, write and draw."""
    parser = make_parser(__doc__)
    parser.add_argument("--threads", type=int, default=1, help="per net (default: 1)")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 2, 4], help="(default: 1 2 4)")
    parser.add_argument("--seconds", type=float, default=1.5, help="of measuring per line (default: 1.5)")
    arguments = parser.parse_args(argv)
    peaks = {precision: peak_gflops(precision, arguments.threads) for precision in ("fp32", "bf16")}
    rows = [
        row_of(spec, gflop, kind, batch, arguments, peaks)
        for spec, gflop in nets()
        for kind in _ENGINES
        for batch in arguments.batches
    ]
    path = write_json("nets", {"threads": arguments.threads, "peak_gflops": peaks, "rows": rows}, arguments.out)
    print(f"peak: {peaks['fp32']:.0f} GFLOP/s in fp32, {peaks['bf16']:.0f} in bf16, {arguments.threads} thread(s)")
    print(table(tuple(rows[0]), [tuple(row.values()) for row in rows]))
    draw(path.with_suffix(".png"), rows)


def nets() -> Iterator[tuple[NetSpec, float]]:
    """The nets that a run of 16:9 pictures loads by default, and their GFLOP per item."""
    for spec in (person_spec(192, 320), detector_spec(128, 224), landmark_spec(weights=LANDMARK_WEIGHTS)):
        yield spec, gflop_of(spec)
    try:
        from stream3d.nets.lifter import lifter_spec

        yield lifter_spec(), gflop_of(lifter_spec())
    except ModelMissingError as error:
        print(f"without the lifter: {error}")


def gflop_of(spec: NetSpec) -> float:
    """2 × multiply-adds of convolutions and matrix products for one item, in 10^9."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    inputs = [torch.zeros((1, *tensor.shape), dtype=getattr(torch, tensor.dtype)) for tensor in spec.inputs]
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        spec.load()(*inputs)
    return float(counter.get_total_flops()) / 1e9


def row_of(
    spec: NetSpec, gflop: float, kind: tuple[str, str], batch: int, arguments: Any, peaks: dict[str, float]
) -> dict[str, Any]:
    """One line of the result."""
    runtime, precision = kind
    settings = EngineSettings(engine=runtime, device="cpu", precision=precision, threads=arguments.threads)  # type: ignore[arg-type]
    engine = make_engine(replace(spec, buckets=(batch,)), settings)
    cost = cost_of(caller(engine, spec, batch), arguments.seconds)
    gflops = gflop * batch / (cost.cpu_ms * 1e-3) * arguments.threads
    return {
        "net": spec.name,
        "engine": runtime,
        "precision": engine.describe()["precision"],
        "batch": batch,
        "cpu_ms": round(cost.cpu_ms, 3),
        "wall_ms": round(cost.wall_ms, 3),
        "cpu_ms_per_item": round(cost.cpu_ms / batch, 3),
        "gflop_per_item": round(gflop, 4),
        "gflops": round(gflops, 1),
        "of_peak": round(gflops / peaks[precision], 3),
    }


def caller(engine: Engine, spec: NetSpec, batch: int) -> Callable[[], object]:
    """A call of ``engine`` with noise as input."""
    noise = np.random.default_rng(0)
    inputs = {
        tensor.name: noise.integers(0, 255, (batch, *tensor.shape)).astype(tensor.dtype)
        if tensor.dtype == "uint8"
        else noise.normal(size=(batch, *tensor.shape)).astype(tensor.dtype)
        for tensor in spec.inputs
    }
    return lambda: engine(**inputs)


def cost_of(call: Callable[[], object], seconds: float) -> Cost:
    """What one call takes, warm, measured over ``seconds`` and at least five calls."""
    for _ in range(3):
        call()
    cpu: list[float] = []
    wall: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(wall) < 5:
        before = time.process_time(), time.perf_counter()
        call()
        cpu.append(time.process_time() - before[0])
        wall.append(time.perf_counter() - before[1])
    return Cost(cpu_ms=1e3 * median(cpu), wall_ms=1e3 * median(wall))


def peak_gflops(precision: str, threads: int) -> float:
    """What a product of two large matrices reaches in OpenVINO, 10^9 operations per second of wall time of one core."""
    import openvino as ov
    from openvino import opset13 as ops

    given = ops.parameter([_SIDE, _SIDE], np.float32)
    kept = ops.constant(np.random.default_rng(0).normal(size=(_SIDE, _SIDE)).astype(np.float32))
    model = ov.Model([ops.matmul(given, kept, False, False)], [given], "peak")
    config = {"INFERENCE_PRECISION_HINT": {"fp32": "f32", "bf16": "bf16"}[precision], "INFERENCE_NUM_THREADS": threads}
    request = ov.Core().compile_model(model, "CPU", config).create_infer_request()
    ones = np.ones((_SIDE, _SIDE), np.float32)
    cost = cost_of(lambda: request.infer([ones], share_inputs=True), 1.0)
    return round(2 * _SIDE**3 / (cost.cpu_ms * 1e-3) / 1e9 * threads, 1)


def draw(path: Any, rows: Sequence[dict[str, Any]]) -> None:
    """CPU per item at batch 1 (or the smallest there is), by net and engine."""
    smallest = min(row["batch"] for row in rows)
    names = list(dict.fromkeys(row["net"] for row in rows))
    bars = {
        f"{runtime} {precision}": [
            next(
                r["cpu_ms_per_item"]
                for r in rows
                if (r["net"], r["engine"], r["batch"]) == (net, runtime, smallest) and _same(r, precision)
            )
            for net in names
        ]
        for runtime, precision in _ENGINES
    }
    save_bars(path, names, bars, unit="CPU ms", title=f"One call of each net, batch {smallest}")


def _same(row: dict[str, Any], precision: str) -> bool:
    """Whether a row ran in ``precision``; engines name it their own way."""
    return ("bf" in str(row["precision"])) == (precision == "bf16")


if __name__ == "__main__":
    main()
