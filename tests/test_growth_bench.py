"""The benchmark of growth: its clips, its shares and its verdicts."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import growth
from benchmarks.growth_clips import crowd, scaled
from stream3d.source import open_source


@pytest.mark.parametrize("height", [480, 1080])
def test_scaled_clips_have_the_height(tmp_path: Path, height: int) -> None:
    with open_source(scaled(tmp_path / "clip.mp4", height, 3)) as source:
        frames = list(source)
    assert len(frames) == 3
    assert frames[0].size == (height * 16 // 9 // 2 * 2, height)
    assert frames[0].planes is not None


def test_crowds_are_written_as_video(tmp_path: Path) -> None:
    few, many = (crowd(tmp_path / f"{people}.mp4", people, 2) for people in (1, 16))
    with open_source(few) as one, open_source(many) as other:
        assert (next(iter(one)).image != next(iter(other)).image).mean() > 0.1


def figures(cpu_ms: float, rest_percent: float) -> growth.Figures:
    return {**dict.fromkeys(growth._KEYS, 1.0), "cpu_ms": cpu_ms, "rest_percent": rest_percent}


def test_shares_add_up() -> None:
    found = growth.shares(1.0, {"decoder": 0.2, "nets": 0.7}, [0.1] * 10, [1] * 10)
    assert found["cpu_ms"] == pytest.approx(100)
    assert found["decoder_ms"] + found["nets_ms"] + found["rest_ms"] == pytest.approx(found["cpu_ms"])
    assert found["rest_percent"] == pytest.approx(10)


def test_what_is_asked_is_judged_and_told() -> None:
    found = {
        "people": {"1": figures(10, 9), "4": figures(31, 9)},
        "height": {"720": figures(10, 14.9), "1080": figures(10, 20.1)},
        "streams": {"1": figures(10, 9)},
    }
    assert [of["met"] for of in growth.bars(found).values()] == [False, True, False]
    assert growth.report(found).count("missed") == 2
