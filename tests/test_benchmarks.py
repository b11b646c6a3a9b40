"""The measuring itself: known CPU time, known memory, known ratios. No test here judges how fast anything is."""

from __future__ import annotations

import argparse
import itertools
import json
import socket
import subprocess
import sys
import time
from pathlib import Path

import av
import numpy as np
import pytest

from benchmarks import common, end_to_end, peer_env, peers, sides
from benchmarks.clips import find_clips
from benchmarks.lift_room import crowd
from benchmarks.lifting import Seen
from benchmarks.long_run import Sample, trend, watch
from benchmarks.loops import repeat
from benchmarks.measure import Measured, environment, measure
from benchmarks.plots import save_bars, save_lines
from benchmarks.ratios import Spread, pairwise, spread
from benchmarks.runners.steady import Steady
from stream3d.skeleton import COCO17
from stream3d.values import Tracks2D

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="processes are measured with os.wait4")

BURN = "import time\nwhile time.process_time() < {0}: pass\nprint('noise')\nprint('{{\"x\": 3}}')"


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_burnt_cpu_time_is_measured() -> None:
    done = measure(python(BURN.format(0.6)))
    assert 0.55 < done.cpu_s < 1.2
    assert done.wall_s >= 0.55
    assert done.last_json() == {"x": 3}


def test_sleep_costs_wall_time_and_no_cpu() -> None:
    done = measure(python("import time; time.sleep(0.4)"))
    assert done.wall_s >= 0.4
    assert done.cpu_s < 0.3


def test_cpu_time_of_children_counts() -> None:
    burn = BURN.format(0.5)
    done = measure(python(f"import subprocess, sys; subprocess.run([sys.executable, '-c', {burn!r}])"))
    assert done.cpu_s > 0.5


def test_peak_memory_is_seen_though_it_was_given_back() -> None:
    big = measure(python("x = b'1' * 600_000_000; del x"))
    assert big.peak_mb > 600


def test_failed_command_tells_what_it_said() -> None:
    with pytest.raises(RuntimeError, match=r"ended with 3:\n(.|\n)*so it is"):
        measure(python("import sys; print('so it is', file=sys.stderr); sys.exit(3)"))


def test_thread_settings_of_this_shell_do_not_reach_what_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    env = environment({"MORE": "1"})
    assert "OMP_NUM_THREADS" not in env
    assert env["MORE"] == "1"


@pytest.mark.parametrize("module", ["peers", "decode", "end_to_end", "startup"])
def test_measuring_process_stays_small(module: str) -> None:
    """A child's peak memory, as the system counts it, is at least that of its parent."""
    heavy = "{'numpy', 'matplotlib', 'torch', 'cv2', 'av', 'openvino'}"
    code = f"import sys, benchmarks.{module}; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run(python(code), cwd=common.ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_ratios_are_of_pairs() -> None:
    # medians of the sides say 2 / 4; the pairs say 1, 0.5, 0.25
    assert pairwise([4.0, 2.0, 1.0], [4.0, 4.0, 4.0]) == Spread(min=0.25, median=0.5, max=1.0)
    assert pairwise([1.0, 20.0], [2.0, 40.0]) == Spread(min=0.5, median=0.5, max=0.5)


@pytest.mark.parametrize(("ours", "theirs"), [([1.0], [1.0, 2.0]), ([], []), ([1.0], [0.0])])
def test_what_does_not_pair_up_is_refused(ours: list[float], theirs: list[float]) -> None:
    with pytest.raises(ValueError, match=r"pair up|no values|positive"):
        pairwise(ours, theirs)


def test_spread_as_json() -> None:
    assert spread([2.0, 1.0, 4.00001]).as_dict() == {"min": 1.0, "median": 2.0, "max": 4.0}


