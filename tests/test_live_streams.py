"""Live capture from real servers on loopback, which are killed, frozen and damaged in the middle.

Nothing here judges how fast anything is (``benchmarks/soak.py`` and ``benchmarks/kills.py`` measure that); what is
waited for has a generous limit.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import pytest

import stream3d
from stream3d.errors import SourceError
from stream3d.pipeline import RunSettings
from stream3d.source import Source, SourceSettings, open_source
from stream3d.track import TrackSettings
from tests.live_servers import (
    NEEDS_FFMPEG,
    NEEDS_RTSP,
    SAMPLE,
    Ffmpeg,
    RtspServer,
    Server,
    camera_clip,
    free_port,
    has_ffmpeg,
    has_rtsp,
)

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc")]

PATIENCE_S = 30.0
SMALL, LARGER = (160, 120), (320, 240)
FPS, PERSON_FPS = 30, 15
QUICK = SourceSettings(timeout_s=8.0)


@dataclass(frozen=True)
class Clips:
    """The sample as cameras send it: byte streams for RTSP, files for ffmpeg."""

    small: Path
    larger: Path
    long_gop: Path
    person: Path
    ts: Path
    mjpeg: Path


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> Clips:
    if not has_ffmpeg():
        pytest.skip(NEEDS_FFMPEG)
    folder = tmp_path_factory.mktemp("clips")

    def clip(name: str, size: tuple[int, int], fps: int = FPS, key_every: int = 15, **more: bool) -> Path:
        return camera_clip(SAMPLE, folder / name, size=size, fps=fps, key_every=key_every, seconds=4.0, **more)

    ts, mjpeg = clip("small.mkv", SMALL), folder / "small.avi"
    coding = ["-c:v", "mjpeg", "-q:v", "5", "-pix_fmt", "yuvj420p"]
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-i", str(ts), *coding, str(mjpeg)], check=True, timeout=60)
    return Clips(
        small=clip("small.h264", SMALL),
        larger=clip("larger.h264", LARGER),
        long_gop=clip("long.h264", SMALL, key_every=2 * FPS),
        person=clip("person.h264", (480, 360), fps=PERSON_FPS, there_and_back=True),
        ts=ts,
        mjpeg=mjpeg,
    )


@pytest.fixture
def rtsp(clips) -> Iterator[RtspServer]:
    """One camera that can be switched to larger pictures, and one whose key frames are two seconds apart."""
    if not has_rtsp():
        pytest.skip(NEEDS_RTSP)
    with RtspServer({"camera": [clips.small, clips.larger], "late": [clips.long_gop]}, fps=FPS) as server:
        yield server


@pytest.fixture
def watched(clips) -> Iterator[RtspServer]:
    """A camera, ``person``, before which somebody moves."""
    if not has_rtsp():
        pytest.skip(NEEDS_RTSP)
    with RtspServer({"person": [clips.person]}, fps=PERSON_FPS) as server:
        yield server


def wait_for(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"waited {PATIENCE_S:g} s for {what}"
        time.sleep(0.02)


class Watching:
    """Reads a source in a thread and remembers what came: media time, capture, size."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.seen: list[tuple[float, float, tuple[int, int]]] = []
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Watching:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.source.stop()
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive(), "the source could not be stopped"

    def _read(self) -> None:
        try:
            for frame in self.source:
                self.seen.append((frame.pts, frame.captured_at, frame.size))
        except BaseException as error:
            self.error = error

    def lost(self) -> None:
        """Wait until it is known that nothing comes."""
        wait_for(lambda: self.source.health.now().state in ("stalled", "reconnecting"), "the loss to be seen")

    def more(self, count: int = 5) -> None:
        """Wait for pictures captured from now on."""
        now = time.monotonic()
        wait_for(lambda: sum(at > now for _, at, _ in self.seen[-100:]) >= count, f"{count} pictures")

    def check(self) -> None:
        """Neither errors, nor time that stands or goes back."""
        assert self.error is None
        times, captured = (np.array([entry[k] for entry in self.seen]) for k in (0, 1))
        assert (np.diff(times) > 0).all()
        assert (np.diff(captured) >= 0).all()
        # media time goes as the clock does, also over gaps
        assert times[-1] - times[0] == pytest.approx(captured[-1] - captured[0], abs=2.0)


