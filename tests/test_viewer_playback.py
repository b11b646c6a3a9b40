"""Recordings in the viewer: what is played when, keys in a real window, and pictures without a display."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from stream3d.errors import SettingsError, SinkError, TrackFileError
from stream3d.sinks.viewer import save_picture
from stream3d.sinks.viewer.player import SPEEDS, Player
from stream3d.sinks.viewer.take import Take, load_take
from stream3d.skeleton import BLAZEPOSE33, H36M17
from stream3d.trackfile import TrackFile
from tests.test_viewer import accent, has_colour, window_corner
from tests.viewer_scenes import people_at, write_tracks
from tests.xvfb import Pixels, Xvfb

SIZE = (800, 600)
VIEW = "import sys; from stream3d.sinks.viewer import view_tracks; view_tracks(sys.argv[1], size=(800, 600))"
PICTURE = (
    "import sys; from stream3d.sinks.viewer import save_picture; save_picture({!r}, {!r}, at_s={}, size=(640, 360))"
)


class Played:
    """A recording that plays in a window of a process of its own."""

    def __init__(self, screen: Xvfb, tracks: Path):
        self.screen = screen
        env = os.environ | {"DISPLAY": screen.display}
        self.process = subprocess.Popen([sys.executable, "-c", VIEW, str(tracks)], env=env)
        pixels = screen.wait_for(lambda pixels: bool(has_colour(pixels, accent(1)).any()))
        self.corner = window_corner(pixels)
        screen.drag((self.corner[0] + 400, self.corner[1] + 200), (self.corner[0] + 400, self.corner[1] + 200))

    def progress(self, pixels: Pixels | None = None) -> float:
        """How far the bar at the lower edge is filled, 0..1, read from the pixels."""
        pixels = self.screen.pixels() if pixels is None else pixels
        left, top = self.corner
        line = pixels[top + 570, left : left + SIZE[0]].astype(int)
        bar = np.flatnonzero(
            (abs(line - [0x4A, 0xA8, 0xFF]).max(-1) < 12) | (abs(line - [0x39, 0x44, 0x5A]).max(-1) < 12)
        )
        done = np.flatnonzero(abs(line - [0x4A, 0xA8, 0xFF]).max(-1) < 12)
        assert len(bar) > 600, "there is no bar at the lower edge"
        return float((done.max() - bar.min()) / (bar.max() - bar.min())) if len(done) else 0.0

    def walker(self, pixels: Pixels | None = None) -> float:
        """Where the person is, pixels from the left."""
        pixels = self.screen.pixels() if pixels is None else pixels
        return float(np.nonzero(has_colour(pixels, accent(1)))[1].mean())

    def settle(self) -> Pixels:
        """The screen once nothing moves on it."""
        before = self.screen.pixels()
        for _ in range(100):
            time.sleep(0.1)
            now = self.screen.pixels()
            if np.array_equal(before, now):
                return now
            before = now
        raise AssertionError("it goes on moving")


@pytest.fixture(scope="module")
def screen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Xvfb]:
    server = Xvfb(tmp_path_factory.mktemp("screen"))
    yield server
    server.close()


@pytest.fixture(scope="module")
def tracks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tracks(tmp_path_factory.mktemp("tracks") / "walk.npz")


@pytest.fixture
def played(screen: Xvfb, tracks: Path) -> Iterator[Played]:
    playing = Played(screen, tracks)
    yield playing
    playing.process.kill()
    playing.process.wait(timeout=10)


def test_it_plays_to_its_end_and_the_person_walks(played: Played) -> None:
    pixels = played.settle()
    assert played.progress(pixels) > 0.98
    end = played.walker(pixels)
    played.screen.press("Home")
    start = played.walker(played.settle())
    assert end - start > 150


def test_keys_seek_step_jump_and_close(played: Played) -> None:
    played.settle()
    played.screen.press("5")
    middle = played.settle()
    assert played.progress(middle) == pytest.approx(0.5, abs=0.02)
    played.screen.press("Right", "Right", "Right")
    stepped = played.settle()
    assert played.progress(stepped) == pytest.approx(33 / 60, abs=0.02)
    assert played.walker(stepped) > played.walker(middle)
    played.screen.press("Left")
    assert played.progress(played.settle()) == pytest.approx(32 / 60, abs=0.02)
    played.screen.press("bracketleft")
    assert played.progress(played.settle()) == pytest.approx(2 / 60, abs=0.02)
    played.screen.press("bracketright")
    assert played.progress(played.settle()) == pytest.approx(32 / 60, abs=0.02)
    played.screen.press("End")
    assert played.progress(played.settle()) > 0.98
    played.screen.press("Escape")
    assert played.process.wait(timeout=10) == 0


@pytest.mark.slow
def test_space_pauses_and_speed_keys_change_the_speed(played: Played) -> None:
    played.settle()
    played.screen.press("comma", "comma", "comma", "Home", "space")  # a tenth of the speed: two seconds take twenty
    time.sleep(1.0)
    played.screen.press("space")
    slow = played.progress(played.settle())
    assert 0.02 < slow < 0.25
    played.screen.press(*["Up"] * 6, "space")
    assert played.progress(played.settle()) > 0.98


@pytest.mark.slow
def test_the_bar_stays_at_the_lower_edge_when_the_view_is_turned_and_r_brings_it_back(played: Played) -> None:
    played.settle()
    played.screen.press("3")
    before = played.settle()
    left, top = played.corner
    played.screen.drag((left + 300, top + 200), (left + 450, top + 260))
    turned = played.settle()
    assert (before != turned).any(-1).mean() > 0.02
    assert played.progress(turned) == pytest.approx(0.3, abs=0.02)
    played.screen.press("r")
    back = played.settle()
    assert abs(played.walker(back) - (left + SIZE[0] / 2)) < 60


def in_a_process(code: str, **changes: str) -> subprocess.CompletedProcess[str]:
    env = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")} | changes
    return subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=60, check=False
    )


def test_a_picture_needs_no_display(tracks: Path, tmp_path: Path) -> None:
    positions = []
    for at_s in (0.0, 2.0):
        target = tmp_path / f"{at_s:g}.png"
        done = in_a_process(PICTURE.format(str(tracks), str(target), at_s))
        assert done.returncode == 0, done.stderr
        assert done.stdout == ""
        image = cv2.imread(str(target))
        assert image.shape == (360, 640, 3)
        seen = has_colour(image[..., ::-1], accent(1))
        assert seen.sum() > 500
        positions.append(np.nonzero(seen)[1].mean())
    assert 240 < positions[0] < 400
    assert 240 < positions[1] < 400  # each picture is framed on what it shows


def test_pictures_refuse_what_they_cannot_do(tracks: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"9 s is outside the recording, which lasts from 0 to 2 s"):
        save_picture(tracks, tmp_path / "a.png", at_s=9.0)
    with pytest.raises(SettingsError, match=r"a\.tiff.*allowed are \.png, \.jpg, \.webp"):
        save_picture(tracks, tmp_path / "a.tiff")
    done = in_a_process(PICTURE.format(str(tracks), str(tmp_path / "no" / "a.png"), 0.5))
    assert SinkError.__name__ in done.stderr


def test_a_recording_without_people_is_refused(tmp_path: Path) -> None:
    empty = write_tracks(tmp_path / "two.npz", frames=2)
    arrays = dict(np.load(empty, allow_pickle=False))
    for name in ("frame", "time", "person", "keypoints2d", "joints3d", "sigma"):
        arrays[name] = arrays[name][:0]
    np.savez(empty, **arrays)
    with pytest.raises(TrackFileError, match="nobody"):
        load_take(empty)


def tracks_at(times: list[float]) -> TrackFile:
    n = len(times)
    return TrackFile(
        frame=np.arange(n, dtype=np.int64),
        time=np.array(times),
        person=np.ones(n, np.int64),
        keypoints2d=np.zeros((n, 33, 3), np.float32),
        keypoint_names=BLAZEPOSE33.names,
        joints3d=people_at(*[(0.0, 0.0, 4.0)] * n),
        joint_names=H36M17.names,
        sigma=np.zeros((n, 17), np.float32),
    )


def test_nobody_is_shown_long_after_the_last_one_left() -> None:
    take = Take(tracks_at([0.0, 0.1, 0.2, 5.0]))
    assert len(take.shot(2, 0.25).person) == 1
    assert len(take.shot(2, 3.0).person) == 0
    assert len(take.shot(3, 5.0).person) == 1


def test_frames_whose_time_goes_back_are_left_out(caplog: pytest.LogCaptureFixture) -> None:
    take = Take(tracks_at([0.0, 1.0, 0.5, 1.0, 2.0]))
    assert take.times.tolist() == [0.0, 1.0, 2.0]
    assert "2 frames whose time goes back" in caplog.text


def test_playing_follows_true_times() -> None:
    player = Player(np.array([10.0, 10.1, 12.0, 12.05]))
    shown = []
    for _ in range(11):
        shown.append(player.index)
        player.advance(0.25)
    assert shown == [0, 1, 1, 1, 1, 1, 1, 1, 2, 3, 3]
    assert not player.playing
    player.toggle()
    assert (player.playing, player.index) == (True, 0)


def test_looping_begins_again_and_speed_scales_time() -> None:
    player = Player(np.array([0.0, 1.0]), loop=True)
    player.change_speed(1)
    player.advance(0.4)
    assert player.now_s == pytest.approx(0.8)
    player.advance(0.2)
    assert (player.now_s, player.playing) == (0.0, True)
    player.change_speed(100)
    assert player.speed == SPEEDS[-1]
    player.change_speed(-100)
    assert player.speed == SPEEDS[0]


def test_steps_and_jumps_stay_inside() -> None:
    player = Player(np.array([0.0, 0.5, 3.0]))
    player.step(-1)
    assert (player.index, player.playing) == (0, False)
    player.step(5)
    assert player.now_s == 3.0
    player.jump(-2.6)
    assert player.index == 0
    player.jump(-9.0)
    assert player.progress == 0.0
    player.seek(0.9)
    assert player.now_s == pytest.approx(2.7)
    assert player.index == 1


@pytest.mark.parametrize("times", [[], [0.0, 0.0], [1.0, 0.5], [0.0, np.nan]])
def test_times_that_cannot_be_played_are_refused(times: list[float]) -> None:
    with pytest.raises(TrackFileError, match="cannot be played"):
        Player(np.array(times))


def test_one_frame_can_be_played() -> None:
    player = Player(np.array([4.0]))
    player.advance(1.0)
    assert (player.index, player.progress, player.playing) == (0, 1.0, False)


def test_playing_without_a_display_says_what_else_to_do(tracks: Path) -> None:
    done = in_a_process(VIEW.replace("sys.argv[1]", repr(str(tracks))))
    assert "the viewer needs a display: DISPLAY is not set" in done.stderr
    assert "--screenshot" in done.stderr
