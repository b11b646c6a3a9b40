"""The reader process: the same pictures as without it, nothing lost of files, nothing left behind whoever dies."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import pairwise
from pathlib import Path

import numpy as np
import psutil
import pytest

from stream3d.errors import SettingsError, SourceError, SourceFormatError, SourceNotFoundError, SourceRefusedError
from stream3d.source.info import SourceInfo
from stream3d.source.isolated import Ended, ReaderProcess, Shot
from stream3d.source.isolated.child import Outbox
from stream3d.source.isolated.ring import SLOTS, Ring
from stream3d.source.network.address import url_target
from stream3d.source.settings import SourceSettings
from stream3d.source.target import Target, file_target
from stream3d.source.video import VideoSource
from stream3d.values import Frame
from tests.clips import number_of, write_clip
from tests.live_camera import LiveCamera, stream_bytes

PATIENCE_S = 20.0
QUIET = SourceSettings(threads=1)


def until(so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not so():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.01)


@contextmanager
def reader(target: Target, settings: SourceSettings = QUIET) -> Iterator[tuple[ReaderProcess, SourceInfo]]:
    with closing(ReaderProcess(target.shown, settings.max_pixels)) as process:
        yield process, process.open(target, settings)


def shots(process: ReaderProcess) -> tuple[list[Shot], Ended]:
    got: list[Shot] = []
    while isinstance(one := process.take(PATIENCE_S), Shot):
        got.append(one)
    assert one is not None, "silence"
    return got, one


def as_frame(shot: Shot) -> Frame:
    return Frame(source_id="", index=0, pts=shot.header.time_s, captured_at=0.0, image=shot.picture)


CLIPS = {
    "bt601": {"size": (128, 96)},
    "bt709": {"size": (1280, 720), "pts": range(3)},
    "full range": {"codec": "mjpeg", "pix_fmt": "yuvj420p", "ending": "avi"},
    "turned": {"rotation": 90},
    "upside down": {"rotation": 180},
    "not 4:2:0": {"codec": "mjpeg", "pix_fmt": "yuvj444p", "ending": "avi"},
    "palette": {"codec": "gif", "pix_fmt": "rgb8", "ending": "gif"},
    "reordered": {"options": {"bf": "3"}},
}


@pytest.mark.parametrize("name", CLIPS)
def test_pictures_are_those_of_reading_in_this_process(tmp_path, name):
    asked = dict(CLIPS[name])
    path = write_clip(tmp_path / f"clip.{asked.pop('ending', 'mp4')}", asked.pop("codec", "libx264"), **asked)
    target = file_target(path)
    with closing(VideoSource(target, QUIET)) as source:
        expected, info = list(source), source.info
    with reader(target) as (process, said):
        got, ended = shots(process)
    assert said == info
    assert (ended.error, ended.wanted, len(got)) == (None, False, len(expected))
    for shot, frame in zip(got, expected, strict=True):
        ours = as_frame(shot)
        assert (shot.header.time_s, shot.header.corrupt, shot.lost) == (frame.pts, frame.corrupt, 0)
        np.testing.assert_array_equal(ours.image, frame.image)
        assert (ours.planes is None) == (frame.planes is None)
        if ours.planes is not None and frame.planes is not None:
            for plane in ("y", "u", "v", "coefficients"):
                np.testing.assert_array_equal(getattr(ours.planes, plane), getattr(frame.planes, plane))


def test_the_size_may_change_in_the_middle(tmp_path):
    sizes = ((128, 96), (256, 192), (64, 48))
    path = tmp_path / "joined.ts"
    path.write_bytes(b"".join(stream_bytes(tmp_path, size=size, count=20) for size in sizes))
    with closing(VideoSource(file_target(path), QUIET)) as source:
        expected = [(frame.size, number_of(frame.image)) for frame in source]
    with reader(file_target(path)) as (process, _):
        got = [(frame.size, number_of(frame.image)) for frame in map(as_frame, shots(process)[0])]
    assert got == expected
    assert {size for size, _ in got} == set(sizes)


def test_of_a_file_nothing_is_lost_however_slow_the_taker(tmp_path):
    path = write_clip(tmp_path / "clip.mp4", pts=range(60))
    with reader(file_target(path)) as (process, _):
        numbers = []
        while isinstance(shot := process.take(PATIENCE_S), Shot):
            numbers.append(number_of(as_frame(shot).image))
            if len(numbers) in (1, 5):
                time.sleep(0.3)  # long enough for all the others to be decoded
    assert numbers == list(range(60))


def test_start_and_end_hold_over_there_too(tmp_path):
    path = write_clip(tmp_path / "clip.mp4", pts=range(60))
    with reader(file_target(path), SourceSettings(threads=1, start_s=2.0, end_s=2.55)) as (process, _):
        got, ended = shots(process)
    assert [number_of(as_frame(shot).image) for shot in got] == [20, 21, 22, 23, 24, 25]
    assert ended.wanted


def test_of_a_live_source_the_newest_are_there_and_the_others_counted(tmp_path):
    with LiveCamera(stream_bytes(tmp_path), pause_s=0.0) as camera:
        target = url_target(camera.url, QUIET)
        with reader(target) as (process, info):
            assert info.live
            time.sleep(0.5)  # meanwhile it goes on
            got, _ = shots(process)
    numbers = [number_of(as_frame(shot).image) for shot in got]
    assert numbers == sorted(set(numbers))
    for before, after in pairwise(got):
        assert after.lost == after.header.number - before.header.number - 1
    assert got[0].lost + sum(1 + shot.lost for shot in got[1:]) + 1 == got[-1].header.number


def test_a_parent_that_does_not_listen_is_not_waited_for():
    inlet, outlet = os.pipe()
    outbox = Outbox(outlet)
    messages = [f'{{"what":"shot","number":{number}}}\n'.encode() for number in range(10_000)]
    for message in messages:
        outbox.try_to_say(message)
    os.close(outlet)
    with os.fdopen(inlet, "rb") as said:
        lines = list(said)
    assert 0 < len(lines) < len(messages)
    assert lines == messages[: len(lines)]


@pytest.mark.parametrize("said", [b"{}\n", b"no json\n", b'{"what":"shot"}\n', b"[1]\n", b"x" * 2**16])
def test_a_reader_that_makes_no_sense_is_ended(tmp_path, monkeypatch, said):
    path = write_clip(tmp_path / "clip.mp4")
    with reader(file_target(path)) as (process, _):
        monkeypatch.setattr("stream3d.source.isolated.process.os.read", lambda *_: said)
        _, ended = shots(process)  # those that had come before
        monkeypatch.undo()
        assert "makes no sense" in str(ended.error)
        assert not process.usable


def test_the_ring_tells_what_was_overwritten():
    with closing(Ring.create(64)) as ours, closing(Ring.create(64)) as other:
        pictures = [np.full((4, 4, 3), n, np.uint8) for n in range(10)]
        ours.strike_out(1)
        for number in range(1, 7):
            ours.write(number, pictures[number])
            ours.strike_out(number + 1)
        held = [number for number in range(1, 10) if ours.read(number, 48) is not None]
        assert held == [4, 5, 6]
        assert len(held) == SLOTS - 1
        assert (ours.read(5, 48) == 5).all()
        assert ours.read(5, ours.ticket.slot_bytes) is None
        assert other.read(5, 48) is None
        with pytest.raises(SourceRefusedError, match=r"4096x4096 is larger than the limit"):
            ours.write(7, np.zeros((4096, 4096, 3), np.uint8))


def test_failures_come_over_as_what_they_are_and_the_process_can_be_asked_again(tmp_path):
    good = write_clip(tmp_path / "good.mp4")
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"no video " * 100)
    gone = file_target(good)
    with closing(ReaderProcess("clip", QUIET.max_pixels)) as process:
        with pytest.raises(SourceFormatError, match=r"bad\.mp4: not a video"):
            process.open(file_target(bad), QUIET)
        moved = good.rename(tmp_path / "moved.mp4")
        with pytest.raises(SourceNotFoundError, match=r"good\.mp4: nothing is there"):
            process.open(gone, QUIET)
        with pytest.raises(SettingsError, match=r"only 1\.2 s long"):
            process.open(file_target(moved), SourceSettings(start_s=5.0))
        with pytest.raises(SourceRefusedError, match="larger than the limit of 100 pixels"):
            process.open(file_target(moved), SourceSettings(max_pixels=100))
        assert process.usable
        assert process.open(file_target(moved), QUIET).width == 128
        assert len(shots(process)[0]) == 12


def test_a_crash_is_told_as_such(tmp_path):
    path = write_clip(tmp_path / "clip.mp4", pts=range(60))
    with reader(file_target(path)) as (process, _):
        os.kill(process.pid, signal.SIGSEGV)
        _, ended = shots(process)
    assert "its reader process died (SIGSEGV)" in str(ended.error)


def test_passwords_are_in_no_command_line(tmp_path):
    with LiveCamera(stream_bytes(tmp_path)) as camera, reader(url_target(camera.url, QUIET)) as (process, info):
        assert "secret" not in " ".join(psutil.Process(process.pid).cmdline())
        assert "secret" not in info.source_id


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux alone can take this away")
def test_the_process_can_gain_no_rights_and_leaves_no_dump():
    with closing(ReaderProcess("somewhere", 640 * 480)) as reader:
        reader.wait_until_ready()
        status = Path(f"/proc/{reader.pid}/status").read_text()
        limits = Path(f"/proc/{reader.pid}/limits").read_text()
    assert re.search(r"NoNewPrivs:\s+1$", status, re.MULTILINE)
    assert re.search(r"Max core file size\s+0\s+0\s", limits)


def test_nothing_is_left_behind(tmp_path):
    path = write_clip(tmp_path / "clip.mp4")
    me = psutil.Process()
    with reader(file_target(path)) as (process, _):
        shots(process)
    before = me.num_fds(), me.num_threads(), len(me.children())
    for _ in range(3):
        with reader(file_target(path)) as (process, _):
            process.take(PATIENCE_S)
        process.close()
    assert (me.num_fds(), me.num_threads(), len(me.children())) == before


def test_it_is_closed_from_another_thread_while_it_hangs():
    with LiveCamera(b"") as camera:
        camera.freeze()
        process = ReaderProcess("camera", QUIET.max_pixels)
        closer = threading.Timer(0.3, process.close)
        closer.start()
        with pytest.raises(SourceError, match="its reader process died"):
            process.open(url_target(camera.url, QUIET), SourceSettings(threads=1, timeout_s=60.0))
        closer.join(PATIENCE_S)
    assert not closer.is_alive()
    assert not psutil.pid_exists(process.pid)


_PARENT = """\
import sys, time
sys.path.insert(0, {root!r})
from stream3d.source.network.address import url_target
from stream3d.source.isolated import ReaderProcess
from stream3d.source.settings import SourceSettings
process = ReaderProcess("camera", 10**6)
print(process.pid, flush=True)
info = process.open(url_target({url!r}, SourceSettings()), SourceSettings(timeout_s=60.0))
print(process.take(20.0) is not None, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("frozen", [False, True])
def test_when_the_parent_is_killed_the_reader_goes_too(tmp_path, frozen):
    with LiveCamera(stream_bytes(tmp_path)) as camera:
        if frozen:
            camera.freeze()
        script = _PARENT.format(root=str(Path(__file__).resolve().parents[1]), url=camera.url)
        with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as parent:
            assert parent.stdout is not None
            child = psutil.Process(int(parent.stdout.readline()))
            assert frozen or parent.stdout.readline() == "True\n"
            parent.kill()
        until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)
