"""TensorRT's engine up to the library's door: behind it stands a stand-in that runs the graphs it was given in torch.

What the stand-in cannot show is TensorRT's own arithmetic, which needs an NVIDIA GPU.
"""

from __future__ import annotations

import json
import logging
import operator
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import torch._dynamo  # asks for the real tensorrt when it is first imported

from stream3d.engine import EngineSettings, make_engine
from stream3d.engine import tensorrt_cache as cache
from stream3d.engine import tensorrt_engine as engine_module
from stream3d.engine.on_device import tensor_engine
from stream3d.errors import DeviceError, EngineError
from tests.test_engine import batch, spec
from tests.test_typed import deep_spec

TENSORRT = EngineSettings(engine="tensorrt")


@dataclass
class Library:
    """What was asked of the stand-in, and what it is to do wrong."""

    compiled: list[dict[str, Any]] = field(default_factory=list)
    graphs: dict[bytes, torch.nn.Module] = field(default_factory=dict)
    cuda_graphs: bool = False
    fails: str = ""
    refuses: set[bytes] = field(default_factory=set)
    partly: bool = False
    stumbles: bool = False
    error: float = 0.0


def install(monkeypatch: pytest.MonkeyPatch, state: Library) -> None:
    class TorchTensorRTModule(torch.nn.Module):
        def __init__(self, serialized_engine: bytes, inputs: list[str], outputs: list[str], *, name: str = "") -> None:
            super().__init__()
            if serialized_engine in state.refuses:
                raise RuntimeError("plan of another GPU")
            self.serialized_engine, self.name = serialized_engine, name
            self.input_binding_names, self.output_binding_names = inputs, outputs

        def forward(self, *args: torch.Tensor) -> Any:
            if state.stumbles:
                raise RuntimeError("enqueue failed")
            assert all(arg.dtype == torch.float32 for arg in args)
            # an engine's own order, not the net's
            return [out + state.error for out in reversed(state.graphs[self.serialized_engine](*args))]

    def compile_(program: torch.export.ExportedProgram, **options: Any) -> torch.fx.GraphModule:
        if state.fails:
            raise AssertionError(state.fails)
        state.compiled.append(options)
        plan = f"plan {len(state.graphs)}".encode()
        state.graphs[plan] = program.module()
        graph = torch.fx.Graph()
        count = len(options["arg_inputs"])
        given = [graph.placeholder(f"x{k}") for k in range(count)]
        root = torch.nn.Module()
        names = [[f"x{k}" for k in range(count)], ["output0", "output1"]]
        root.add_module("_run_on_acc_0", TorchTensorRTModule(plan, *names))
        call = graph.call_module("_run_on_acc_0", tuple(given))
        first, second = (graph.call_function(operator.getitem, (call, k)) for k in (1, 0))
        if state.partly:
            first = graph.call_function(torch.ops.aten.sin.default, (first,))
        graph.output((first, second))
        return torch.fx.GraphModule(root, graph)

    fake: Any = ModuleType("torch_tensorrt")
    fake.__version__ = "2.13.0"
    fake.dynamo = SimpleNamespace(compile=compile_)
    fake.runtime = SimpleNamespace(
        TorchTensorRTModule=TorchTensorRTModule,
        set_cudagraphs_mode=lambda mode: setattr(state, "cuda_graphs", mode),
    )
    tensorrt: Any = ModuleType("tensorrt")
    tensorrt.__version__ = "11.0.0"
    monkeypatch.setitem(sys.modules, "torch_tensorrt", fake)
    monkeypatch.setitem(sys.modules, "tensorrt", tensorrt)


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU as far as questions about it go; the arithmetic stays on the CPU."""
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.get_device_name", lambda *_: "NVIDIA Test")
    monkeypatch.setattr("torch.cuda.get_device_capability", lambda *_: (9, 0))
    monkeypatch.setattr(engine_module, "_gpu", lambda: torch.device("cpu"))


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, tmp_path: Path) -> Library:
    request.getfixturevalue("gpu")
    monkeypatch.setenv("STREAM3D_CACHE", str(tmp_path))
    state = Library()
    install(monkeypatch, state)
    return state


def plans(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "engines" / "tensorrt").glob("*.plan"))


@pytest.mark.parametrize("count", [0, 1, 3, 4, 9])
def test_every_batch_is_answered_in_the_nets_own_order(library: Library, count: int) -> None:
    inputs = batch(count)
    want = make_engine(spec(), EngineSettings(engine="torch", device="cpu"))(**inputs)
    got = make_engine(spec(), TENSORRT)(**inputs)
    for name in ("mean", "all"):
        assert got[name].shape == want[name].shape
        np.testing.assert_allclose(got[name], want[name], atol=1e-5)
    assert library.cuda_graphs


@pytest.mark.usefixtures("library")
def test_tensors_are_answered_as_arrays_and_kept() -> None:
    engine = make_engine(spec(), TENSORRT)
    net = tensor_engine(engine)
    three, nine = ({name: torch.from_numpy(array) for name, array in batch(count).items()} for count in (3, 9))
    kept, want = net.on_device(**three), engine(**batch(3))
    net.on_device(**nine)
    for name, out in kept.items():
        assert out.dtype == torch.float32
        np.testing.assert_allclose(out.numpy(), want[name], atol=1e-6)


def test_the_library_is_asked_for_the_whole_net_and_nothing_less(library: Library, tmp_path: Path) -> None:
    make_engine(deep_spec(), EngineSettings(engine="tensorrt", precision="fp16"))
    assert [options["arg_inputs"][0].shape for options in library.compiled] == [(1, 16, 16, 3), (4, 16, 16, 3)]
    for options in library.compiled:
        assert options["require_full_compilation"] is options["pass_through_build_failures"] is True
        assert options["disable_tf32"] is True
        assert not {"enabled_precisions", "use_explicit_typing"} & options.keys()  # gone in torch-tensorrt 2.13
        assert Path(options["timing_cache_path"]).parent == tmp_path / "engines" / "tensorrt"
    convolutions = [
        node.meta["val"].dtype
        for node in next(iter(library.graphs.values())).graph.nodes  # type: ignore[attr-defined, union-attr]
        if str(node.target) == "aten.conv2d.default"
    ]
    assert convolutions == [torch.float16, torch.float16, torch.float32]


def test_an_engine_is_built_once(library: Library) -> None:
    first = make_engine(spec(), TENSORRT)
    assert first.describe()["compiled"] == "wholly; 2 engines built now, 0 from the cache"
    again = make_engine(spec(), TENSORRT)
    assert again.describe()["compiled"] == "wholly; 0 engines built now, 2 from the cache"
    assert len(library.compiled) == 2
    np.testing.assert_array_equal(first(**batch(3))["all"], again(**batch(3))["all"])
    assert again.describe()["runtime"] == "tensorrt 11.0.0 by torch-tensorrt 2.13.0, CUDA graphs"
    assert again.describe()["device"] == "NVIDIA Test"


def _other_version(path: Path) -> None:
    about = path.with_suffix(".json")
    said = json.loads(about.read_text())
    about.write_text(json.dumps({**said, "made_by": {**said["made_by"], "tensorrt": "10.15.1"}}))


def _flipped(path: Path) -> None:
    path.write_bytes(path.read_bytes()[::-1])


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_other_version, "10.15.1"),
        (_flipped, "damaged"),
        (lambda path: path.with_suffix(".json").write_text("{"), "cannot be read"),
        (lambda path: path.with_suffix(".json").write_text("[]"), "cannot be read"),
        (lambda path: path.with_suffix(".json").write_text('{"made_by": 1}'), "was built by"),
    ],
)
def test_a_stale_or_damaged_engine_is_built_again_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, spoil: Callable[[Path], object], said: str
) -> None:
    make_engine(spec(), TENSORRT)
    spoil(plans(tmp_path)[0])
    with caplog.at_level(logging.WARNING, "stream3d"):
        engine = make_engine(spec(), TENSORRT)
    assert said in caplog.text
    assert engine.describe()["compiled"] == "wholly; 1 engines built now, 1 from the cache"
    caplog.clear()
    assert "2 from the cache" in make_engine(spec(), TENSORRT).describe()["compiled"]
    assert not caplog.text


def test_an_engine_that_the_runtime_refuses_is_built_again(library: Library, caplog: pytest.LogCaptureFixture) -> None:
    make_engine(spec(), TENSORRT)
    library.refuses = set(library.graphs)
    with caplog.at_level(logging.WARNING, "stream3d"):
        assert "2 engines built now" in make_engine(spec(), TENSORRT).describe()["compiled"]
    assert "plan of another GPU" in caplog.text


def test_a_new_engine_that_does_not_run_is_an_error(library: Library, tmp_path: Path) -> None:
    library.stumbles = True
    with pytest.raises(EngineError, match="built tiny and cannot run it: enqueue failed"):
        make_engine(spec(), TENSORRT)
    assert not plans(tmp_path)


def test_another_gpu_precision_or_net_has_an_engine_of_its_own(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_engine(spec(), TENSORRT)
    make_engine(spec(), EngineSettings(engine="tensorrt", precision="fp16"))
    monkeypatch.setattr("torch.cuda.get_device_name", lambda *_: "NVIDIA Other")
    make_engine(spec(), TENSORRT)
    assert len(plans(tmp_path)) == len(library.compiled) == 6


@pytest.mark.usefixtures("library")
def test_a_cache_that_cannot_be_written_costs_time_not_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(Path, "write_bytes", full)
    with caplog.at_level(logging.WARNING, "stream3d"):
        assert make_engine(spec(), TENSORRT)(**batch(1))["mean"].shape == (1, 8)
    assert "disk full" in caplog.text
    assert not plans(tmp_path)


def test_a_failed_build_says_what_where_and_what_to_do(library: Library, tmp_path: Path) -> None:
    library.fails = "no converter for aten.fold"
    with pytest.raises(EngineError, match=r"tiny for batches of 1 in fp32.*no converter for aten.fold.*inductor"):
        make_engine(spec(), TENSORRT)
    assert not plans(tmp_path)


def test_a_net_that_runs_partly_outside_is_refused(library: Library, tmp_path: Path) -> None:
    library.partly = True
    with pytest.raises(EngineError, match=r"only in part.*aten.sin.default"):
        make_engine(spec(), TENSORRT)
    assert not plans(tmp_path)


@pytest.mark.parametrize("error", [0.01, float("nan")])
def test_a_new_engine_that_disagrees_with_torch_is_refused(library: Library, tmp_path: Path, error: float) -> None:
    library.error = error
    with pytest.raises(EngineError, match=r"off by.*refused"):
        make_engine(spec(), TENSORRT)
    assert not plans(tmp_path)


@pytest.mark.usefixtures("gpu")
def test_without_the_library_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch_tensorrt", None)
    with pytest.raises(DeviceError, match=r"torch-tensorrt cannot be imported.*belongs to torch 2"):
        make_engine(spec(), TENSORRT)


@pytest.mark.usefixtures("gpu")
def test_without_tensorrts_own_libraries_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "torch_tensorrt.py").write_text("raise Exception('no module named tensorrt')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "torch_tensorrt", raising=False)
    with pytest.raises(DeviceError, match="no module named tensorrt"):
        make_engine(spec(), TENSORRT)


@pytest.mark.usefixtures("library")
def test_without_a_gpu_or_with_too_old_a_one_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.get_device_capability", lambda *_: (6, 1))
    with pytest.raises(DeviceError, match=r"NVIDIA Test has compute capability 6.1, TensorRT needs 7.5"):
        make_engine(spec(), TENSORRT)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(DeviceError, match="needs an NVIDIA GPU"):
        make_engine(spec(), TENSORRT)
    with pytest.raises(DeviceError, match="not on --device cpu"):
        make_engine(spec(), EngineSettings(engine="tensorrt", device="cpu"))


def test_only_this_nets_companion_is_believed(tmp_path: Path) -> None:
    (tmp_path / "x.plan").write_bytes(b"stray")
    assert cache.load(tmp_path / "x.plan", {}) is None