def cut(server: RtspServer, how: str) -> Callable[[], None]:
    """Cut a camera off; calling the answer brings it back."""
    if how == "killed":
        server.kill()
        return server.start
    if how == "frozen":
        server.freeze()
        return server.thaw
    server.set("camera", silent=1)
    return lambda: server.set("camera", silent=0)


@pytest.mark.parametrize("how", ["killed", "frozen", "silent"])
def test_a_camera_that_is_cut_off_comes_back(rtsp, how):
    with Watching(open_source(rtsp.url("camera"), QUICK)) as watching:
        watching.more(10)
        restore = cut(rtsp, how)
        watching.lost()
        count = len(watching.seen)
        assert watching.source.health.now().error
        restore()
        watching.more(10)
        health = watching.source.health.now()
    assert (health.state, health.error) == ("live", "")
    assert health.reconnects >= 1
    assert len(watching.seen) > count
    watching.check()


def test_one_camera_lost_and_found_again_and_again(rtsp):
    with Watching(open_source(rtsp.url("camera"), QUICK)) as watching:
        for _ in range(3):
            watching.more(3)
            rtsp.kill()
            rtsp.start()
        watching.more(3)
    watching.check()


def test_pictures_that_change_their_size(rtsp):
    with Watching(open_source(rtsp.url("camera"), QUICK)) as watching:
        watching.more()
        rtsp.set("camera", clip=1)
        wait_for(lambda: watching.seen[-1][2] == LARGER, "larger pictures")
        watching.more()
        rtsp.set("camera", clip=0)
        wait_for(lambda: watching.seen[-1][2] == SMALL, "small pictures again")
        watching.more()
    watching.check()


def test_truncated_pictures_are_counted_and_survived(rtsp):
    with Watching(open_source(rtsp.url("camera"), QUICK)) as watching:
        watching.more()
        rtsp.set("camera", damage=4)
        wait_for(lambda: watching.source.counts.corrupt > 0, "damage")
        watching.more()
        rtsp.set("camera", damage=0)
        watching.more(FPS)
        assert watching.source.health.now().state == "live"
    watching.check()


def test_joining_between_key_frames(rtsp):
    with Watching(open_source(rtsp.url("late"), QUICK)) as first:
        first.more()
        with Watching(open_source(rtsp.url("late"), QUICK)) as second:
            second.more()
        second.check()
        first.more()
    first.check()


def test_over_udp(rtsp):
    settings = SourceSettings(timeout_s=8.0, rtsp_transport="udp")
    with Watching(open_source(rtsp.url("camera"), settings)) as watching:
        watching.more()
        rtsp.kill()
        rtsp.start()
        watching.more()
    watching.check()


def test_a_reader_process_that_is_killed_or_hangs_is_replaced(rtsp):
    with Watching(open_source(rtsp.url("camera"), QUICK)) as watching:
        for number in (signal.SIGKILL, signal.SIGSEGV, signal.SIGSTOP):
            watching.more()
            pid = watching.source.reader_pid
            os.kill(pid, number)
            wait_for(lambda pid=pid: watching.source.reader_pid not in (pid, None), "another reader")
            assert not psutil.pid_exists(pid)
        watching.more()
    watching.check()


def test_giving_up_when_asked_to(rtsp):
    settings = SourceSettings(timeout_s=8.0, give_up_s=3.0)
    with Watching(open_source(rtsp.url("camera"), settings)) as watching:
        watching.more()
        rtsp.kill()
        wait_for(lambda: watching.error is not None, "the end")
    assert isinstance(watching.error, SourceError)
    assert "3 s" in str(watching.error)
    assert watching.source.health.now().state == "failed"


def held() -> tuple[int, int, int, set[str]]:
    """Descriptors, threads, children of this process, and what lies in shared memory."""
    me, shared = psutil.Process(), Path("/dev/shm")
    names = {path.name for path in shared.iterdir() if path.owner() == me.username()} if shared.is_dir() else set()
    return me.num_fds(), threading.active_count(), len(me.children(recursive=True)), names


