"""The figures of soaks, on results made up so that the answer is known; and one soak of a few seconds."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path

import numpy as np
import pytest

from benchmarks import soak
from benchmarks.cuts import Cutter
from benchmarks.live_log import (
    Cut,
    Shown,
    backwards,
    fairness,
    gaps,
    in_windows,
    outside,
    percentiles,
    rate,
    read_log,
    recoveries,
    slope,
)
from benchmarks.soak_figures import Soak, held, judge
from benchmarks.tree import Holding, cpu_s, holding
from tests.live_servers import NEEDS_FFMPEG, NEEDS_RTSP, SAMPLE, camera_clip, has_ffmpeg, has_rtsp, number_of


def shown(at: float, *, source: int = 0, latency_s: float = 0.05, ids: tuple[int, ...] = (1,)) -> Shown:
    return Shown(source=source, at=at, latency_s=latency_s, pts=at, ids=ids)


# Ten pictures a second for 60 s; nothing between 20 and 21.5 s (frozen), nor 40 and 49 s (killed), and then another id.
RESULTS = [shown(t) for t in np.arange(0, 20, 0.1)]
RESULTS += [shown(t, latency_s=0.2) for t in np.arange(21.5, 40, 0.1)]
RESULTS += [shown(t, ids=(2,)) for t in np.arange(49, 60, 0.1)]
CUTS = [Cut(source=0, kind="frozen", began=20.0, back=21.0), Cut(source=0, kind="killed", began=40.0, back=46.0)]


def test_the_time_from_a_streams_return_to_skeletons() -> None:
    assert recoveries(RESULTS, CUTS) == pytest.approx([0.5, 3.0])
    never = Cut(source=0, kind="silent", began=59.95, back=60.0)
    assert recoveries(RESULTS, [*CUTS, never])[2] is None
    assert recoveries([shown(22.0, ids=())], CUTS[:1]) == [None]
    assert recoveries([shown(21.02)], CUTS[:1]) == [None]  # it was captured before


def test_ids_over_gaps() -> None:
    (short, kept), (long, ended) = gaps(RESULTS, CUTS)
    assert (round(short, 2), kept) == (1.45, True)
    assert (round(long, 2), ended) == (9.25, False)


def test_what_lies_outside_the_cuts() -> None:
    other = shown(20.5, source=1)
    kept = outside([*RESULTS, other], CUTS)
    assert {one.latency_s for one in kept if 20 < one.at < 26 and one.source == 0} == set()
    assert other in kept
    assert other not in outside([*RESULTS, other], CUTS, any_source=True)
    assert percentiles(outside(RESULTS, CUTS))["p50_ms"] == 50.0
    assert percentiles([])["p99_ms"] is None


def test_time_that_does_not_go_on_is_counted() -> None:
    assert backwards(RESULTS) == 0
    assert backwards([shown(1.0), shown(1.0), shown(0.9), shown(0.5, source=1), shown(2.0)]) == 2


def test_rates_and_windows() -> None:
    assert rate(RESULTS[:200], 0) == pytest.approx(10)
    assert rate(RESULTS, 1) == 0.0
    assert fairness([0.0, 0.0]) == 0.0
    assert [at for at, _, _ in in_windows(RESULTS, 0.0, 30.0)] == [15.0, 45.0]


def test_the_slope_heeds_no_peaks_and_its_interval_holds_the_truth() -> None:
    rng = np.random.default_rng(0)
    x = np.arange(2000) / 1000
    y = 3 * x + rng.normal(0, 0.1, 2000)
    y[500:600] += 50
    middle, low, high = slope(x.tolist(), y.tolist())
    assert low < 3 < high
    assert middle == pytest.approx(3, abs=0.1)


def test_a_log_that_was_cut_off(tmp_path: Path) -> None:
    line = {"source": 0, "at": 1.0, "latency_s": 0.1, "pts": 0.5, "ids": [4], "number": 7}
    whole = [json.dumps({"event": "started", "at": 0.5}), json.dumps(line)]
    (tmp_path / "log").write_text("\n".join([*whole, json.dumps(line)[:20]]))
    results, said = read_log(tmp_path / "log")
    assert results == [Shown(source=0, at=1.0, latency_s=0.1, pts=0.5, ids=(4,), number=7)]
    assert said == [{"event": "started", "at": 0.5}]


class Server:
    """Remembers what was done to it."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def kill(self) -> None:
        self.done.append("kill")

    def start(self) -> None:
        self.done.append("start")

    def freeze(self) -> None:
        self.done.append("freeze")

    def thaw(self) -> None:
        self.done.append("thaw")

    def set(self, name: str, *, silent: int) -> None:
        self.done.append(f"{name} {silent}")


