"""Nets in int8: calibrated ahead of time, used when they are there, thrown away when they move joints too far."""

from __future__ import annotations

import logging
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import openvino as ov
import pytest

from engines import int8, parity
from engines.int8 import INT8, calibrate, last_heavy, main
from engines.parity import Moved
from stream3d.engine import EngineSettings, make_engine
from stream3d.engine.openvino_engine import convert
from stream3d.engine.openvino_int8 import calibrated_path
from stream3d.errors import EngineError
from stream3d.nets.lifter import lifter_spec
from tests.test_typed import deep_spec, pictures


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAM3D_CACHE", str(tmp_path))


def travelled(within: bool) -> list[Moved]:
    said = {"frames": 9, "lost": 0.0, "median_px": 3.25, "p95_px": 9.0, "median_mm": 9.0, "p95_mm": 9.0}
    return [
        Moved(engine="openvino", precision="int8", error_mm=70.0, reference_error_mm=69.0, within=within, **said)  # type: ignore[arg-type]
    ]


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The place of the small net's engine, whose calibration is to be tried; the sample is not run."""
    monkeypatch.setattr(int8, "nets_and_pictures", lambda _: [(deep_spec(), pictures(12).numpy())])
    return calibrated_path(deep_spec())


@pytest.mark.slow
def test_a_calibrated_net_is_near_and_is_found_again(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("nncf")
    monkeypatch.setattr(parity, "travelled", lambda _: travelled(True))
    assert main([]) == 0
    assert written.is_file()
    engine = make_engine(deep_spec(), INT8)
    assert engine.describe()["precision"] == "int8"
    assert "fell back" not in engine.describe()
    image = pictures(3).numpy()
    want = make_engine(deep_spec(), EngineSettings(engine="torch", device="cpu"))(image=image)["flat"]
    error = np.abs(engine(image=image)["flat"] - want)
    assert 0 < np.median(error) < 0.05
    kinds = {node.get_type_name() for node in ov.Core().read_model(written).get_ordered_ops()}
    assert "FakeQuantize" in kinds


@pytest.mark.slow
def test_what_moves_joints_too_far_is_thrown_away_and_said(
    written: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("nncf")
    monkeypatch.setattr(parity, "travelled", lambda _: travelled(False))
    assert main([]) == 1
    assert not list(written.parent.iterdir())
    out = capsys.readouterr().out
    assert "3.250" in out
    assert "int8 is refused" in out


def test_without_nncf_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nncf", None)
    with pytest.raises(EngineError, match=r"pip install 'stream3d\[int8\]'"):
        calibrate(deep_spec(), pictures(2).numpy())


def test_the_last_layers_keep_their_precision() -> None:
    model = convert(deep_spec())
    names = [n.get_friendly_name() for n in model.get_ordered_ops() if n.get_type_name() == "Convolution"]
    assert len(names) == 3
    assert last_heavy(model) == names[-1:]


def test_what_was_not_calibrated_runs_in_fp32_and_says_so() -> None:
    said = make_engine(replace(deep_spec(), buckets=(1,)), INT8).describe()
    assert said["precision"] == "f32"
    assert "not calibrated here" in said["fell back"]
    lifter = replace(lifter_spec(), buckets=(1,))
    assert make_engine(lifter, INT8).describe()["fell back"] == "int8: a net of numbers stays fp32"


def test_a_damaged_int8_engine_is_not_used(caplog: pytest.LogCaptureFixture) -> None:
    path = calibrated_path(deep_spec())
    path.parent.mkdir(parents=True)
    path.write_text("<net>")
    path.with_suffix(".bin").write_bytes(b"")
    with caplog.at_level(logging.WARNING, "stream3d"):
        assert "fell back" in make_engine(deep_spec(), INT8).describe()
    assert "calibrate again" in caplog.text


def test_another_net_or_version_has_another_place(monkeypatch: pytest.MonkeyPatch) -> None:
    place = calibrated_path(deep_spec())
    assert calibrated_path(replace(deep_spec(), weights_hash="1")) != place
    monkeypatch.setattr(ov, "__version__", "2027.0.0")
    assert calibrated_path(deep_spec()) != place


@pytest.mark.parametrize("engine", ["torch", "inductor", "tensorrt"])
def test_other_engines_have_no_int8(engine: str) -> None:
    with pytest.raises(EngineError, match="OpenVINO on the CPU only"):
        make_engine(deep_spec(), EngineSettings(engine=engine, precision="int8"))  # type: ignore[arg-type]
