"""The command line as its users meet it: whole processes, their words and their exit codes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from stream3d.cli.main import main
from stream3d.trackfile import load_tracks
from tests.fakes import white_people, write_video

ENVIRONMENT = {**os.environ, "PYTHONUNBUFFERED": "1", "TQDM_MININTERVAL": "0"}


def stream3d(*words: object, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "stream3d", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=150,
        cwd=cwd,
        env={**ENVIRONMENT, **environment},
        check=False,
    )


def complaint(done: subprocess.CompletedProcess[str], code: int) -> str:
    """The one line that a failed command leaves; nothing that looks like a traceback."""
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("stream3d: error: ")]
    assert len(lines) == 1, done.stderr
    return lines[0]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A valid clip with nobody in it."""
    return write_video(tmp_path_factory.mktemp("clip") / "clip.mp4", [white_people(320, 240)] * 10)


def bad_sources(folder: Path, clip: Path) -> dict[str, tuple[str, str]]:
    """name → (what is given as the source, what the line must say)."""
    (folder / "empty.mp4").write_bytes(b"")
    (folder / "text.mp4").write_text("this is no video\n" * 100)
    (folder / "playlist.m3u8").write_text(
        "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:9,\n/etc/passwd\n#EXT-X-ENDLIST\n"
    )
    (folder / "playlist.mp4").write_text((folder / "playlist.m3u8").read_text())
    (folder / "headless.mp4").write_bytes(clip.read_bytes()[200:])
    (folder / "nothing").mkdir()
    (folder / "notes").mkdir()
    (folder / "notes" / "a.txt").write_text("no image")
    names = (
        "missing.mp4",
        "empty.mp4",
        "text.mp4",
        "playlist.m3u8",
        "playlist.mp4",
        "headless.mp4",
        "nothing",
        "notes",
    )
    return {**{name: (str(folder / name), name) for name in names}, "glob": (str(folder / "*.jpeg"), "jpeg")}


