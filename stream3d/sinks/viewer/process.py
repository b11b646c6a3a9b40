"""The live viewer as a sink: a window in its own process that can neither slow nor end the capture."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from stream3d.errors import ViewerError
from stream3d.geometry import Camera
from stream3d.sinks.viewer.display import check_viewer_possible
from stream3d.sinks.viewer.wire import Shot, encode
from stream3d.values import Result

_log = logging.getLogger("stream3d")

# The folder of the package goes last on the child's path, so that nothing beside it can shadow another module.
_CHILD = """\
import sys
sys.path.append(sys.argv.pop(1))
from stream3d.sinks.viewer.child import main
sys.exit(main(sys.argv[1:]))"""


class ViewerSink:
    """Shows results as they come.

    Frames go through a pipe that is never waited for: when it is full, the frame is dropped and counted, and the viewer
    shows the newest of those that arrive. A window that is closed, or a viewer that dies, makes ``closed`` true and
    ``write`` a no-op. ``camera`` lets the view draw the camera's field of view.

    Raises:
        ViewerError: no display, no open3d, or the window did not open within ``start_timeout_s``.
    """

    def __init__(
        self,
        *,
        camera: Camera | None = None,
        title: str = "stream3d",
        size: tuple[int, int] = (1280, 720),
        start_timeout_s: float = 30.0,
    ):
        check_viewer_possible(asked_by="--view", instead="leave it out and write files, such as --save out.mp4")
        self._half_view = half_view(camera)
        self._unsent = memoryview(b"")
        self._over = False
        self.sent = 0
        """Frames handed to the viewer."""
        self.dropped = 0
        """Frames left out because the viewer was slower than the capture."""
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the sink
        self._process = self._start(title, size)
        try:
            self._wait_until_ready(start_timeout_s)
        except BaseException:
            self.close()
            raise

    def _start(self, title: str, size: tuple[int, int]) -> subprocess.Popen[bytes]:
        package_folder = str(Path(__file__).resolve().parents[3])
        command = [sys.executable, "-P", "-c", _CHILD, package_folder, title, str(size[0]), str(size[1])]
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            bufsize=0,
            start_new_session=True,  # Ctrl-C is for the capture, which then closes the viewer
        )
        assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018 - both are pipes
        self._inlet, self._replies = process.stdin, process.stdout
        for pipe in (self._inlet, self._replies):
            os.set_blocking(pipe.fileno(), False)
        return process

    def _wait_until_ready(self, timeout_s: float) -> None:
        deadline, reply = time.monotonic() + timeout_s, b""
        while not reply.endswith(b"\n"):
            ended = self._process.poll() is not None
            reply += self._replies.read() or b""
            if ended and not reply.endswith(b"\n"):
                raise ViewerError(f"the viewer did not start: {self._last_complaint()}")
            if time.monotonic() > deadline:
                raise ViewerError(f"the viewer's window did not open within {timeout_s:g} s: {self._last_complaint()}")
            time.sleep(0.01)
        text = reply.decode("utf-8", "replace").strip()
        if text != "ready":
            raise ViewerError(text.removeprefix("error: "))

    def _last_complaint(self) -> str:
        self._complaints.seek(0)
        lines = self._complaints.read().decode("utf-8", "replace").split("\n")
        said = next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")
        code = self._process.poll()
        return said if code is None else f"{said} (exit status {code})"

    @property
    def closed(self) -> bool:
        """Whether the user has closed the window, or the viewer's process has ended."""
        if not self._over and self._process.poll() is not None:
            self._end()
        return self._over

    @property
    def pid(self) -> int:
        """The process id of the viewer."""
        return self._process.pid

    def write(self, result: Result) -> None:
        """Show one frame's people; returns at once, whatever the viewer does."""
        if self.closed:
            return
        self._push()
        if self._unsent:
            self.dropped += 1
            return
        poses = result.poses
        shot = Shot(
            joints=poses.joints,
            sigma=poses.sigma,
            person=poses.person,
            layout=poses.layout,
            pts=poses.pts,
            half_view=self._half_view,
        )
        self._unsent = memoryview(encode(shot))
        self.sent += 1
        self._push()

    def _push(self) -> None:
        try:
            while self._unsent:
                self._unsent = self._unsent[os.write(self._inlet.fileno(), self._unsent) :]
        except BlockingIOError:
            return
        except OSError:  # it has gone; `closed` says so as soon as the system has its exit status
            self._unsent = memoryview(b"")

    def _end(self) -> None:
        """Note once that the viewer has gone; an end that was not the user's is logged."""
        self._over = True
        code = self._process.poll()
        if code:
            _log.warning("the viewer ended by itself: %s; the capture goes on", self._last_complaint())

    def close(self, meta: Mapping[str, object] | None = None) -> None:  # noqa: ARG002 - part of what a sink is
        """Close the window and end its process, within two seconds at the worst; more than once is fine."""
        self._over = True
        self._inlet.close()
        for stop in (None, self._process.terminate, self._process.kill):
            if stop is not None:
                stop()
            try:
                self._process.wait(timeout=0.9)
                break
            except subprocess.TimeoutExpired:
                continue
        self._replies.close()
        self._complaints.close()


def half_view(camera: Camera | None) -> tuple[float, float]:
    """Tangents of half the field of view across and up; (0, 0) for an unknown camera."""
    if camera is None:
        return 0.0, 0.0
    return camera.width / 2 / camera.fx, camera.height / 2 / camera.fy