def test_runs_alternate(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []

    def fake(command: list[str]) -> Measured:
        order.append(command[0])
        said = {"frames": 100, "frames_with_people": 90, "cpu_ms_per_frame": 10.0, "wall_ms_per_frame": 20.0}
        return Measured(wall_s=3.0, cpu_s=1.5, peak_mb=100.0, output=json.dumps(said))

    monkeypatch.setattr(sides, "measure", fake)
    both = [sides.Side(name=n, command=lambda clip, n=n: [n, clip], read=sides.of_runner) for n in "ab"]
    figures = sides.alternately(both, "clip", 3)
    assert order == ["a", "b"] * 3
    run = figures["a"][2]
    assert run["start_cpu_s"] == pytest.approx(0.5)  # 1.5 s in all, 100 frames of 10 ms
    assert run["fps"] == pytest.approx(50.0)
    assert "mediapipe" not in figures


def test_steady_state_leaves_the_start_out() -> None:
    steady = Steady(warm_up=2)
    for step in (0.3, 0.0, 0.05, 0.05, 0.05):
        burn_until = time.process_time() + step
        while time.process_time() < burn_until:
            pass
        steady.tick(people=step < 0.1)
    said = steady.as_dict()
    assert said["frames"] == 5
    assert said["frames_with_people"] == 4
    assert said["measured_frames"] == 3
    assert 50 <= said["cpu_ms_per_frame"] < 100  # type: ignore[operator]
    assert said["first_person_cpu_s"] is not None


def test_too_few_frames_for_a_steady_state() -> None:
    steady = Steady(warm_up=2)
    steady.tick()
    with pytest.raises(SystemExit, match="1 frames are too few"):
        steady.as_dict()


def test_json_has_the_facts(tmp_path: Path) -> None:
    path = common.write_json("thing", {"clips": {"a.mp4": 1.5}}, tmp_path)
    said = json.loads(path.read_text())
    assert path.name == f"thing-{common.machine_name()}.json"
    assert said["benchmark"] == "thing"
    assert said["clips"] == {"a.mp4": 1.5}
    facts = said["machine"]
    assert facts["cpu"]
    assert facts["cores"] >= 1
    assert {"stream3d", "numpy", "openvino", "torch", "av"} <= set(facts["versions"])
    assert {"commit", "date", "python", "system", "load_1min", "memory_gb"} <= set(facts)
    text = path.read_text()
    assert str(Path.home()) not in text
    assert str(common.ROOT) not in text


@pytest.mark.parametrize(
    "private",
    ["/data/a.mp4", "~/a.mp4", "read /srv/clips/a.mp4", "C:\\clips\\a.mp4", f"on {socket.gethostname()}"],
)
def test_paths_and_hosts_are_kept_out_of_results(tmp_path: Path, private: str) -> None:
    with pytest.raises(ValueError, match="results must not"):
        common.write_json("thing", {"clips": [{"name": private}]}, tmp_path)
    with pytest.raises(ValueError, match="results must not"):
        common.write_json("thing", {private: 1}, tmp_path)
    assert not list(tmp_path.iterdir())


def test_harmless_texts_are_let_through() -> None:
    common.refuse_private({"stream3d / mediapipe": ["CPU ms/frame", "taiji.mp4", "mediapipe 0.10.21"]})


def test_machine_names_are_for_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(common, "cpu_model", lambda: "Intel(R) Core(TM) i7-9700 CPU @ 3.00GHz")
    assert common.machine_name().startswith("intel-core-i7-9700-")


def test_bench_summaries_are_joined_by_median() -> None:
    def said(value: float) -> dict[str, object]:
        stage = {"count": 3, "mean_ms": value, "p50_ms": value, "p95_ms": value, "p99_ms": value}
        return {"stages": {"lift": stage, "idle": {"count": 0}}}

    stages = end_to_end.stages_of([said(1.0), said(5.0), said(2.0)])
    assert stages == {"lift": dict.fromkeys(("mean_ms", "p50_ms", "p95_ms", "p99_ms"), 2.0)}


def peer_results() -> dict[str, object]:
    run = {
        "cpu_ms_per_frame": 10.0,
        "cpu_s": 5.0,
        "peak_mb": 300.0,
        "fps": 50.0,
        "start_cpu_s": 1.0,
        "frames_with_people": 9,
    }
    half = {key: value / 2 for key, value in run.items()}
    names = {peers.OURS: [half, half], "mediapipe": [run, run], peers.OUR_COMMAND: [half, half], "rtmlib": [half, run]}
    return {
        "peer_reader": "av",
        "floor_cpu_ms_per_frame": {"read by av": 2.0},
        "sides": {name: peers.summary(runs) for name, runs in names.items()},
        "ratios": peers.all_ratios(names, ["mediapipe", "rtmlib"]),
    }


def test_peer_report_tells_ratios_and_floor(tmp_path: Path) -> None:
    results = {"a.mp4": peer_results()}
    lines = [line.split() for line in peers.report(results).splitlines()]
    assert ["a.mp4", "stream3d", "/", "mediapipe", "cpu_ms_per_frame", "0.500", "0.500", "0.500"] in lines
    assert ["a.mp4", "stream3d", "run", "/", "rtmlib", "cpu_s", "0.500", "0.750", "1.000"] in lines
    assert ["a.mp4", "read", "by", "av", "2.000"] in lines
    peers.draw(tmp_path / "peers.png", results)
    assert (tmp_path / "peers.png").read_bytes().startswith(b"\x89PNG")


def test_runs_that_differ_do_not_overwrite_each_other() -> None:
    kinds = [{"precision": p, "rtmlib_keypoints": net} for p in ("fp32", "bf16") for net in (None, "a.onnx")]
    names = [peers.result_name(argparse.Namespace(**kind)) for kind in kinds]
    assert names == ["peers", "peers-rtmlib", "peers-bf16", "peers-bf16-rtmlib"]


def test_old_python_is_asked_for_where_ours_is_too_new(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 14, 0, "final", 0))
    monkeypatch.setattr(peer_env.shutil, "which", {"python3.11": "found"}.get)
    assert peer_env._python_for(peer_env.MEDIAPIPE) == "found"
    assert peer_env._python_for(peer_env.RTMLIB) == sys.executable
    monkeypatch.setattr(peer_env.shutil, "which", lambda _: None)
    with pytest.raises(RuntimeError, match="give --peer-python"):
        peer_env._python_for(peer_env.MEDIAPIPE)


