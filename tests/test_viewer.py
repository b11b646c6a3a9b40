"""The live viewer, looked at from outside: its pixels in an X server of the test's own, its process, its pipe."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import psutil
import pytest

from stream3d.errors import ViewerError
from stream3d.geometry import Camera
from stream3d.sinks.viewer import ViewerSink
from stream3d.sinks.viewer.palette import CAMERA, person_colours
from stream3d.skeleton import H36M17
from tests.viewer_scenes import people_at, pixel_of, result
from tests.xvfb import Pixels, Xvfb

SIZE = (800, 600)
ORANGE, BLUE = np.array([1.0, 0.62, 0.27]), np.array([0.29, 0.66, 1.0])
ONE = people_at((0.0, 0.0, 4.0))
TWO = people_at((-0.8, 0.0, 4.0), (0.8, 0.0, 4.0))


@pytest.fixture(scope="module")
def screen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Xvfb]:
    server = Xvfb(tmp_path_factory.mktemp("screen"))
    yield server
    server.close()


@pytest.fixture
def viewer(screen: Xvfb, monkeypatch: pytest.MonkeyPatch) -> Iterator[ViewerSink]:
    monkeypatch.setenv("DISPLAY", screen.display)
    sink = ViewerSink(size=SIZE)
    yield sink
    sink.close()


def has_colour(pixels: Pixels, colour: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """bool [H, W]: bright pixels whose hue is that of ``colour``, however the light falls."""
    bright = pixels.max(-1) > 80
    seen = pixels[bright].astype(np.float32)
    length = np.linalg.norm(seen, axis=-1)
    found = np.zeros(bright.shape, bool)
    found[bright] = (seen @ (colour / np.linalg.norm(colour)) > 0.985 * length) & (length > 100)
    return found


def colour_at(pixels: Pixels, at: npt.NDArray[np.float64], colour: npt.NDArray[np.float64], *, reach: int = 4) -> bool:
    """Whether most of the pixels around ``at`` (window pixels) have the colour."""
    left, top = window_corner(pixels)
    x, y = (int(v) for v in np.round(at))
    patch = pixels[top + y - reach : top + y + reach + 1, left + x - reach : left + x + reach + 1]
    return bool(has_colour(patch, colour).mean() > 0.6)


def window_corner(pixels: Pixels) -> tuple[int, int]:
    """Left and top of the window on the black screen."""
    rows, columns = np.nonzero(pixels.any(-1))
    return int(columns.min()), int(rows.min())


def joint(people: npt.NDArray[np.float32], person: int, name: str) -> npt.NDArray[np.float32]:
    return people[person, H36M17.names.index(name)]


def accent(person: int) -> npt.NDArray[np.float64]:
    return person_colours(np.array([person]))[0]


def show(viewer: ViewerSink, people: npt.NDArray[np.float32], **about: object) -> None:
    """Hand it a frame until the pipe takes it."""
    before = viewer.sent
    while viewer.sent == before and not viewer.closed:
        viewer.write(result(people, **about))  # type: ignore[arg-type]
        time.sleep(0.005)


def test_two_people_have_two_colours_where_their_joints_project(viewer: ViewerSink, screen: Xvfb) -> None:
    show(viewer, TWO)
    screen.wait_for(lambda pixels: bool(has_colour(pixels, accent(0)).any()))
    pixels = screen.wait_for(lambda pixels: bool(has_colour(pixels, accent(1)).any()))
    for person in (0, 1):
        for name in ("left_wrist", "right_wrist", "left_ankle", "right_ankle", "head_top"):
            spot = joint(TWO, person, name) + np.array([0, 0.09 if name == "head_top" else 0, 0], np.float32)
            at = pixel_of(spot, first=TWO, size=SIZE)
            assert colour_at(pixels, at, accent(person)), f"{name} of person {person}"
            assert not colour_at(pixels, at, accent(1 - person)), f"{name} of person {person}"


def test_bones_have_the_colour_of_their_side(viewer: ViewerSink, screen: Xvfb) -> None:
    show(viewer, ONE)
    pixels = screen.wait_for(lambda pixels: bool(has_colour(pixels, accent(0)).any()))
    for side, colour in (("left", ORANGE), ("right", BLUE)):
        for upper, lower in (("elbow", "wrist"), ("knee", "ankle")):
            middle = (joint(ONE, 0, f"{side}_{upper}") + joint(ONE, 0, f"{side}_{lower}")) / 2
            assert colour_at(pixels, pixel_of(middle, first=ONE, size=SIZE), colour, reach=2), f"{side} {lower}"


def test_moving_the_pose_moves_the_pixels(viewer: ViewerSink, screen: Xvfb) -> None:
    moved = ONE + np.array([0.5, -0.2, 0.3], np.float32)
    spots = [pixel_of(joint(people, 0, "left_wrist"), first=ONE, size=SIZE) for people in (ONE, moved)]
    show(viewer, ONE)
    pixels = screen.wait_for(lambda pixels: colour_at(pixels, spots[0], accent(0)))
    assert not colour_at(pixels, spots[1], accent(0))
    show(viewer, moved, index=1)
    pixels = screen.wait_for(lambda pixels: colour_at(pixels, spots[1], accent(0)))
    assert not colour_at(pixels, spots[0], accent(0))


def test_people_leave_and_unseen_joints_are_not_drawn(viewer: ViewerSink, screen: Xvfb) -> None:
    show(viewer, TWO)
    screen.wait_for(lambda pixels: bool(has_colour(pixels, accent(1)).any()))
    show(viewer, TWO[:1], index=1)
    pixels = screen.wait_for(lambda pixels: not has_colour(pixels, accent(1)).any())
    assert has_colour(pixels, accent(0)).any()
    handless = TWO[:1].copy()
    handless[0, H36M17.names.index("left_wrist")] = np.nan
    spot = pixel_of(joint(TWO, 0, "left_wrist"), first=TWO, size=SIZE)
    assert colour_at(pixels, spot, accent(0))
    show(viewer, handless, index=2)
    pixels = screen.wait_for(lambda pixels: not colour_at(pixels, spot, accent(0)))
    assert colour_at(pixels, pixel_of(joint(TWO, 0, "left_elbow"), first=TWO, size=SIZE), accent(0), reach=2)
    show(viewer, TWO[:0], index=3)
    screen.wait_for(lambda pixels: not has_colour(pixels, accent(0)).any())
    assert not viewer.closed


def test_unsure_joints_are_greyer(viewer: ViewerSink, screen: Xvfb) -> None:
    show(viewer, ONE)
    screen.wait_for(lambda pixels: bool(has_colour(pixels, accent(0)).any()))
    show(viewer, ONE, index=1, sigma_m=0.5)
    pixels = screen.wait_for(lambda pixels: not has_colour(pixels, accent(0)).any())
    spot = pixel_of(joint(ONE, 0, "left_wrist"), first=ONE, size=SIZE)
    left, top = window_corner(pixels)
    patch = pixels[top + int(spot[1]), left + int(spot[0])].astype(int)
    assert patch.max() - patch.min() < 60
    assert patch.max() > 60


def test_the_camera_is_drawn_when_it_is_known(screen: Xvfb, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", screen.display)
    far = people_at((-1.0, 0.0, 2.0), (1.0, 0.0, 3.0))
    spot = pixel_of(np.array([0.0, 0.0, 0.0], np.float32), first=far, size=SIZE)
    assert 20 < spot[0] < SIZE[0] - 20
    assert 20 < spot[1] < SIZE[1] - 20
    sink = ViewerSink(size=SIZE, camera=Camera.from_fov(1280, 720, 60.0))
    try:
        show(sink, far)
        pixels = screen.wait_for(lambda pixels: bool(has_colour(pixels, accent(0)).any()))
        left, top = window_corner(pixels)
        x, y = left + int(spot[0]), top + int(spot[1])
        assert has_colour(pixels[y - 6 : y + 7, x - 6 : x + 7], CAMERA).any()
    finally:
        sink.close()


def test_q_closes_the_window_and_the_sink_says_so(viewer: ViewerSink, screen: Xvfb) -> None:
    show(viewer, ONE)
    pixels = screen.wait_for(lambda pixels: bool(has_colour(pixels, accent(0)).any()))
    left, top = window_corner(pixels)
    screen.drag((left + 400, top + 300), (left + 401, top + 300))
    screen.press("q")
    wait_until(lambda: viewer.closed)
    viewer.write(result(ONE, index=1))


def wait_until(happened: object, *, timeout_s: float = 10.0) -> None:
    assert callable(happened)
    deadline = time.monotonic() + timeout_s
    while not happened():
        assert time.monotonic() < deadline, f"it did not happen within {timeout_s:g} s"
        time.sleep(0.01)


def test_a_killed_viewer_leaves_the_capture_alone(viewer: ViewerSink, caplog: pytest.LogCaptureFixture) -> None:
    show(viewer, ONE)
    os.kill(viewer.pid, signal.SIGKILL)
    slowest = 0.0
    for index in range(200):
        before = time.monotonic()
        viewer.write(result(ONE, index=index))
        slowest = max(slowest, time.monotonic() - before)
        time.sleep(0.001)
    wait_until(lambda: viewer.closed)
    assert slowest < 0.2
    assert "the viewer ended by itself" in caplog.text
    assert not psutil.pid_exists(viewer.pid)


def test_a_slow_viewer_drops_frames_and_then_shows_the_newest(viewer: ViewerSink, screen: Xvfb) -> None:
    show(viewer, ONE)
    screen.wait_for(lambda pixels: bool(has_colour(pixels, accent(0)).any()))
    os.kill(viewer.pid, signal.SIGSTOP)
    spent = time.monotonic()
    for index in range(2000):
        viewer.write(result(ONE, index=index))
    spent = time.monotonic() - spent
    assert viewer.dropped > 1000
    assert spent < 2.0
    os.kill(viewer.pid, signal.SIGCONT)
    moved = ONE + np.array([0.5, 0.0, 0.0], np.float32)
    show(viewer, moved, index=3000)
    spot = pixel_of(joint(moved, 0, "left_wrist"), first=ONE, size=SIZE)
    screen.wait_for(lambda pixels: colour_at(pixels, spot, accent(0)), timeout_s=5.0)


def test_close_ends_the_process_soon_even_when_it_hangs(viewer: ViewerSink) -> None:
    os.kill(viewer.pid, signal.SIGSTOP)
    before = time.monotonic()
    viewer.close({})
    viewer.close({})
    assert time.monotonic() - before < 2.5
    assert not psutil.pid_exists(viewer.pid)
    assert viewer.closed
    viewer.write(result(ONE))


PARENT = """
import sys, time
from stream3d.sinks.viewer import ViewerSink
sink = ViewerSink(size=(320, 240))
print(sink.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_the_viewer_goes_when_its_parent_is_killed(screen: Xvfb, how: signal.Signals) -> None:
    env = os.environ | {"DISPLAY": screen.display}
    with subprocess.Popen([sys.executable, "-c", PARENT], env=env, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        parent.send_signal(how)
        parent.wait(timeout=10)
        wait_until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, timeout_s=3.0)


def test_without_a_display_the_error_is_quick_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    before = time.monotonic()
    with pytest.raises(ViewerError, match=r"^--view needs a display: DISPLAY is not set; .*--save"):
        ViewerSink()
    assert time.monotonic() - before < 0.5


def test_a_display_that_cannot_be_reached_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":6553")
    children = len(psutil.Process().children())
    with pytest.raises(ViewerError, match=r"no window can be opened on display :6553") as failure:
        ViewerSink()
    assert "\n" not in str(failure.value)
    assert len(psutil.Process().children()) == children


def test_without_open3d_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "open3d" else 1)
    with pytest.raises(ViewerError, match=r"pip install 'stream3d\[view\]'"):
        ViewerSink()


def test_the_viewer_package_loads_without_open3d() -> None:
    code = "import sys, stream3d.sinks.viewer; print([m for m in ('open3d', 'torch', 'cv2') if m in sys.modules])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert said.stdout.strip() == "[]"


@pytest.mark.slow
def test_memory_stays_flat_over_3000_updates(viewer: ViewerSink) -> None:
    child = psutil.Process(viewer.pid)
    turn = np.linspace(0.0, 20.0, 3400)
    sizes = []
    for index, angle in enumerate(turn):
        people = people_at(*[(np.sin(angle + p), 0.0, 4.0) for p in range(1 + index // 50 % 3)])
        show(viewer, people, index=index)
        if index >= 400 and index % 100 == 0:
            sizes.append(child.memory_info().rss / 2**20)
    assert not viewer.closed
    assert max(sizes[len(sizes) // 2 :]) - max(sizes[: len(sizes) // 2]) < 8.0, sizes
