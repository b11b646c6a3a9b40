"""Sigma set by people the net was not trained on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open

from stream3d.nets.lifter_torch import Lifter, LifterShape, load_lifter, save_lifter
from tests.walker import walker
from train import calibrate
from train.evaluation.streams import CONDITIONS, Answer, Stream, clips_of, lifted, observed
from train.mocap.takes import Take

SMALL = LifterShape(channels=16, width=32, blocks=1)


def answers(sigma: float, error: float, frames: int = 4000) -> list[Answer]:
    """A lifter whose every joint is off by normal deviates of ``error`` metres along the depth."""
    truth = walker(1)[:, :17].repeat(frames, 0).astype(np.float32)
    off = error * np.random.default_rng(0).standard_normal((frames, 17, 1)) * [0, 0, 1]
    stream = Stream(
        rays=truth[..., :2], confidence=np.ones((frames, 17), np.float32), layout=None, truth=truth, scale=1.0
    )  # type: ignore[arg-type]
    return [
        Answer(pose=(truth + off).astype(np.float32), sigma=np.full((frames, 17), sigma, np.float32), stream=stream)
    ]


@pytest.mark.parametrize(("sigma", "error"), [(0.1, 0.05), (0.02, 0.08), (0.05, 0.05)])
def test_a_factor_makes_sigma_the_error(sigma: float, error: float) -> None:
    factors = calibrate.factors(answers(sigma, error))
    np.testing.assert_allclose(factors[1:] * sigma, error, rtol=0.05)
    assert factors[0] == 1


def test_widening_touches_sigma_alone() -> None:
    torch.manual_seed(0)
    net = Lifter(SMALL).eval()
    features = torch.randn(3, 27, 55)
    with torch.no_grad():
        net.head.weight *= 0.1  # away from the bounds of sigma
        before, log_sigma = net(features)
        calibrate.widened(net, np.linspace(0.4, 0.9, 17))
        after, wider = net(features)
    torch.testing.assert_close(after, before)
    torch.testing.assert_close(wider, log_sigma + torch.linspace(0.4, 0.9, 17).log(), atol=1e-4, rtol=1e-4)


def test_a_calibrated_net_covers_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(1)
    save_lifter(Lifter(SMALL), tmp_path / "a.safetensors", {"name": "kept"})
    takes = {
        "cmu_asfamc_maxxgx": [Take(points=walker(240, phase=k), fps=60.0, subject="09", trial=str(k)) for k in range(3)]
    }
    monkeypatch.setattr(calibrate, "load_takes", lambda *_: takes)
    assert calibrate.calibrate_file(tmp_path / "a.safetensors", tmp_path, tmp_path)
    with safe_open(tmp_path / "a.safetensors", framework="pt") as file:
        assert file.metadata()["name"] == "kept"
    net = load_lifter(tmp_path / "a.safetensors")
    stream = observed(clips_of(takes["cmu_asfamc_maxxgx"])[1], CONDITIONS[0], np.random.default_rng(0))
    answer = lifted(net, stream)
    distance = np.linalg.norm(answer.pose - stream.truth, axis=-1)[:, 1:]
    assert 0.5 < (distance < answer.sigma[:, 1:]).mean() < 0.85


def test_without_validation_subjects_nothing_is_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_lifter(Lifter(SMALL), tmp_path / "a.safetensors", {})
    before = (tmp_path / "a.safetensors").read_bytes()
    monkeypatch.setattr(calibrate, "load_takes", lambda *_: {})
    assert not calibrate.calibrate_file(tmp_path / "a.safetensors", tmp_path, tmp_path)
    assert (tmp_path / "a.safetensors").read_bytes() == before
    with pytest.raises(SystemExit, match="none of the validation subjects"):
        calibrate.main([str(tmp_path / "a.safetensors"), "--data", str(tmp_path)])
