"""A live source comes back from everything, keeps its time, and ends at once when it shall."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil
import pytest

from stream3d.errors import SourceError, SourceNotFoundError
from stream3d.source import SourceSettings, open_source
from stream3d.source.backoff import Backoff
from stream3d.source.health import Health
from stream3d.source.steady import SteadySource
from stream3d.values import Frame
from tests.clips import number_of, write_clip
from tests.live_camera import PACE_S, LiveCamera, stream_bytes

PATIENCE_S = 20.0
COUNT = 60


_others: set[psutil.Process] = set()


@pytest.fixture(scope="module", autouse=True)
def others() -> None:
    """Processes that other tests' libraries keep."""
    _others.update(psutil.Process().children())


def readers() -> list[psutil.Process]:
    """The processes of this process that these tests have started, dead ones that nobody asked after included."""
    return [child for child in psutil.Process().children() if child not in _others]


@pytest.fixture(scope="module")
def stream(tmp_path_factory) -> bytes:
    return stream_bytes(tmp_path_factory.mktemp("stream"), count=COUNT)


@contextmanager
def watched(camera: LiveCamera, **settings: object) -> Iterator[Watch]:
    asked = {"threads": 1, "timeout_s": PATIENCE_S} | settings
    with open_source(camera.url, SourceSettings(**asked)) as source:
        assert isinstance(source, SteadySource)
        watch = Watch(source)
        try:
            yield watch
        finally:
            watch.end()