def test_bad_sources_cost_one_line_and_exit_1(
    tmp_path: Path, clip: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, (source, said) in bad_sources(tmp_path, clip).items():
        assert main(["run", source, "--save", "out.npz", "--quiet"]) == 1, name
        error = capsys.readouterr().err
        assert error.startswith("stream3d: error: "), name
        assert error.count("\n") == 1, error
        assert said in error
        assert not Path("out.npz").exists()


def test_a_bad_source_as_a_process(tmp_path: Path) -> None:
    assert "missing.mp4" in complaint(stream3d("run", tmp_path / "missing.mp4"), 1)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run", "CLIP", "--save", "out.xyz"), r"out.xyz"),
        (("run", "CLIP", "--save", "none/out.npz"), "none"),
        (("run", "CLIP", "--fov", "500"), "500"),
        (("run", "CLIP", "--height", "17"), "17"),
        (("run", "CLIP", "--camera", "none.yml"), "none.yml"),
        (("run", "CLIP", "--camera", "c.yml", "--fov", "50"), "not both"),
        (("run", "CLIP", "--config", "none.toml"), "none.toml"),
        (("run", "CLIP", "--start", "5", "--end", "3"), "3"),
        (("run", "CLIP", "--device", "cuda", "--engine", "openvino"), "openvino"),
        (("lift", "none.npz", "--save", "out.npz"), "none.npz"),
        (("lift", "none.npz", "--save", "out.npz", "--size", "wide"), "wide"),
        (("view", "none.npz"), "none.npz|DISPLAY|open3d"),
        (("export", "none.npz", "--save", "out.csv"), "none.npz"),
        (("models", "import", "none.whl"), "none.whl"),
    ],
)
def test_wrong_words_are_named(
    words: Sequence[str],
    said: str,
    clip: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    code = main([str(clip) if word == "CLIP" else word for word in words])
    error = capsys.readouterr().err
    assert code in (1, 2)
    assert error.startswith("stream3d: error: ")
    assert error.count("\n") == 1
    assert any(part in error for part in said.split("|")), error


def test_unknown_config_keys_are_refused(clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "stream3d.toml"
    config.write_text("[lift]\nhight_m = 1.8\n")
    assert main(["run", str(clip), "--config", str(config)]) == 2
    assert "hight_m" in capsys.readouterr().err


@pytest.mark.parametrize("words", [(), ("fly",), ("run",), ("run", "x", "--engine", "onnx"), ("lift", "x.npz")])
def test_usage_is_exit_2(words: Sequence[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(list(words))
    assert left.value.code == 2
    assert "usage: stream3d" in capsys.readouterr().err


def test_view_without_a_display_is_one_line(clip: Path, tmp_path: Path) -> None:
    done = stream3d("run", clip, "--view", cwd=tmp_path, DISPLAY="", WAYLAND_DISPLAY="")
    assert "DISPLAY" in complaint(done, 1)


def test_doctor_tells_what_is_here(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["packages"]["openvino"].startswith("20")
    assert "h264" in found["video"]["decoders"]
    assert main(["doctor"]) == 0
    assert "engine that auto takes" in capsys.readouterr().out


def test_models_lists_states(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STREAM3D_CACHE", str(tmp_path))
    assert main(["models"]) == 0
    assert capsys.readouterr().out.count("missing") == 2


def test_offline_without_weights_is_one_line(clip: Path, tmp_path: Path) -> None:
    done = stream3d("run", clip, cwd=tmp_path, STREAM3D_CACHE=str(tmp_path), STREAM3D_OFFLINE="1")
    assert "stream3d models" in complaint(done, 1)
    assert not (tmp_path / "clip.npz").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("weights")
class TestWholeRuns:
    """The real nets on real files."""

    def test_the_sample_becomes_tracks_and_a_video(self, tmp_path: Path) -> None:
        done = stream3d("run", "sample", "--json", "--end", "3", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        summary = json.loads(done.stdout)
        assert summary["outputs"] == ["sample.npz", "sample.mp4"]
        assert summary["people"] == 1
        assert summary["frames"] == 90
        assert len(load_tracks(tmp_path / "sample.npz")) >= 0.95 * 90 - 5
        assert (tmp_path / "sample.mp4").stat().st_size > 10_000

    def test_nobody_in_a_clip_is_an_empty_file(self, clip: Path, tmp_path: Path) -> None:
        done = stream3d("run", clip, "--save", "out.npz", "--json", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["people"] == 0
        assert len(load_tracks(tmp_path / "out.npz")) == 0

    def test_one_pixel_is_a_video_too(self, tmp_path: Path) -> None:
        import cv2

        cv2.imwrite(str(tmp_path / "dot.png"), np.zeros((1, 1, 3), np.uint8))
        done = stream3d("run", "dot.png", "--save", "out.npz", cwd=tmp_path)
        assert done.returncode == 0, done.stderr

    @pytest.fixture
    def interruptible(self) -> Iterator[None]:
        """A child can be interrupted even where whatever runs the tests ignores that, as background jobs do."""
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        yield
        signal.signal(signal.SIGINT, before)

    @pytest.mark.usefixtures("interruptible")
    @pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
    def test_an_orderly_end_saves_everything(self, tmp_path: Path, end: signal.Signals) -> None:
        running = self.start(tmp_path, "--save", "out.npz", "--save", "out.mp4")
        running.send_signal(end)
        _, error = running.communicate(timeout=60)
        assert running.returncode == {signal.SIGINT: 130, signal.SIGTERM: 143}[end], error
        assert "Traceback" not in error
        tracks = load_tracks(tmp_path / "out.npz")
        assert len(tracks) > 0
        assert tracks.meta["interrupted"] is True
        assert not list(tmp_path.glob("*.journal*"))

    def test_kill_9_loses_at_most_the_last_second(self, tmp_path: Path) -> None:
        running = self.start(tmp_path, "--save", "out.npz")
        time.sleep(1.5)
        seen = len(load_tracks(tmp_path / "out.npz"))
        time.sleep(1.0)
        running.kill()
        running.communicate(timeout=60)
        assert not (tmp_path / "out.npz").exists()
        tracks = load_tracks(tmp_path / "out.npz")
        assert len(tracks) >= seen > 0
        assert main(["export", str(tmp_path / "out.npz.journal"), "--save", str(tmp_path / "saved.csv")]) == 0
        assert (tmp_path / "saved.csv").stat().st_size > 1000

    def test_a_full_disk_keeps_what_fitted(self, tmp_path: Path) -> None:
        """The largest file that the process may write stands for the disk."""
        import resource

        def limit() -> None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))

        done = subprocess.run(
            [sys.executable, "-m", "stream3d", "run", "sample", "--save", "out.csv", "--quiet"],
            capture_output=True,
            text=True,
            timeout=150,
            cwd=tmp_path,
            preexec_fn=limit,
            env=ENVIRONMENT,
            check=False,
        )
        assert "out.csv" in complaint(done, 1)
        lines = (tmp_path / "out.csv").read_text().splitlines()
        assert len(lines) > 10
        assert all(line.count(",") == lines[0].count(",") for line in lines)

    @staticmethod
    def start(folder: Path, *words: str) -> subprocess.Popen[str]:
        """A run that has begun to write."""
        command = [sys.executable, "-m", "stream3d", "run", "sample", *words]
        running = subprocess.Popen(
            command, cwd=folder, env=ENVIRONMENT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        journal = folder / "out.npz.journal"
        until = time.monotonic() + 90
        while not (journal.exists() and journal.stat().st_size > 20_000):
            assert running.poll() is None, running.communicate()[1]
            assert time.monotonic() < until, "the run did not begin to write"
            time.sleep(0.05)
        return running