def cutter(server: Server) -> Cutter:
    chance = random.Random(1)  # noqa: S311 - chance, not secrecy
    return Cutter(source=0, server=server, mount="m", every_s=(0.0, 0.01), for_s=(0.0, 0.01), random=chance)


def test_whatever_is_cut_comes_back() -> None:
    server = Server()
    cuts = cutter(server)
    cuts.begin()
    deadline = time.monotonic() + 20
    while {cut.kind for cut in cuts.cuts} < {"killed", "frozen", "silent"}:
        cuts.tick()
        assert time.monotonic() < deadline
    cuts.restore()
    assert set(zip(server.done[::2], server.done[1::2], strict=True)) == {
        ("kill", "start"),
        ("freeze", "thaw"),
        ("m 1", "m 0"),
    }
    assert all(cut.began <= cut.back for cut in cuts.cuts)


def samples(growth_mb_per_hour: float) -> list[Holding]:
    every = np.arange(0.0, 60.0, 0.5)
    return [
        Holding(
            at=float(at),
            rss_mb=300 + growth_mb_per_hour * float(at) / 3600,
            private_mb=200 + 2 * growth_mb_per_hour * float(at) / 3600,
            handles=20 + (5 if 30 < at < 35 else 0),
            threads=10,
            children=1,
            children_rss_mb=50.0,
        )
        for at in every
    ]


def test_a_soak_is_judged() -> None:
    cuts = cutter(Server())
    cuts.cuts = CUTS
    viewer = [{"event": "viewer", "pid": 5, "at": 58.0}, {"event": "viewer", "sent": 3, "at": 59.0}]
    said = [*viewer, {"event": "end", "live": {"reconnects": 2}}, {"event": "over", "left_out_of_slow": 9}]
    answer = judge(
        Soak(began=0.0, samples=samples(7.0), cutters=[cuts], exit_code=0), RESULTS, said, "Traceback (most recent"
    )
    assert answer["slope_mb_per_hour"] == pytest.approx(7, abs=0.01)
    assert answer["private_slope_mb_per_hour"] == pytest.approx(14, abs=0.01)
    assert answer["handles_first_last_most"] == [20, 20, 25]
    assert (answer["cuts"], answer["cuts_not_recovered"]) == ({"frozen": 1, "killed": 1}, 0)
    assert answer["recovery_s_min_median_max"]["all"] == [0.5, 1.75, 3.0]
    assert (answer["gaps_to_2_s"], answer["ids_kept_over_these"]) == (1, 1)
    assert (answer["gaps_over_6_s"], answer["ids_kept_over_those"]) == (1, 0)
    assert (answer["exceptions"], answer["backward_times"], answer["exit_code"]) == (1, 0, 0)
    assert (answer["viewer_visits"], answer["left_out_of_slow_output"], answer["reconnects"]) == (1, 9, [2])


def test_a_soak_too_short_to_judge() -> None:
    with pytest.raises(ValueError, match="make the run longer"):
        held(Soak(began=0.0, samples=samples(0.0)[:3]), [])


def test_what_a_process_holds() -> None:
    import os

    now = holding(os.getpid())
    assert now is not None
    assert now.rss_mb > 10
    assert 1 < now.private_mb <= now.rss_mb
    assert now.threads >= 1
    assert cpu_s(os.getpid()) > 0
    assert holding(2**22 + 1) is None


@pytest.mark.slow
def test_numbers_in_pictures_survive_their_coding(tmp_path: Path) -> None:
    if not has_ffmpeg():
        pytest.skip(NEEDS_FFMPEG)
    from stream3d.source import open_source

    clip = camera_clip(SAMPLE, tmp_path / "n.mkv", size=(320, 180), seconds=2.0, there_and_back=True, numbered=True)
    with open_source(clip) as source:
        assert source.info.width == 320
        numbers = [number_of(frame.planes.y) for frame in source if frame.planes is not None]
    assert numbers == list(range(len(numbers)))
    assert len(numbers) > 100


@pytest.mark.slow
@pytest.mark.usefixtures("weights")
def test_a_soak_of_a_few_seconds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if not (has_ffmpeg() and has_rtsp()):
        pytest.skip(NEEDS_RTSP)
    cuts = ["--cut-every", "3", "4", "--cut-for", "0.2", "0.5"]
    size = ["--clips", "sample", "--fps", "10", "--height", "240", "--every", "0.3", "--viewer-every", "0"]
    soak.main(["--minutes", "0.15", *cuts, *size, "--out", str(tmp_path)])
    assert "slope_mb_per_hour" in capsys.readouterr().out
    (written,) = tmp_path.glob("soak-*.json")
    answer = json.loads(written.read_text())
    assert answer["results"] > 10
    assert (answer["backward_times"], answer["exceptions"], answer["exit_code"]) == (0, 0, 0)
    assert sum(answer["cuts"].values()) >= 1
    assert written.with_suffix(".png").stat().st_size > 5000