class Watch:
    """Reads a source in a thread, as the pipeline does, and checks each frame against the one before."""

    def __init__(self, source: SteadySource) -> None:
        self.source, self.frames, self.error = source, 0, ""
        self.sizes: list[tuple[int, int]] = []
        self.states: list[str] = []
        self.last: Frame | None = None
        self.wrong: list[str] = []
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self) -> None:
        try:
            for frame in self.source:
                if self.last is not None and not (
                    frame.pts > self.last.pts
                    and frame.captured_at >= self.last.captured_at
                    and frame.index == self.last.index + 1
                ):
                    self.wrong.append(f"{self.last.stamp} then {frame.stamp}")
                self.last = frame
                if frame.size not in self.sizes:
                    self.sizes.append(frame.size)
                self.frames += 1
        except SourceError as error:
            self.error = str(error)

    @property
    def health(self) -> Health:
        return self.source.health.now()

    def until(self, so: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not so():
            if not self.states or self.states[-1] != self.health.state:
                self.states.append(self.health.state)
            assert time.monotonic() < deadline, f"it did not come to that: {self.health}"
            time.sleep(0.002)

    def until_more(self, count: int = 10) -> None:
        wanted = self.frames + count
        self.until(lambda: self.frames >= wanted)

    def end(self) -> None:
        self.source.close()
        self.thread.join(PATIENCE_S)
        assert not self.thread.is_alive()
        assert self.wrong == []
        assert readers() == []


def test_the_end_of_a_live_stream_means_that_it_is_asked_for_again(stream):
    with LiveCamera(stream) as camera, watched(camera) as watch:
        watch.until(lambda: watch.health.reconnects >= 2)
        assert camera.answers >= 3
        assert watch.source.counts.read >= watch.frames - 1
        assert "secret" not in repr(watch.health)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
def test_a_reader_that_dies_is_replaced(stream, number):
    with LiveCamera(stream) as camera, watched(camera) as watch:
        watch.until_more()
        first, seen = watch.source.reader_pid, watch.last
        assert first is not None
        assert seen is not None
        os.kill(first, number)
        watch.until(lambda: watch.health.reconnects == 1)
        watch.until_more()
        assert watch.source.reader_pid not in (None, first)
        assert not psutil.pid_exists(first)
        assert watch.health.state == "live"
        assert watch.health.error == ""


def test_media_time_goes_on_by_the_clock_over_a_gap(stream):
    with LiveCamera(stream) as camera, watched(camera) as watch:
        watch.until_more()
        camera.down()
        watch.until(lambda: watch.health.state == "reconnecting")
        before = watch.last
        time.sleep(1.0)
        camera.up()
        watch.until(lambda: watch.health.reconnects == 1)
        watch.until(lambda: watch.last is not before)
        after = watch.last
    assert before is not None
    assert after is not None
    assert after.pts - before.pts > 1.0
    # the pictures that came since the first of the new session are at most as many as were read here
    assert after.pts - before.pts == pytest.approx(after.captured_at - before.captured_at, abs=1.0)


def test_a_reader_that_hangs_is_replaced(stream):
    with LiveCamera(stream) as camera, watched(camera, stall_s=0.5) as watch:
        watch.until_more()
        first = watch.source.reader_pid
        assert first is not None
        os.kill(first, signal.SIGSTOP)
        watch.until(lambda: watch.health.reconnects == 1)
        watch.until_more()
        assert watch.source.reader_pid not in (None, first)
        assert not psutil.pid_exists(first)
        assert "stalled" in watch.states


def test_a_server_that_freezes_is_noticed_and_taken_again_when_it_thaws(stream):
    with LiveCamera(stream) as camera, watched(camera, stall_s=0.5) as watch:
        watch.until_more()
        camera.freeze()
        watch.until(lambda: watch.health.state == "stalled")
        assert "no picture for" in watch.health.error or "nothing came" in watch.health.error
        camera.thaw()
        watch.until(lambda: watch.health.state == "live")
        watch.until_more()
        assert watch.health.reconnects == 1


def test_a_server_that_stays_frozen_is_asked_again_and_again(stream):
    with LiveCamera(stream) as camera, watched(camera, stall_s=0.3, timeout_s=0.5) as watch:
        watch.until_more()
        camera.freeze()
        watch.until(lambda: "no answer within" in watch.health.error)
        assert watch.health.state == "reconnecting"
        camera.thaw()
        watch.until(lambda: watch.health.state == "live")
        watch.until_more()


def test_a_server_that_was_gone_is_found_again(stream):
    with LiveCamera(stream) as camera, watched(camera) as watch:
        watch.until_more()
        camera.down()
        watch.until(lambda: watch.health.state == "reconnecting" and "live.ts" in watch.health.error)
        watch.until(lambda: watch.source.reader_pid is not None)
        reader = watch.source.reader_pid
        time.sleep(0.5)
        assert watch.source.reader_pid == reader, "each try cost a process"
        came = watch.health.came
        camera.up()
        watch.until(lambda: watch.health.came > came)
        watch.until_more()
        assert watch.health.reconnects == 1


@pytest.mark.parametrize("bad", [b"", b"<html>no camera</html>" * 500, bytes(range(256)) * 2000])
def test_garbage_in_place_of_the_stream_is_sat_out(stream, bad):
    with LiveCamera(stream) as camera, watched(camera) as watch:
        watch.until_more()
        camera.data, camera.pause_s = bad, 0.001
        camera.cut()
        answers = camera.answers
        watch.until(lambda: camera.answers >= answers + 2)
        camera.data, camera.pause_s = stream, PACE_S
        watch.until_more()


def test_a_stream_that_is_cut_anywhere(stream):
    with LiveCamera(stream) as camera, watched(camera) as watch:
        for share in (0.5, 0.61, 0.77):
            camera.data = stream[: int(len(stream) * share) + 77]
            answers = camera.answers
            watch.until(lambda answers=answers: camera.answers > answers)
        watch.until_more()


def test_another_size_after_the_break(stream, tmp_path):
    with LiveCamera(stream) as camera, watched(camera) as watch:
        watch.until_more()
        camera.data = stream_bytes(tmp_path, size=(256, 192), count=COUNT)
        camera.cut()
        watch.until(lambda: len(watch.sizes) == 2)
        assert watch.sizes == [(128, 96), (256, 192)]
        assert (watch.source.info.width, watch.source.info.height) == (128, 96)


def test_what_is_wrong_at_first_is_raised_at_once(stream):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(SourceError, match=rf"127\.0\.0\.1:{port}"):
        open_source(f"http://127.0.0.1:{port}/live.ts")
    with LiveCamera(stream) as camera:
        camera.freeze()
        with pytest.raises(SourceError, match=r"no answer within 0\.4 s"):
            open_source(camera.url, SourceSettings(timeout_s=0.4))
    with pytest.raises(SourceNotFoundError):
        open_source(99)
    assert readers() == []


def test_it_gives_up_where_it_shall(stream):
    with LiveCamera(stream) as camera, watched(camera, give_up_s=1.0) as watch:
        watch.until_more()
        camera.down()
        watch.until(lambda: watch.health.state == "failed")
        watch.thread.join(PATIENCE_S)
        assert "no picture for 1 s, given up" in watch.error
        assert watch.health.state == "failed"


def test_a_camera_that_refuses_is_not_asked_again_at_once(stream):
    quick = {"reconnect_first_s": 0.01, "reconnect_most_s": 0.01}
    with LiveCamera(stream) as camera, watched(camera, **quick) as watch:
        watch.until_more()
        camera.status = "403 Forbidden"
        camera.cut()
        watch.until(lambda: "access refused" in watch.health.error)
        asked = camera.answers
        time.sleep(1.0)
        assert camera.answers == asked


def test_it_is_closed_in_the_middle_of_a_wait(stream):
    settings = {"reconnect_first_s": 60.0, "reconnect_most_s": 60.0}
    with LiveCamera(stream) as camera, watched(camera, **settings) as watch:
        watch.until_more()
        camera.down()
        watch.until(lambda: watch.health.state == "reconnecting")
        time.sleep(0.5)  # the first try has failed, the next would be made in a minute
        watch.end()
        assert watch.error == ""
        assert watch.health.state == "ended"


def test_it_is_closed_while_it_is_being_opened_again(stream):
    with LiveCamera(stream) as camera, watched(camera, stall_s=0.3, timeout_s=60.0) as watch:
        watch.until_more()
        camera.freeze()
        watch.until(lambda: watch.health.state == "stalled" and watch.source.reader_pid is not None)
        time.sleep(0.5)
        watch.end()
        assert watch.error == ""


def test_it_is_closed_by_whoever_stops_reading(stream):
    with LiveCamera(stream) as camera:
        source = open_source(camera.url, SourceSettings(threads=1))
        for frame in source:
            assert frame.index == 0
            break
        source.close()
        source.close()
        with pytest.raises(SourceError, match="open it again"):
            iter(source)
    assert readers() == []


def test_nothing_piles_up_over_many_reconnects(stream):
    me = psutil.Process()
    descriptors, threads = me.num_fds(), me.num_threads()
    quick = {"reconnect_first_s": 0.01, "reconnect_most_s": 0.01}
    with LiveCamera(stream) as camera, watched(camera, **quick) as watch:
        watch.until_more(30)
        for _ in range(4):
            reader, frames = watch.source.reader_pid, watch.frames
            if reader is not None:
                os.kill(reader, signal.SIGKILL)
            watch.until(lambda frames=frames: watch.frames > frames)
    watch.until(lambda: me.num_fds() <= descriptors and me.num_threads() <= threads)


def test_a_remote_file_loses_nothing_and_ends_at_its_end(stream):
    with LiveCamera(stream, pause_s=0.0) as camera:
        camera.length = len(stream)
        with open_source(camera.url, SourceSettings(threads=1)) as source:
            assert not source.info.live
            assert [number_of(frame.image) for frame in source] == list(range(COUNT))
        assert camera.answers == 1
    assert source.health.now().state == "ended"


def push(port: int, data: list[bytes], over: threading.Event) -> None:
    """Push each of ``data`` once, and the last of it again and again."""
    while not over.wait(0.05):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1.0) as connection:
            connection.sendall(data[0])
            del data[: len(data) > 1]


