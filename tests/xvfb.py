"""A display of its own for tests of windows: Xvfb, its pixels read from the outside, keys pressed with xdotool."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

Pixels = npt.NDArray[np.uint8]


class Xvfb:
    """A running X server that draws into a file in ``folder``."""

    def __init__(self, folder: Path, *, width: int = 880, height: int = 680):
        if shutil.which("Xvfb") is None:
            if os.environ.get("STREAM3D_NO_XVFB") == "1":
                pytest.skip("no Xvfb, and STREAM3D_NO_XVFB=1")
            pytest.fail("Xvfb is not installed (Debian: xvfb); set STREAM3D_NO_XVFB=1 to leave these tests out")
        reader, writer = os.pipe()
        screen = ["-screen", "0", f"{width}x{height}x24", "-fbdir", str(folder)]
        command = ["Xvfb", "-displayfd", str(writer), "-nolisten", "tcp", *screen]
        self.process = subprocess.Popen(command, pass_fds=[writer], stderr=subprocess.DEVNULL)
        os.close(writer)
        with os.fdopen(reader) as pipe:
            number = pipe.readline().strip()
        assert number, f"Xvfb did not start; its exit status is {self.process.wait()}"
        self.display = f":{number}"
        self._frame = folder / "Xvfb_screen0"

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=10)

    def pixels(self) -> Pixels:
        """The whole screen now, uint8 [H, W, 3] RGB, from Xvfb's own memory (an XWD file)."""
        data = self._frame.read_bytes()
        header = struct.unpack(">25I", data[:100])
        header_size, width, height, line_bytes, colours = (header[i] for i in (0, 4, 5, 12, 19))
        lines = np.frombuffer(data, np.uint8, line_bytes * height, header_size + 12 * colours).reshape(
            height, line_bytes
        )
        return lines[:, : width * 4].reshape(height, width, 4)[..., 2::-1].copy()

    def wait_for(self, seen: Callable[[Pixels], bool], *, timeout_s: float = 20.0) -> Pixels:
        """The screen once ``seen`` has been true of it twice in a row, so that it is not one half drawn."""
        deadline, times = time.monotonic() + timeout_s, 0
        while True:
            times = times + 1 if seen(pixels := self.pixels()) else 0
            if times == 2:
                return pixels
            assert time.monotonic() < deadline, f"the screen never showed what was waited for ({timeout_s:g} s)"
            time.sleep(0.05)

    def press(self, *keys: str) -> None:
        """Press keys by their X names, one after the other, in whichever window is under the pointer."""
        if shutil.which("xdotool") is None:
            pytest.skip("xdotool is not installed")
        subprocess.run(["xdotool", "key", *keys], env=os.environ | {"DISPLAY": self.display}, check=True, timeout=20)

    def drag(self, start: tuple[int, int], end: tuple[int, int]) -> None:
        """Drag the mouse with its left button."""
        if shutil.which("xdotool") is None:
            pytest.skip("xdotool is not installed")
        moves = [["mousemove", *map(str, start)], ["mousedown", "1"], ["mousemove", *map(str, end)], ["mouseup", "1"]]
        for move in moves:
            subprocess.run(["xdotool", *move], env=os.environ | {"DISPLAY": self.display}, check=True, timeout=20)
            time.sleep(0.1)
