"""Every kind of lifter in its usual size, for one person on one thread: CPU milliseconds in each runtime.

``python -m benchmarks.lifter_kinds [--lookahead 0 4] [--seconds S]``. The weights are random, which changes no time.
The nets go to onnxruntime through ONNX, as somebody else would take them, and to OpenVINO and torch through the
engines. On one thread CPU time is wall time, but for what other processes take.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch

from benchmarks.common import make_parser, table, write_json
from benchmarks.nets import cost_of, gflop_of
from stream3d.engine import EngineSettings, make_engine
from stream3d.nets.lifter import lifter_spec
from stream3d.nets.lifter_shape import KINDS, standard_shape
from stream3d.nets.lifter_torch import Lifter, load_lifter, save_lifter


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print and write."""
    parser = make_parser(__doc__)
    parser.add_argument("--lookahead", type=int, nargs="+", default=[0], metavar="N", help="frames (default: 0)")
    parser.add_argument("--seconds", type=float, default=1.5, help="of measuring per figure (default: 1.5)")
    arguments = parser.parse_args(argv)
    torch.set_num_threads(1)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for kind in KINDS:
            for lookahead in arguments.lookahead:
                weights = Path(folder) / f"{kind}-{lookahead}.safetensors"
                save_lifter(Lifter(standard_shape(kind, lookahead)), weights, {})
                rows.append(row_of(weights, arguments.seconds))
    write_json("lifter-kinds", {"rows": rows}, arguments.out)
    print(table(tuple(rows[0]), [tuple(row.values()) for row in rows]))


def row_of(weights: Path, seconds: float) -> dict[str, Any]:
    """One line of the result: CPU milliseconds of a call, medians."""
    spec, net = lifter_spec(weights), load_lifter(weights)
    row: dict[str, Any] = {
        "kind": net.shape.kind,
        "lookahead": net.lookahead,
        "million_parameters": round(sum(p.numel() for p in net.parameters()) / 1e6, 2),
        "mflop": round(1e3 * gflop_of(spec), 1),
    }
    window = np.random.default_rng(0).normal(size=(1, *spec.inputs[0].shape)).astype(np.float32)
    engines = {name: make_engine(spec, EngineSettings(engine=name)) for name in ("openvino", "torch")}  # type: ignore[arg-type]
    calls = {name: lambda engine=engine: engine(features=window) for name, engine in engines.items()}
    calls["onnxruntime"] = onnx_call(net, weights.with_suffix(".onnx"), window)
    for name, call in calls.items():
        row[f"{name}_cpu_ms"] = round(cost_of(call, seconds).cpu_ms, 3)
    return row


def onnx_call(net: Lifter, path: Path, window: np.ndarray[Any, Any]) -> Callable[[], object]:
    """A call of the net in onnxruntime on one thread, checked against torch."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own, about its own internals
        torch.onnx.export(
            net, (torch.zeros(1, *window.shape[1:]),), path, dynamo=True, verbose=False, input_names=["features"]
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    with torch.no_grad():
        wanted = net(torch.from_numpy(window))[0].numpy()
    np.testing.assert_allclose(session.run(None, {"features": window})[0], wanted, atol=1e-4)
    return lambda: session.run(None, {"features": window})


if __name__ == "__main__":
    main()