def test_a_listener_waits_for_whoever_pushes_and_for_the_next(stream):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    over = threading.Event()
    pushes = threading.Timer(1.0, push, (port, [b"noise" * 2000, stream], over))  # longer than timeout_s
    pushes.start()
    with open_source(f"tcp://127.0.0.1:{port}?listen", SourceSettings(threads=1, timeout_s=0.5)) as source:
        watch = Watch(source)
        watch.until(lambda: watch.health.reconnects >= 1)
        watch.end()
    over.set()
    pushes.join(PATIENCE_S)
    assert not pushes.is_alive()


def test_a_listener_that_refused_one_pusher_hears_the_next(stream, tmp_path):
    refused = write_clip(tmp_path / "refused.mkv", "ffv1", pts=range(10)).read_bytes()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    over, data = threading.Event(), [stream, refused, stream]
    pushes = threading.Timer(0.2, push, (port, data, over))
    pushes.start()
    with open_source(f"tcp://127.0.0.1:{port}?listen", SourceSettings(threads=1)) as source:
        watch = Watch(source)
        watch.until(lambda: len(data) == 1)
        sent_at, frames = time.monotonic(), watch.frames
        watch.until(lambda: "ffv1" in watch.health.error)
        watch.until(lambda: watch.frames > frames)
        assert time.monotonic() - sent_at < 8.0  # somebody who asks would wait for ten
        watch.end()
    over.set()
    pushes.join(PATIENCE_S)
    assert not pushes.is_alive()


def test_tries_grow_apart_and_are_bounded():
    backoff, now, tries = Backoff(first_s=0.25, most_s=1.5, seed=1), 0.0, []
    assert backoff(now) == 0.0
    for wanted in (0.25, 0.4, 0.64, 1.024, 1.5, 1.5):
        wait = backoff(now)
        assert wanted * 0.8 - 1e-9 <= wait <= wanted * 1.2 + 1e-9
        now += wait
    backoff.good()
    assert backoff(now) == 0.0
    fast = Backoff(first_s=0.01, most_s=0.01, seed=1)
    for _ in range(300):
        now += fast(now)
        tries.append(now)
    assert all(later - earlier >= 60.0 - 1e-6 for earlier, later in zip(tries, tries[80:], strict=False))


def test_whoever_is_refused_does_not_hammer():
    backoff, now, waits = Backoff(first_s=0.25, most_s=0.9, seed=1), 0.0, []
    for _ in range(3):
        waits.append(backoff(now))
        now += waits[-1]
        backoff.refused()
    assert waits == [0.0, 10.0, 10.0]
    now += backoff(now)
    assert backoff(now) < 1.1  # something else was wrong since


def test_a_try_that_hung_is_followed_at_once():
    backoff = Backoff(first_s=0.25, most_s=0.9, seed=1)
    assert backoff(0.0) == 0.0
    assert backoff(2.5) == 0.0
    assert 0.0 < backoff(2.6) <= 0.4 * 1.2 - 0.1 + 1e-9


@pytest.mark.parametrize("seed", range(5))
def test_a_long_outage_makes_no_wait_longer(seed: int):
    settings = SourceSettings()
    backoff = Backoff(first_s=settings.reconnect_first_s, most_s=settings.reconnect_most_s, seed=seed)
    now = 0.0
    for _ in range(1000):  # refused at once, a quarter of an hour long
        wait_s = backoff(now)
        assert wait_s <= 1.2 * settings.reconnect_most_s
        now += wait_s
