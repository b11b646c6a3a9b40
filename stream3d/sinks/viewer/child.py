"""The viewer's own process: reads frames from standard input, shows the newest, ends when its parent does."""

from __future__ import annotations

import os
import time

from stream3d.errors import ViewerError
from stream3d.sinks.viewer.scene import Scene
from stream3d.sinks.viewer.window import Window
from stream3d.sinks.viewer.wire import Decoder, Shot

_PAUSE_S = 0.004
_PIECE = 1 << 20


class Inlet:
    """Frames out of a pipe that is never waited for."""

    def __init__(self, fd: int):
        os.set_blocking(fd, False)
        self._fd = fd
        self._decoder = Decoder()
        self.ended = False

    def newest(self) -> Shot | None:
        """The newest frame that arrived since the last call, if any; sets ``ended`` once the other end has closed."""
        newest = None
        while not self.ended:
            try:
                piece = os.read(self._fd, _PIECE)
            except BlockingIOError:
                break
            self.ended = not piece
            shots = self._decoder.feed(piece)
            newest = shots[-1] if shots else newest
        return newest


def serve(inlet: Inlet, scene: Scene, window: Window) -> None:
    """Show frames until the window is closed, the pipe ends or the parent process has gone."""
    parent, shown = os.getppid(), True
    while not inlet.ended and os.getppid() == parent:
        shot = inlet.newest()
        if shot is not None:
            scene.show(shot)
        shown = window.draw() if shot is not None else window.poll()
        if not shown:
            return
        if shot is None:
            time.sleep(_PAUSE_S)


def main(arguments: list[str]) -> int:
    """Run the viewer; ``arguments`` are title, width, height. Says ``ready`` or ``error: …`` on standard output."""
    title, width, height = arguments
    replies = os.dup(1)
    os.dup2(2, 1)  # what libraries print must not look like a reply
    try:
        window = Window(title=title, size=(int(width), int(height)))
        scene = Scene(window)
        window.bind({"R": scene.reset_view})
        window.draw()
    except ViewerError as error:
        os.write(replies, f"error: {error}\n".encode())
        return 1
    os.write(replies, b"ready\n")
    try:
        serve(Inlet(0), scene, window)
    finally:
        window.close()
    return 0
