"""A camera that serves MPEG-TS over HTTP without an end, on a port it keeps, and fails in every way when told to."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from pathlib import Path

from tests.clips import write_clip

HEADER = "HTTP/1.0 {}\r\n{}\r\n"
RATE = 30
PACE_S = 0.01
_STEPS = 200


def stream_bytes(folder: Path, *, size: tuple[int, int] = (128, 96), count: int = 60) -> bytes:
    """A stream whose pictures can be told apart, with a key frame every ten."""
    path = folder / f"stream-{size[0]}x{size[1]}-{count}.ts"
    options = {"g": "10", "tune": "zerolatency", "threads": "1"}
    return write_clip(path, pts=range(count), rate=RATE, size=size, options=options).read_bytes()


class LiveCamera:
    """Sends ``data`` to whoever asks, at its speed if that is two seconds long, and then hangs up; a context manager.

    ``frozen``: connections stay open and nothing is sent or answered. ``down``: nobody listens. ``data`` may be
    replaced at any time, with ``length`` it is a file; ``status`` may refuse; ``answers`` counts those that asked.
    """

    def __init__(self, data: bytes, *, pause_s: float = PACE_S) -> None:
        self.data, self.pause_s, self.answers = data, pause_s, 0
        self.length: int | None = None
        self.status = "200 OK"
        self.flowing = threading.Event()
        self.flowing.set()
        self._listener: socket.socket | None = None
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://user:secret@127.0.0.1:{self.port}/live.ts"

    def __enter__(self) -> LiveCamera:
        self.up()
        return self

    def __exit__(self, *_: object) -> None:
        self.down()
        self.flowing.set()
        for thread in self._threads:
            thread.join(timeout=10)

    def up(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port), reuse_port=False)
        self.port = self._listener.getsockname()[1]
        self._run(self._accept, self._listener)

    def down(self) -> None:
        """As a power cut: the port is closed and all connections break."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self.cut()

    def cut(self) -> None:
        """All connections break; new ones are taken."""
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def freeze(self) -> None:
        self.flowing.clear()

    def thaw(self) -> None:
        self.flowing.set()

    def _run(self, target: object, *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                self._open.append(connection)
                self._run(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            connection.recv(65536)
            self.flowing.wait()
            self.answers += 1
            data = self.data
            step = max(188, len(data) // _STEPS)
            said = "" if self.length is None else f"Content-Length: {self.length}\r\n"
            connection.sendall(HEADER.format(self.status, said).encode())
            if self.status != "200 OK":
                return
            for start in range(0, len(data), step):
                self.flowing.wait()
                connection.sendall(data[start : start + step])
                time.sleep(self.pause_s)
