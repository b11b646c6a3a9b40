"""``auto``: the best engine that works, and a word about those that do not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from stream3d.engine import EngineSettings, NetSpec, choice, make_engine
from stream3d.engine.choice import best_engine
from stream3d.engine.protocol import Array
from stream3d.errors import DeviceError, EngineError
from stream3d.nets.spec import OnnxSpec, Pixels
from tests.test_engine import spec


class Named:
    """An engine that only says what it is."""

    buckets = (1,)

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, **inputs: Array) -> Mapping[str, Array]:
        return {"out": np.array([len(inputs)])}

    def describe(self) -> dict[str, str]:
        return {"runtime": self.name}


def best(monkeypatch: pytest.MonkeyPatch, *, installed: bool, works: set[str], device: str = "cuda") -> dict[str, str]:
    def maker(name: str) -> object:
        def make(_net: NetSpec, _settings: EngineSettings, where: str) -> Named:
            if name not in works:
                raise EngineError(f"{name} is broken")
            return Named(f"{name} on {where}")

        return make

    for name in ("tensorrt", "inductor", "openvino", "torch"):
        monkeypatch.setattr(choice, f"_{name}", maker(name))
    monkeypatch.setattr(choice, "find_spec", lambda _: object() if installed else None)
    engine = best_engine(spec(), EngineSettings(), device)
    assert engine.buckets == (1,)
    assert engine(a=np.zeros(1), b=np.zeros(1))["out"] == [2]
    return engine.describe()


EVERY = {"tensorrt", "inductor", "openvino", "torch"}


def test_a_gpu_gets_tensorrt(monkeypatch: pytest.MonkeyPatch) -> None:
    assert best(monkeypatch, installed=True, works=EVERY) == {"runtime": "tensorrt on cuda"}


def test_without_tensorrt_inductor_serves_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    said = best(monkeypatch, installed=False, works=EVERY)
    assert said == {"runtime": "inductor on cuda", "fell back": "tensorrt: torch-tensorrt is not installed"}


def test_what_fails_is_said(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    said = best(monkeypatch, installed=True, works={"torch"})
    reasons = "tensorrt: tensorrt is broken; inductor: inductor is broken"
    assert said == {"runtime": "torch on cuda", "fell back": reasons}
    assert "tensorrt cannot serve tiny" in caplog.text


def test_a_cpu_gets_openvino_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    assert best(monkeypatch, installed=True, works=EVERY, device="cpu") == {"runtime": "openvino on cpu"}
    with pytest.raises(EngineError, match="openvino is broken"):
        best(monkeypatch, installed=True, works={"torch"}, device="cpu")


@pytest.mark.parametrize("engine", ["torch", "tensorrt", "inductor"])
def test_a_net_of_ones_own_runs_on_openvino_only(onnx_spec: OnnxSpec, engine: str) -> None:
    with pytest.raises(DeviceError, match=f"not with --engine {engine}"):
        make_engine(onnx_spec, EngineSettings(engine=engine))  # type: ignore[arg-type]


@pytest.fixture
def onnx_spec() -> OnnxSpec:
    net = spec()
    return OnnxSpec(
        name="own", weights_hash="0", path=Path("own.onnx"), inputs=net.inputs, outputs=net.outputs, pixels=Pixels()
    )
