"""The parity report: what is near is told from what is not."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engines import build
from engines.build import compare, main, table
from stream3d.engine import Array, Engine, EngineSettings, NetSpec, TensorSpec, make_engine
from stream3d.nets.fake import fake_landmark_spec

OPENVINO = EngineSettings(engine="openvino")


class Shifted:
    """An engine whose every output is off by one."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.buckets = engine.buckets

    def __call__(self, **inputs: Array) -> dict[str, Array]:
        return {name: value + 1 for name, value in self._engine(**inputs).items()}

    def describe(self) -> dict[str, str]:
        return self._engine.describe()


def crops() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (3, 256, 256, 3), np.uint8)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAM3D_CACHE", str(tmp_path))


def spec() -> NetSpec:
    return replace(fake_landmark_spec(), buckets=(1, 2))


def test_an_engine_that_agrees_is_within_its_bound() -> None:
    report = compare(spec(), crops(), OPENVINO)
    assert {(row.output, row.bucket) for row in report} >= {("landmarks", 1), ("presence", 2)}
    assert all(row.within for row in report), table(report)


def test_an_engine_that_is_off_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def off(net: NetSpec, settings: EngineSettings) -> Engine:
        engine = make_engine(net, settings)
        return engine if settings.engine == "torch" else Shifted(engine)

    monkeypatch.setattr(build, "make_engine", off)
    monkeypatch.setattr(build, "nets_and_inputs", lambda: [(spec(), crops())])
    assert main(["--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert all(row["median"] == pytest.approx(1, abs=0.01) and not row["within"] for row in report)
    assert main([]) == 1
    assert "outside its bound" in capsys.readouterr().out


def test_inputs_are_named_in_the_table() -> None:
    assert TensorSpec(name="image", shape=(256, 256, 3), dtype="uint8") in spec().inputs
    assert "fake-landmark" in table(compare(spec(), crops(), OPENVINO))
