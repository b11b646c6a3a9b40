"""Inductor on the CPU, where a C++ compiler is; its CUDA graphs need a GPU."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from stream3d.engine import EngineSettings, make_engine
from stream3d.errors import DeviceError, EngineError
from tests.test_engine import batch, spec
from tests.test_typed import deep_spec, pictures

INDUCTOR = EngineSettings(engine="inductor", device="cpu")
needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="inductor needs a C++ compiler")


@pytest.mark.slow
@needs_compiler
def test_inductor_equals_torch_for_every_batch() -> None:
    engine = make_engine(spec(), INDUCTOR)
    assert engine.buckets == (1, 4)
    for count in (0, 1, 3, 4, 9):
        inputs = batch(count)
        want = make_engine(spec(), EngineSettings(engine="torch", device="cpu"))(**inputs)
        got = engine(**inputs)
        for name in ("mean", "all"):
            assert got[name].shape == want[name].shape
            np.testing.assert_allclose(got[name], want[name], atol=1e-5)
    first = engine(**batch(1))["all"]
    kept = first.copy()
    engine(**batch(4))
    np.testing.assert_array_equal(first, kept)
    with pytest.raises(EngineError, match="image"):
        engine(picture=np.zeros(1))
    assert engine.describe()["runtime"].startswith("inductor of torch 2")
    assert engine.describe()["precision"] == "fp32"


@pytest.mark.slow
@needs_compiler
def test_narrow_arithmetic_is_near_and_not_the_same() -> None:
    image = pictures(3).numpy()
    want = make_engine(deep_spec(), EngineSettings(engine="torch", device="cpu"))(image=image)
    got = make_engine(deep_spec(), EngineSettings(engine="inductor", device="cpu", precision="bf16"))(image=image)
    assert 0 < np.abs(got["flat"] - want["flat"]).max() < 0.04


def test_without_a_compiler_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(EngineError, match=r"no no-such-compiler here.*--engine openvino"):
        make_engine(spec(), INDUCTOR)


@needs_compiler
def test_what_cannot_be_compiled_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> object:
        raise RuntimeError("out of registers")

    monkeypatch.setattr("torch.compile", fails)
    with pytest.raises(EngineError, match=r"tiny for batches of 1 on cpu: out of registers"):
        make_engine(spec(), INDUCTOR)


def test_a_gpu_that_is_not_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(DeviceError, match="cuda"):
        make_engine(spec(), EngineSettings(engine="inductor", device="cuda"))
