"""The weights that ship, held to what their card says, on people they never saw."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stream3d.nets.lifter import find_lifter
from stream3d.nets.lifter_torch import load_lifter
from train.evaluate import answers_to, evaluate
from train.evaluation.streams import CONDITIONS, Clip, clips_of
from train.mocap.archives import ASFAMC, HDM05
from train.mocap.takes import load_takes, split

CALIBRATED = ("all 17 joints", "BlazePose or COCO", "BlazePose or COCO, 10 px noise", "BlazePose or COCO, 10 % missing")


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where motion is cached."""
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="module")
def clips(data: Path, work: Path) -> list[Clip]:
    """CMU's subjects 01 to 03."""
    _, held_out = split(load_takes(data, work, ASFAMC))
    return clips_of(held_out)


@pytest.fixture(scope="module")
def elsewhere(data: Path, work: Path) -> list[Clip]:
    """HDM05's actors, every third take."""
    return clips_of([take for takes in load_takes(data, work, [HDM05]).values() for take in takes][::3])


@pytest.mark.data
@pytest.mark.slow
def test_the_bands_of_sigma_hold_what_they_promise(clips: list[Clip], elsewhere: list[Clip]) -> None:
    """68 % of joints within 1 sigma of the truth, 95 % within 1.96: of distances, good and bad input, both labs."""
    net, off = load_lifter(), []
    for condition in CONDITIONS:
        if condition.name in CALIBRATED:
            for answer in answers_to(net, [*clips[::2], *elsewhere[::2]], condition):
                distance = np.linalg.norm(answer.pose - answer.stream.truth, axis=-1)
                off.append((distance / answer.sigma)[:, 1:].ravel())
    ratio = np.concatenate(off)
    assert abs((ratio < 1).mean() - 0.68) < 0.05
    assert abs((ratio < 1.96).mean() - 0.95) < 0.03


@pytest.mark.data
@pytest.mark.slow
def test_the_default_lifter_is_as_good_as_its_card_says(clips: list[Clip], elsewhere: list[Clip]) -> None:
    found = evaluate(load_lifter(), clips, CONDITIONS[0])
    assert found["mpjpe"] < 60
    assert found["pa_mpjpe"] < 45
    assert evaluate(load_lifter(), elsewhere, CONDITIONS[0])["mpjpe"] < 71
    assert found["asymmetry"] < 0.1
    assert found["inconstancy"] < 3
    assert found["beyond_limits"] < 0.1


@pytest.mark.data
@pytest.mark.slow
def test_looking_ahead_makes_better_and_steadier(clips: list[Clip]) -> None:
    noisy, few = CONDITIONS[5], clips[::4]
    causal = evaluate(load_lifter(), few, noisy)
    for frames in (1, 2, 4, 8):
        found = evaluate(load_lifter(find_lifter(lookahead=frames)), few, noisy)
        assert found["mpjpe"] < causal["mpjpe"]
        assert found["acceleration"] < causal["acceleration"]
