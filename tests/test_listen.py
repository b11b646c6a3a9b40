"""Streams that are pushed to us: by ffmpeg for real, through the gate where there is a token, and by those without."""

from __future__ import annotations

import contextlib
import shutil
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream3d.errors import SourceError
from stream3d.source import SourceSettings
from stream3d.source.network.address import url_target
from stream3d.source.network.doors import Bounded, TurnedAwayError, admit_rtmp, application, connect_command
from stream3d.source.network.gate import Gate, opened_through_gate
from stream3d.source.target import Target
from stream3d.source.video import VideoSource
from tests.clips import number_of, write_clip

TOKEN = "correct-horse-battery-staple"  # noqa: S105 - of nobody
WRONG = "correct-horse-battery-stapler"
PATIENCE_S = 20.0
FFMPEG = shutil.which("ffmpeg")
needs_ffmpeg = pytest.mark.skipif(FFMPEG is None, reason="no ffmpeg program here")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    return write_clip(tmp_path_factory.mktemp("push") / "clip.flv", pts=range(100), options={"g": "10", "bf": "0"})


@contextlib.contextmanager
def pushing(clip: Path, form: str, to: str) -> Iterator[None]:
    """An ffmpeg that pushes ``clip`` until it gets through, and then once."""
    over = threading.Event()
    command = [str(FFMPEG), "-v", "quiet", "-nostdin", "-re", "-i", str(clip), "-c", "copy", "-f", form, to]

    def push() -> None:
        while not over.wait(0.1):
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
            while process.poll() is None:
                if over.wait(0.05):
                    process.kill()
            process.wait()

    thread = threading.Thread(target=push, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(PATIENCE_S)


def taken(target: Target, count: int = 10) -> list[int]:
    """The numbers of the first pictures that come in, opened as a reader opens it."""
    settings = SourceSettings(timeout_s=PATIENCE_S, read_timeout_s=5)
    with VideoSource(target, settings) as source:
        return [number_of(frame.image) for frame, _ in zip(source, range(count), strict=False)]


def target_of(url: str, monkeypatch, token: str | None = None) -> Target:
    monkeypatch.delenv("STREAM3D_LISTEN_TOKEN", raising=False)
    if token is not None:
        monkeypatch.setenv("STREAM3D_LISTEN_TOKEN", token)
    return url_target(url)


@needs_ffmpeg
@pytest.mark.parametrize(("scheme", "form"), [("tcp", "mpegts"), ("rtmp", "flv"), ("rtsp", "rtsp")])
def test_ffmpeg_pushes_on_loopback(clip, scheme, form, monkeypatch):
    url = f"{scheme}://127.0.0.1:{free_port()}/live/key"
    with pushing(clip, form, url):
        got = taken(target_of(f"{url}?listen", monkeypatch))
    assert got == list(range(got[0], got[0] + 10))


@pytest.mark.parametrize("scheme", ["tcp", "rtmp", "rtsp"])
def test_nobody_comes(scheme, monkeypatch):
    monkeypatch.setattr("stream3d.source.network.listen.WAIT_S", 1)
    with pytest.raises(SourceError, match="nobody has pushed a stream"):
        taken(target_of(f"{scheme}://127.0.0.1:{free_port()}/x?listen", monkeypatch))


@needs_ffmpeg
def test_ffmpeg_pushes_rtmp_through_the_gate(clip, monkeypatch):
    port = free_port()
    target = target_of(f"rtmp://127.0.0.1:{port}/live?listen", monkeypatch, TOKEN)
    for app in (TOKEN, f"{TOKEN}/studio"):
        with pushing(clip, "flv", f"rtmp://127.0.0.1:{port}/{app}/key"):
            got = taken(target)
        assert got == list(range(got[0], got[0] + 10))


@needs_ffmpeg
def test_the_wrong_token_never_reaches_ffmpeg_and_does_not_disturb_the_right_one(clip, monkeypatch):
    port = free_port()
    url = f"rtmp://127.0.0.1:{port}/live?listen"
    target = target_of(url, monkeypatch, TOKEN)
    with pushing(clip, "flv", f"rtmp://127.0.0.1:{port}/{WRONG}/key"):
        with monkeypatch.context() as hurry:
            hurry.setattr("stream3d.source.network.listen.WAIT_S", 2)
            short = target_of(url, monkeypatch, TOKEN)
        with pytest.raises(SourceError, match="nobody has pushed a stream"):
            taken(short)
        with pushing(clip, "flv", f"rtmp://127.0.0.1:{port}/{TOKEN}/key"):
            assert len(taken(target)) == 10


def test_a_token_on_the_first_line_of_tcp(tmp_path, monkeypatch):
    data = write_clip(tmp_path / "clip.ts", pts=range(30)).read_bytes()
    port = free_port()
    target = target_of(f"tcp://127.0.0.1:{port}?listen", monkeypatch, TOKEN)
    over = threading.Event()

    def push() -> None:
        while not over.wait(0.05):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5) as client:
                client.sendall(f"{TOKEN}\r\n".encode() + data)
                client.shutdown(socket.SHUT_WR)
                client.recv(1)

    thread = threading.Thread(target=push, daemon=True)
    thread.start()
    try:
        assert taken(target, 30) == list(range(30))
    finally:
        over.set()
        thread.join(PATIENCE_S)