def test_nothing_is_left_behind(rtsp):
    def once() -> None:
        with Watching(open_source(rtsp.url("camera"), QUICK)) as watching:
            watching.more()
            rtsp.kill()
            watching.lost()
        rtsp.start()
        with open_source(rtsp.url("camera"), QUICK) as source:
            next(iter(source))

    once()
    before = held()
    once()
    wait_for(lambda: held()[:3] == before[:3], f"what was held before: {before}, now {held()}")
    assert held()[3] <= before[3]


# --- what ffmpeg sends ---

MULTIPART = ("-content_type", "multipart/x-mixed-replace;boundary=ffmpeg")
SENDERS = {
    "udp": lambda clips: Ffmpeg(clips.ts, "udp://127.0.0.1:PORT?pkt_size=1316", form="mpegts", udp=True),
    "tcp": lambda clips: Ffmpeg(clips.ts, "tcp://127.0.0.1:PORT?listen=1", form="mpegts"),
    "http": lambda clips: Ffmpeg(clips.ts, "http://127.0.0.1:PORT/live.ts", form="mpegts", options=("-listen", "1")),
    "mjpeg": lambda clips: Ffmpeg(
        clips.mjpeg, "http://127.0.0.1:PORT/live.mjpg", form="mpjpeg", options=("-listen", "1", *MULTIPART)
    ),
}


@pytest.mark.parametrize("how", SENDERS)
def test_what_ffmpeg_sends_comes_back_after_it_was_killed(clips, how):
    with SENDERS[how](clips) as server, Watching(opened(server)) as watching:
        watching.more()
        server.kill()
        watching.lost()
        server.start()
        watching.more()
        assert watching.source.health.now().state == "live"
    watching.check()


