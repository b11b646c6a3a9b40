"""Bytes over a socket, once: what a stream is that breaks off."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def served(data: bytes) -> Iterator[str]:
    """The address of a server that sends ``data`` to whoever calls first, and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)
        thread = threading.Thread(target=_send, args=(server, data), daemon=True)
        thread.start()
        try:
            yield f"tcp://127.0.0.1:{server.getsockname()[1]}"
        finally:
            server.close()
            thread.join()


def _send(server: socket.socket, data: bytes) -> None:
    with contextlib.suppress(OSError):  # the reader may hang up first, or never call
        caller, _ = server.accept()
        with caller:
            caller.sendall(data)