# --- the gate alone: FFmpeg's place is taken by a socket that notes what reaches it ---------------------------------


class Inner:
    """What FFmpeg would have heard."""

    def __init__(self, port: int, *, handshake: bool) -> None:
        self.heard, self.clients, self._handshake = bytearray(), 0, handshake
        self.server = socket.create_server(("127.0.0.1", port))
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.server.accept()
                self.clients += 1
                with client:
                    if self._handshake:
                        Bounded(client, most=1537).take(1537)
                        client.sendall(b"\x03" + bytes(3072))
                        Bounded(client, most=1536).take(1536)
                    while data := client.recv(4096):
                        self.heard += data


@contextlib.contextmanager
def gate_before(scheme: str, monkeypatch) -> Iterator[tuple[int, Inner]]:
    port = free_port()
    gate = Gate(target_of(f"{scheme}://127.0.0.1:{port}/live?listen", monkeypatch, TOKEN))
    inner = Inner(int(gate.inner.address.split(":")[2].split("/")[0]), handshake=scheme == "rtmp")
    thread = threading.Thread(target=gate.run)
    thread.start()
    try:
        yield port, inner
    finally:
        gate.close()
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
        inner.server.shutdown(socket.SHUT_RDWR)
        inner.server.close()
        inner.thread.join(PATIENCE_S)
    with socket.create_server(("127.0.0.1", port)):
        pass  # the port is free again


