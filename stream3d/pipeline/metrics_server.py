"""``/metrics`` and ``/health`` over HTTP, for this machine alone."""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from stream3d.errors import SettingsError
from stream3d.pipeline.exposition import Standing, health, prometheus

log = logging.getLogger(__name__)

_HOST = "127.0.0.1"  # never another: there is no password
_NAMES = frozenset({"localhost", _HOST})
_MOST = 8  # connections at once
_LIMIT_S = 5.0  # for a whole request, however slowly its bytes come
_TEXT = "text/plain; version=0.0.4; charset=utf-8"
_PLAIN = "text/plain; charset=utf-8"
_JSON = "application/json"
_POLL_S = 0.2


class MetricsServer:
    """Answers ``GET /metrics`` (Prometheus' text) and ``GET /health``, on the loopback address alone.

    A context manager: listens from entering to leaving, and leaves no thread and no port. ``collect`` is called for
    each request, in a thread of its own. ``port`` 0 takes any free one; ``.port`` says which. Requests whose Host is
    not this machine's own name are refused, so that no web page can read them through a name that it controls.

    Raises:
        SettingsError: a port out of range; on entering, one that cannot be had.

    >>> with MetricsServer(0, Standing) as server:
    ...     server.port > 0
    True
    """

    def __init__(self, port: int, collect: Callable[[], Standing]) -> None:
        if not 0 <= port <= 65535:
            raise SettingsError(f"a port for metrics is between 0 and 65535, not {port}")
        self.port = port
        self._collect = collect
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        try:
            self._server = _Server(self.port, self._collect)
        except OSError as error:
            why = error.strerror or str(error)
            raise SettingsError(
                f"metrics cannot be served on {_HOST}:{self.port} ({why}); choose another port, or 0 for any free one"
            ) from error
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_POLL_S,), name="stream3d-metrics", daemon=True
        )
        self._thread.start()
        log.info("metrics on http://%s:%d/metrics, health on /health", _HOST, self.port)
        return self

    def close(self) -> None:
        """Stop answering; may be called twice."""
        if self._server is None or self._thread is None:
            return
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._server = self._thread = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Server(ThreadingHTTPServer):
    """Few connections, each for a short while, and all of them cut at the end."""

    request_queue_size = _MOST
    allow_reuse_address = os.name != "nt"  # there it would let two programs share a port

    def __init__(self, port: int, collect: Callable[[], Standing]) -> None:
        self.collect = collect
        self._open: dict[Any, tuple[float, threading.Thread]] = {}
        self._lock = threading.Lock()
        super().__init__((_HOST, port), _Handler)

    def server_bind(self) -> None:
        """Without the look-up of the machine's name that the base class does, which may take seconds."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(self.allow_reuse_address))
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()

    def verify_request(self, request: object, client_address: object) -> bool:  # noqa: ARG002
        with self._lock:
            return len(self._open) < _MOST

    def process_request(self, request: Any, client_address: Any) -> None:
        thread = threading.Thread(
            target=self.process_request_thread,
            args=(request, client_address),
            name="stream3d-metrics-request",
            daemon=True,
        )
        with self._lock:
            self._open[request] = time.monotonic() + _LIMIT_S, thread
        thread.start()

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        with self._lock:
            self._open.pop(request, None)

    def service_actions(self) -> None:
        """Cut off whoever dawdles."""
        self._cut(time.monotonic())

    def server_close(self) -> None:
        super().server_close()
        for thread in self._cut(float("inf")):
            thread.join(_LIMIT_S)

    def _cut(self, now: float) -> list[threading.Thread]:
        with self._lock:
            overdue = [(request, thread) for request, (until, thread) in self._open.items() if until < now]
        for request, _ in overdue:
            with suppress(OSError):  # it has just gone by itself
                request.shutdown(socket.SHUT_RDWR)
        return [thread for _, thread in overdue]

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002
        log.debug("a request for metrics broke off", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    """One request per connection."""

    server: _Server
    timeout = _LIMIT_S
    server_version = "stream3d"
    sys_version = ""

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if not self._for_us():
            self.send_error(HTTPStatus.FORBIDDEN)
        elif path not in ("/metrics", "/health", "/healthz"):
            self.send_error(HTTPStatus.NOT_FOUND)
        else:
            self._answer(*self._told(path))

    def _told(self, path: str) -> tuple[int, str, str]:
        """Status, kind and text of the answer."""
        try:
            standing = self.server.collect()
            if path == "/metrics":
                return HTTPStatus.OK, _TEXT, prometheus(standing.reports, standing.stages, standing.sinks)
            status, body = health(standing.reports)
            return status, _JSON, json.dumps(body, allow_nan=False) + "\n"
        except Exception as error:  # whatever it is, it must not end the run, nor be shown to whoever asks
            log.warning("metrics could not be collected: %s", type(error).__name__)
            log.debug("because", exc_info=True)
            return HTTPStatus.INTERNAL_SERVER_ERROR, _PLAIN, HTTPStatus.INTERNAL_SERVER_ERROR.phrase + "\n"

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002
        """In a word, without what the client sent; what the base class does not implement is not allowed."""
        if code == HTTPStatus.NOT_IMPLEMENTED:
            code = HTTPStatus.METHOD_NOT_ALLOWED
        self._answer(code, _PLAIN, HTTPStatus(code).phrase + "\n")

    def _for_us(self) -> bool:
        hosts = self.headers.get_all("Host", [])
        with suppress(ValueError):
            return len(hosts) == 1 and urlsplit(f"//{hosts[0]}").hostname in _NAMES
        return False

    def _answer(self, status: int, kind: str, text: str) -> None:
        body = text.encode("utf-8", "replace")
        self.send_response(status)
        headers = {"Content-Type": kind, "Content-Length": str(len(body)), "Cache-Control": "no-store"}
        headers |= {"X-Content-Type-Options": "nosniff", "Connection": "close"}
        if status == HTTPStatus.METHOD_NOT_ALLOWED:
            headers["Allow"] = "GET"
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        log.debug(format, *args)
