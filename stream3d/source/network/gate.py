"""A gate before FFmpeg's own listener: who does not show the token never reaches FFmpeg.

FFmpeg's RTMP and TCP servers let everybody in. So where a token is asked for, FFmpeg listens on a port of loopback that
nobody was told, and the gate on the port that was named. A publisher shows the token as the application of its RTMP
address, ``rtmp://HOST:PORT/TOKEN/anything``, or as the first line it sends over TCP. The token crosses the network in
the clear, as RTMP itself does: where others listen on the wire, use an SSH tunnel or a VPN.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import urlsplit

from stream3d.errors import SourceError
from stream3d.source.network.doors import DOORS, TurnedAwayError
from stream3d.source.target import Target

log = logging.getLogger(__name__)

_MOST_WAITING = 8  # clients that have not shown the token yet; more are turned away at once
_INNER_S = 10.0  # within which FFmpeg has to listen
_WAKE_S = 0.2
_JOIN_S = 5.0
_PIECE = 65536


@contextlib.contextmanager
def opened_through_gate(target: Target) -> Iterator[Target]:
    """``target`` as FFmpeg is to open it; where it has a token, a gate with threads of its own stands before it.

    Open and read it within the context. Nothing is started for targets without a token.

    Raises:
        SourceError: the port cannot be listened on.
    """
    if target.token is None:
        yield target
        return
    gate = Gate(target)
    thread = threading.Thread(target=gate.run, name="gate", daemon=True)
    thread.start()
    try:
        yield gate.inner
    finally:
        gate.close()
        thread.join(_JOIN_S)


class Gate:
    """Lets one publisher with the token through at a time; ``run`` until ``close``, which any thread may call.

    ``inner`` is the target that FFmpeg is to listen on.

    Raises:
        SourceError: the port cannot be listened on.
    """

    def __init__(self, target: Target) -> None:
        parts = urlsplit(target.address)
        self._shown, self._token = target.shown, (target.token or "").encode()
        self._door = DOORS[parts.scheme]
        self._listener = _listener(target.shown, parts.hostname or "", parts.port or 0)
        self._port = _free_port()
        self.inner = replace(target, address=f"{parts.scheme}://127.0.0.1:{self._port}{self._door.path}", token=None)
        self._closed = threading.Event()
        self._places = threading.Semaphore(_MOST_WAITING)
        self._busy = threading.Lock()
        self._open: set[socket.socket] = set()

    def run(self) -> None:
        """Let clients in, each on a thread of its own, until closed."""
        threads: list[threading.Thread] = []
        with self._listener:
            while not self._closed.is_set():
                try:
                    client, _ = self._listener.accept()
                except TimeoutError:
                    continue
                except OSError:
                    break
                threads = [thread for thread in threads if thread.is_alive()]
                if self._places.acquire(blocking=False):
                    threads.append(threading.Thread(target=self._serve, args=(client,), daemon=True))
                    threads[-1].start()
                else:
                    client.close()
        self.close()
        for thread in threads:
            thread.join(_JOIN_S)

    def close(self) -> None:
        """Let nobody in any more and cut off who is in."""
        self._closed.set()
        for sock in list(self._open):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _serve(self, client: socket.socket) -> None:
        try:
            with contextlib.suppress(OSError, TurnedAwayError), self._kept(client):
                held = self._admitted(client)
                if held is not None and self._busy.acquire(blocking=False):
                    try:
                        self._relay(client, held)
                    finally:
                        self._busy.release()
        finally:
            self._places.release()

    def _admitted(self, client: socket.socket) -> bytes | None:
        """What FFmpeg has to hear first of a client that has shown the token; None of another."""
        try:
            return self._door.admit(client, self._token)
        except TurnedAwayError as error:
            log.info("%s: a client was turned away (%s)", self._shown, error)
            return None

    def _relay(self, client: socket.socket, held: bytes) -> None:
        with self._kept(self._reach_ffmpeg()) as inner:
            self._door.greet(inner)
            for sock in (client, inner):
                sock.settimeout(None)
            inner.sendall(held)
            back = threading.Thread(target=_pump, args=(inner, client), daemon=True)
            back.start()
            _pump(client, inner)
            with contextlib.suppress(OSError):
                inner.shutdown(socket.SHUT_RDWR)
            back.join(_JOIN_S)

    def _reach_ffmpeg(self) -> socket.socket:
        deadline = time.monotonic() + _INNER_S
        while True:
            try:
                return socket.create_connection(("127.0.0.1", self._port), timeout=_INNER_S)
            except ConnectionRefusedError:
                if time.monotonic() > deadline or self._closed.wait(_WAKE_S / 4):
                    raise

    @contextlib.contextmanager
    def _kept(self, sock: socket.socket) -> Iterator[socket.socket]:
        """``sock``, which ``close`` cuts off meanwhile, closed in the end."""
        self._open.add(sock)
        try:
            with sock:
                if self._closed.is_set():
                    raise TurnedAwayError("the gate is closing")
                yield sock
        finally:
            self._open.discard(sock)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(_PIECE):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


def _listener(shown: str, host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family, backlog=_MOST_WAITING)
    except OSError as error:
        raise SourceError(f"{shown}: cannot listen there ({error.strerror or type(error).__name__})") from None
    listener.settimeout(_WAKE_S)
    return listener


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