def test_missing_clips_are_named(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"no nothing\.mp4"):
        find_clips(tmp_path, ["nothing.mp4"])


def test_pictures_with_gaps(tmp_path: Path) -> None:
    save_bars(tmp_path / "b.png", ["a", "b"], {"x": [1.0, None], "y": [2.0, 3.0]}, unit="ms", title="t")
    save_lines(tmp_path / "l.png", [0.0, 1.0], {"x": [1.0, 2.0]}, units=("min", "MB"), title="t")
    assert all((tmp_path / name).stat().st_size > 1000 for name in ("b.png", "l.png"))


def short_clip(path: Path, frames: int) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt, stream.max_b_frames = 64, 48, "yuv420p", 2
        for k in range(frames):
            picture = np.full((48, 64, 3), 20 * k, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_repeated_clip_has_every_frame_at_its_time(tmp_path: Path, suffix: str) -> None:
    clip, long = tmp_path / f"clip.{suffix}", tmp_path / "long.mkv"
    short_clip(clip, 8)
    assert repeat(str(clip), long, loops=3) == pytest.approx(3 * 0.8 / 60, rel=0.01)
    with av.open(str(long)) as container:
        times = [float(frame.pts * frame.time_base) for frame in container.decode(video=0) if frame.pts is not None]
    assert len(times) == 24
    assert np.allclose(np.diff(times), 0.1, atol=0.003)


def test_minutes_are_reached(tmp_path: Path) -> None:
    short_clip(tmp_path / "clip.mp4", 8)
    assert 0.1 <= repeat(str(tmp_path / "clip.mp4"), tmp_path / "long.mkv", minutes=0.1) < 0.1 + 0.9 / 60


def run_growing(mb_per_minute: float) -> list[Sample]:
    """Ten minutes: a steep start, then steady growth, then everything given back in the last seconds."""
    samples = [
        Sample(at_s=float(t), rss_mb=300 + mb_per_minute * t / 60 - (200 if t < 60 else 0), threads=5, handles=9)
        for t in range(600)
    ]
    return [*samples, Sample(at_s=600.0, rss_mb=10.0, threads=1, handles=3)]


@pytest.mark.parametrize("growth", [0.0, 7.5, -2.0])
def test_slope_of_memory(growth: float) -> None:
    figures = trend(run_growing(growth))
    assert figures["slope_mb_per_minute"] == pytest.approx(growth, abs=1e-3)
    assert figures["threads_last"] == 5
    assert figures["wall_minutes"] == 10


def test_too_short_a_run_has_no_slope() -> None:
    with pytest.raises(ValueError, match="make the run longer"):
        trend(run_growing(0.0)[:8])


def test_watched_process_is_sampled_with_its_children() -> None:
    child = "x = b'1' * 200_000_000; import time; time.sleep(1.5)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    samples = watch(python(parent), 0.05)
    assert max(sample.rss_mb for sample in samples) > 200
    assert all(a.at_s < b.at_s for a, b in itertools.pairwise(samples))


def test_watched_failure_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="ended with 4"):
        watch(python("import sys; sys.exit(4)"), 0.05)


def test_a_crowd_to_lift_is_one_person_many_times() -> None:
    def alone(index: int) -> Tracks2D:
        keypoints = np.full((1, 17, 3), index, np.float32)
        return Tracks2D(
            source_id="one",
            index=index,
            pts=index / 30,
            captured_at=0.0,
            keypoints=keypoints,
            layout=COCO17,
            person=np.array([7]),
        )

    seen = Seen(tracks=tuple(alone(index) for index in range(8)), size=(640, 480), fps=30.0)
    first, later = crowd(seen, 3, 0), crowd(seen, 3, 9)
    assert first.keypoints[:, 0, 0].tolist() == [0, 5, 4], "there and back"
    assert later.keypoints[:, 0, 0].tolist() == [5, 0, 5]
    assert later.person.tolist() == [1, 2, 3]
    assert (later.index, later.pts) == (9, 0.3)