def knock(port: int, data: bytes) -> bytes:
    """What a client hears that sends ``data`` and then waits to be cut off."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as client:
        heard = b""
        with contextlib.suppress(ConnectionError):
            client.sendall(data)
            while piece := client.recv(4096):
                heard += piece
        return heard


def eventually(condition) -> bool:
    deadline = time.monotonic() + PATIENCE_S
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return condition()


def amf(text: str) -> bytes:
    return b"\x02" + struct.pack(">H", len(text)) + text.encode()


def connect_body(app: str, more: bytes = b"") -> bytes:
    start = amf("connect") + b"\x00" + struct.pack(">d", 1.0) + b"\x03"
    return start + more + b"\x00\x03app" + amf(app) + b"\x00\x00\x09"


def chunked(body: bytes, *, size: int = 128, stream: int = 3, kind: int = 20) -> bytes:
    pieces = [body[at : at + size] for at in range(0, len(body), size)] or [b""]
    head = bytes([stream]) + bytes(3) + len(body).to_bytes(3, "big") + bytes([kind]) + bytes(4)
    return head + bytes([0xC0 | stream]).join(pieces)


HELLO = b"\x03" + bytes(1536) + bytes(1536)


def test_nobody_without_the_token_gets_through_rtmp(monkeypatch):
    with gate_before("rtmp", monkeypatch) as (port, inner):
        for attempt in (
            b"GET / HTTP/1.0\r\n\r\n",
            b"\x06" + bytes(3072),
            HELLO + chunked(connect_body(WRONG)),
            HELLO + chunked(connect_body("")),
            HELLO + chunked(connect_body(TOKEN[:-1])),
            HELLO + chunked(connect_body(f"live/{TOKEN}")),
            HELLO + chunked(amf("publish") + b"\x00" + bytes(8) + b"\x03\x00\x03app" + amf(TOKEN)),
            HELLO + chunked(b"\xff" * 300),
            HELLO + chunked(bytes(100_000), kind=9),
            HELLO + b"\xc3" * 20,
            HELLO + chunked(bytes(9000)),
        ):
            knock(port, attempt)
        assert (inner.clients, inner.heard) == (0, b"")


def test_who_has_the_token_is_heard_from_its_connect_on(monkeypatch):
    with gate_before("rtmp", monkeypatch) as (port, inner):
        said = chunked(struct.pack(">I", 256), stream=2, kind=1) + chunked(connect_body(f"{TOKEN}/x"), size=256)
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as client:
            client.sendall(HELLO + said)
            assert len(Bounded(client, most=3073, seconds=PATIENCE_S).take(3073)) == 3073
            client.sendall(b"and then the video")
            assert eventually(lambda: bytes(inner.heard) == said + b"and then the video")
            assert knock(port, HELLO + said)[3073:] == b""  # one at a time
        assert inner.clients == 1


def test_nobody_without_the_token_gets_through_tcp(monkeypatch):
    with gate_before("tcp", monkeypatch) as (port, inner):
        for attempt in (b"\n", WRONG.encode() + b"\n", TOKEN[:-1].encode() + b"\n", b"x" * 1000, b" " + TOKEN.encode()):
            knock(port, attempt + b"\n")
        assert (inner.clients, inner.heard) == (0, b"")
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as client:
            client.sendall(TOKEN.encode() + b"\nvideo")
            assert eventually(lambda: bytes(inner.heard) == b"video")


def test_a_crowd_of_silent_clients_is_bounded(monkeypatch):
    with gate_before("tcp", monkeypatch) as (port, _), contextlib.ExitStack() as stack:
        crowd = [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(20)]
        for client in crowd:
            client.setblocking(False)

        def cut_off() -> int:
            count = 0
            for client in crowd:
                with contextlib.suppress(BlockingIOError, ConnectionError):
                    count += client.recv(1) == b""
            return count

        assert eventually(lambda: cut_off() >= 12)


def test_a_client_that_says_nothing_is_cut_off_in_time():
    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(TurnedAwayError, match="no token in time"):
        Bounded(ours, most=10, seconds=0.05).take(1)


def test_a_port_that_is_taken(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as other:
        target = target_of(f"tcp://127.0.0.1:{other.getsockname()[1]}?listen", monkeypatch, TOKEN)
        with pytest.raises(SourceError, match="cannot listen there"), opened_through_gate(target):
            pass


def test_no_thread_is_left_behind(monkeypatch):
    before = threading.active_count()
    target = target_of(f"rtmp://127.0.0.1:{free_port()}/live?listen", monkeypatch, TOKEN)
    with opened_through_gate(target) as inner:
        assert (inner.token, inner.listens) == (None, True)
        assert TOKEN not in inner.address
        assert threading.active_count() == before + 1
    assert threading.active_count() == before


# --- what is read before the token is known --------------------------------------------------------------------------


def taking(data: bytes):
    rest = memoryview(data)

    def take(count: int) -> bytes:
        nonlocal rest
        if count > len(rest):
            raise TurnedAwayError("it went away")
        piece, rest = bytes(rest[:count]), rest[count:]
        return piece

    return take


@given(st.text("abcXYZ/09-", min_size=1, max_size=400), st.integers(1, 300), st.integers(2, 63))
def test_chunks_are_put_together(app, size, stream):
    more = b"\x00\x04type" + amf("nonprivate") + b"\x00\x04caps" + b"\x00" + bytes(8) + b"\x00\x03fpd" + b"\x01\x00"
    data = chunked(size.to_bytes(4, "big"), stream=2, kind=1)
    data += chunked(connect_body(app, more), size=size, stream=stream)
    assert application(connect_command(taking(data))) == app.encode()


@given(st.binary(max_size=600))
def test_whatever_is_sent_ends_in_an_application_or_is_turned_away(data):
    with contextlib.suppress(TurnedAwayError):
        assert isinstance(application(connect_command(taking(data))), bytes)
    with contextlib.suppress(TurnedAwayError):
        application(amf("connect") + b"\x00" + bytes(8) + b"\x03" + data)


@given(st.binary(max_size=300))
def test_nothing_but_the_token_is_admitted(data):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(HELLO + data)
        theirs.shutdown(socket.SHUT_WR)
        with pytest.raises(TurnedAwayError):
            admit_rtmp(ours, TOKEN.encode())
