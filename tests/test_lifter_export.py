"""Every kind of lifter leaves torch: to ONNX, to OpenVINO, and as a graph that TensorRT's converters cover."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from stream3d.nets.lifter_shape import KINDS, Kind, LifterShape, standard_shape
from stream3d.nets.lifter_torch import Lifter

# What the nets come down to, all of which torch_tensorrt 2.13 has converters for (dynamo/conversion of its wheel).
COVERED = {
    *("slice.Tensor", "view.default", "permute.default", "addmm.default", "mm.default", "bmm.default", "add.Tensor"),
    *("sub.Tensor", "mul.Tensor", "native_layer_norm.default", "relu.default", "select.int", "clamp.default"),
    *("cat.default", "unsqueeze.default", "expand.default", "sum.dim_IntList", "le.Scalar", "where.self"),
    *("scalar_tensor.default", "_softmax.default", "clone.default"),
}
TINY = {"channels": 16, "width": 32, "blocks": 2}
ALL = pytest.mark.parametrize("kind", KINDS)


def net_of(kind: Kind, lookahead: int = 2) -> Lifter:
    torch.manual_seed(7)
    return Lifter(LifterShape(kind=kind, lookahead=lookahead, **TINY)).eval()


def seen(count: int) -> torch.Tensor:
    """Windows in which everybody comes late and the last one leaves early."""
    x = torch.randn(count, 27, 55, generator=torch.Generator().manual_seed(1)).clamp(-5, 5)
    x[:, :, 2:51:3] = 0.8
    x[:, :5] = 0
    x[-1, -2:] = 0
    return x


@ALL
@pytest.mark.parametrize("bucket", [1, pytest.param(8, marks=pytest.mark.slow)])
def test_the_graph_is_static_and_made_of_what_tensorrt_converts(kind: Kind, bucket: int) -> None:
    """TensorRT itself needs its own libraries and a GPU; this is what can be known of it without."""
    net, x = net_of(kind), seen(bucket)
    program = torch.export.export(net, (x,), strict=True)
    assert not program.range_constraints  # every shape is a number
    nodes = [node for node in program.run_decompositions().graph.nodes if node.op == "call_function"]
    aten = {str(node.target).removeprefix("aten.") for node in nodes if "getitem" not in str(node.target)}
    assert aten <= COVERED, f"without a converter: {aten - COVERED}"
    for got, expected in zip(program.module()(x), net(x), strict=True):
        torch.testing.assert_close(got, expected)


@ALL
def test_onnx_runtime_answers_as_torch_does(kind: Kind, tmp_path: Path) -> None:
    onnx, runtime = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    net, path = net_of(kind), tmp_path / "net.onnx"
    batch = torch.export.Dim("batch", min=1, max=64)
    names = {"input_names": ["features"], "output_names": ["joints", "log_sigma"]}
    torch.onnx.export(net, (seen(2),), path, dynamo=True, dynamic_shapes=({0: batch},), **names)
    onnx.checker.check_model(path, full_check=True)
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    session = runtime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    for count in (1, 5):
        x = seen(count)
        with torch.no_grad():
            expected = net(x)
        for got, want in zip(session.run(None, {"features": x.numpy()}), expected, strict=True):
            np.testing.assert_allclose(got, want.numpy(), atol=1e-5)


_COMPILE = """
import json, sys, tempfile
from pathlib import Path
import numpy as np, torch
from stream3d.engine import EngineSettings, make_engine
from stream3d.nets.lifter import lifter_spec
from stream3d.nets.lifter_shape import LifterShape
from stream3d.nets.lifter_torch import Lifter, save_lifter
torch.set_num_threads(1)
for shape in json.loads(sys.argv[1]):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.safetensors"
        torch.manual_seed(0)
        save_lifter(Lifter(LifterShape(**shape)), path, {})
        x = np.random.default_rng(0).normal(size=(5, 27, 55)).astype(np.float32)
        x[:, :3] = 0
        spec = lifter_spec(path)
        engines = [make_engine(spec, EngineSettings(engine=name)) for name in ("torch", "openvino")]
        for batch in (x, x[:1]):
            out = [engine(features=batch) for engine in engines]
            for name in spec.outputs:
                np.testing.assert_allclose(out[1][name], out[0][name], atol=2e-4)
    print("equal", flush=True)
"""


def compiled(shapes: list[dict[str, object]], cache: Path, timeout_s: float = 170) -> None:
    """Through the project's own engine, in a process of its own: a crash of the compiler must fail the test alone."""
    done = subprocess.run(
        [sys.executable, "-c", _COMPILE, json.dumps(shapes)],
        env={**os.environ, "STREAM3D_CACHE": str(cache)},
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    reached = done.stdout.count("equal")
    assert done.returncode == 0, f"code {done.returncode} at {shapes[reached : reached + 1]}: {done.stderr[-2000:]}"
    assert reached == len(shapes)


def test_openvino_takes_narrow_nets_of_every_kind(tmp_path: Path) -> None:
    """Two and more residual blocks of up to 256 channels in row over [B, channels] crashed its compiler."""
    compiled([{"kind": kind, "lookahead": 1, **TINY} for kind in ("tcn", "encoder-decoder")], tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(900)
@ALL
def test_openvino_takes_the_sizes_that_matter(kind: Kind, tmp_path: Path) -> None:
    usual = standard_shape(kind)
    sizes = [(16, 32, 2), (usual.channels, usual.width, usual.blocks), (256, 256, 2), (128, 256, 2), (128, 384, 1)]
    compiled([{"kind": kind, "channels": c, "width": w, "blocks": b} for c, w, b in sizes], tmp_path, 850)