def opened(server: Ffmpeg) -> Source:
    """Once it listens."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return open_source(server.url, QUICK)
        except SourceError:
            assert time.monotonic() < deadline
            time.sleep(0.2)


@pytest.mark.parametrize(("scheme", "form"), [("rtmp", "flv"), ("tcp", "mpegts")])
def test_what_is_pushed_to_us(clips, scheme, form):
    port = free_port()
    path = "/live/key" if scheme == "rtmp" else ""
    pusher = Ffmpeg(clips.ts, f"{scheme}://127.0.0.1:{port}{path}", form=form)
    with pusher, Watching(open_source(f"{scheme}://127.0.0.1:{port}{path}?listen", QUICK)) as watching:
        watching.more()
        pusher.kill()
        watching.lost()
        pusher.start()
        watching.more()
    watching.check()


# --- whole runs ---


SHORT_MEMORY = RunSettings(track=TrackSettings(memory_s=2.5))


class Following:
    """``stream3d.results`` of cameras in a thread: media time, capture, who is there, and which camera."""

    def __init__(self, *urls: str) -> None:
        self.seen: list[tuple[float, float, list[int], str]] = []
        self.error: BaseException | None = None
        self._over = threading.Event()
        self._urls = urls
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> Following:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()

    def _follow(self) -> None:
        try:
            with closing(stream3d.results(self._urls, SHORT_MEMORY)) as results:
                for result in results:
                    poses, frame = result.poses, result.frame
                    self.seen.append((poses.pts, frame.captured_at, poses.person.tolist(), frame.source_id))
                    if self._over.is_set():
                        return
        except BaseException as error:
            self.error = error

    def ids(self, count: int = 5, url: str = "") -> set[int]:
        """Who is there in the next results, of any camera or of one, that show anybody."""
        now = time.monotonic()

        def fresh() -> list[list[int]]:
            return [ids for _, at, ids, source in self.seen if at > now and ids and url in source]

        wait_for(lambda: self.error is not None or len(fresh()) >= count, "skeletons")
        assert self.error is None
        return set().union(*fresh()[:count])


@pytest.mark.usefixtures("weights")
def test_somebody_stays_who_they_are_over_a_short_gap_and_is_somebody_else_after_a_long_one(watched):
    with Following(watched.url("person")) as following:
        first = following.ids()
        watched.set("person", silent=1)
        time.sleep(1.2)
        watched.set("person", silent=0)
        assert following.ids() & first
        before = following.ids()
        watched.set("person", silent=1)
        time.sleep(SHORT_MEMORY.track.memory_s + 1.0)
        watched.set("person", silent=0)
        assert not following.ids() & before
    assert (np.diff([pts for pts, *_ in following.seen]) > 0).all()


@pytest.mark.usefixtures("weights")
def test_a_dead_camera_holds_up_no_other(clips, watched):
    with RtspServer({"person": [clips.person]}, fps=PERSON_FPS) as other:
        dying, living = other.url("person"), watched.url("person")
        with Following(dying, living) as following:
            following.ids(url=dying)
            other.kill()
            following.ids(url=living)
            other.start()
            following.ids(url=dying)
    for url in (dying, living):
        assert (np.diff([pts for pts, _, _, source in following.seen if source == url]) > 0).all()


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "stream3d", "run", *words]


def test_a_wrong_password_is_one_line_without_it(clips, tmp_path):
    if not has_rtsp():
        pytest.skip(NEEDS_RTSP)
    right = "right-secret"
    with RtspServer({"camera": [clips.small]}, fps=FPS, user="me", password=right) as server:
        code, said = refused(server.url("camera", login="me:wrong-secret@"), tmp_path)
        assert code == 1
        assert "wrong-secret" not in said
        assert "password" in said
        with open_source(server.url("camera"), QUICK) as source:
            assert right not in source.info.source_id
            next(iter(source))


def test_nobody_there_at_the_start_is_an_error(tmp_path):
    url = f"rtsp://127.0.0.1:{free_port()}/camera"
    code, said = refused(url, tmp_path)
    assert code == 1
    assert url in said


def refused(url: str, folder: Path) -> tuple[int, str]:
    """The exit code of a run that cannot begin, and all that it said: no traceback, and no file."""
    words = command(url, "--save", str(folder / "out.npz"))
    ran = subprocess.run(words, check=False, capture_output=True, text=True, timeout=90)
    said = ran.stdout + ran.stderr
    assert "Traceback" not in said
    assert not list(folder.iterdir())
    return ran.returncode, said


def started(process: subprocess.Popen[str], journal: Path) -> psutil.Process:
    """Once it writes; its reader process."""
    wait_for(lambda: process.poll() is not None or (journal.is_file() and journal.stat().st_size > 20_000), "rows")
    assert process.poll() is None
    (reader,) = psutil.Process(process.pid).children()
    return reader


@pytest.mark.usefixtures("weights")
def test_a_run_outlives_its_server_and_ends_when_asked(watched, tmp_path):
    out = tmp_path / "out.npz"
    words = command(watched.url("person"), "--save", str(out), "--quiet")
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
        try:
            reader = started(process, tmp_path / "out.npz.journal")
            restarted(watched, process)
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=PATIENCE_S)
        finally:
            process.kill()
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert not reader.is_running()
    with np.load(out, allow_pickle=False) as tracks:
        times = np.unique(tracks["time"])
    assert np.diff(times).max() > 1.0  # the gap
    assert not (tmp_path / "out.npz.journal").exists()


def restarted(server: Server, process: subprocess.Popen[str]) -> None:
    """Take the server away for longer than a second, and wait until rows come again."""
    journal = next(Path(word) for word in process.args if word.endswith(".npz"))
    journal = journal.with_name(journal.name + ".journal")
    server.kill()
    time.sleep(1.2)
    size = journal.stat().st_size
    server.start()
    wait_for(lambda: journal.stat().st_size > size + 10_000, "rows after the server's return")


@pytest.mark.usefixtures("weights")
def test_a_run_that_is_killed_leaves_no_reader_and_loses_no_row(watched, tmp_path):
    words = command(watched.url("person"), "--save", str(tmp_path / "out.npz"), "--quiet")
    with subprocess.Popen(words, stderr=subprocess.DEVNULL) as process:
        try:
            reader = started(process, tmp_path / "out.npz.journal")
        finally:
            process.kill()
    wait_for(lambda: not reader.is_running() or reader.status() == psutil.STATUS_ZOMBIE, "the end of the reader")
    from stream3d.trackfile import load_tracks

    tracks = load_tracks(tmp_path / "out.npz.journal")
    assert len(np.unique(tracks.time)) > 10
