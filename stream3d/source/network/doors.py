"""How a publisher shows its token, over TCP and over RTMP, before a byte of it reaches FFmpeg.

RTMP: https://rtmp.veriskope.com/docs/spec/, sections 5.2 (handshake), 5.3 (chunks), 7.2.1.1 (connect).
"""

from __future__ import annotations

import hmac
import secrets
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

_PROOF_S = 5.0  # for the whole of it
_HANDSHAKE = 1536
_MOST_LINE = 512
_MOST_COMMAND = 8192
_VERSION = b"\x03"
_HEADER_BYTES = (11, 7, 3, 0)
_SET_CHUNK_SIZE, _COMMAND = 1, 20


class TurnedAwayError(Exception):
    """No token, a wrong one, or something that is not the protocol; stays within this package."""


class Door(NamedTuple):
    """``admit`` gives what a client sent that FFmpeg has to hear; ``greet`` readies FFmpeg for it, at ``path``."""

    admit: Callable[[socket.socket, bytes], bytes]
    greet: Callable[[socket.socket], None]
    path: str


class Bounded:
    """Reads from a socket within a time and a number of bytes for all of it.

    Raises:
        TurnedAwayError: either is used up, or the other end has gone.
    """

    def __init__(self, sock: socket.socket, *, most: int, seconds: float = _PROOF_S) -> None:
        self._sock = sock
        self._left = most
        self._deadline = time.monotonic() + seconds
        self.taken = bytearray()

    def take(self, count: int) -> bytes:
        """The next ``count`` bytes."""
        self._left -= count
        if self._left < 0:
            raise TurnedAwayError("it sends too much before its token")
        start = len(self.taken)
        while (missing := start + count - len(self.taken)) > 0:
            left_s = self._deadline - time.monotonic()
            if left_s <= 0:
                raise TurnedAwayError("no token in time")
            self._sock.settimeout(left_s)
            try:
                data = self._sock.recv(missing)
            except OSError:
                raise TurnedAwayError("no token in time") from None
            if not data:
                raise TurnedAwayError("it went away")
            self.taken += data
        return bytes(self.taken[start:])


def admit_line(client: socket.socket, token: bytes) -> bytes:
    """The first line over TCP is the token; nothing of it is passed on.

    Raises:
        TurnedAwayError: it is not.
    """
    reader, line = Bounded(client, most=_MOST_LINE), b""
    while not line.endswith(b"\n"):
        line += reader.take(1)
    _compare(line.rstrip(b"\r\n"), token)
    return b""


def admit_rtmp(client: socket.socket, token: bytes) -> bytes:
    """The application in the ``connect`` command is the token, or begins with ``TOKEN/``; all since the handshake.

    Raises:
        TurnedAwayError: it is not, or this is not RTMP.
    """
    reader = Bounded(client, most=1 + 2 * _HANDSHAKE)
    if reader.take(1) != _VERSION:
        raise TurnedAwayError("not plain RTMP")
    theirs = reader.take(_HANDSHAKE)
    try:
        client.sendall(_VERSION + bytes(8) + secrets.token_bytes(_HANDSHAKE - 8) + theirs)
    except OSError:
        raise TurnedAwayError("it went away") from None
    reader.take(_HANDSHAKE)
    reader = Bounded(client, most=_MOST_COMMAND)
    app = application(connect_command(reader.take))
    _compare(app.partition(b"/")[0].partition(b"?")[0], token)
    return bytes(reader.taken)


def greet_rtmp(inner: socket.socket) -> None:
    """The client's side of the handshake, with FFmpeg."""
    inner.sendall(_VERSION + bytes(8) + secrets.token_bytes(_HANDSHAKE - 8))
    answer = Bounded(inner, most=1 + 2 * _HANDSHAKE).take(1 + 2 * _HANDSHAKE)
    inner.sendall(answer[1 : 1 + _HANDSHAKE])


@dataclass(slots=True)
class _Message:
    length: int
    kind: int
    body: bytes = b""


def connect_command(take: Callable[[int], bytes]) -> bytes:
    """The first command in a stream of chunks, put together; ``take`` gives the next bytes of it.

    Raises:
        TurnedAwayError: chunks that cannot be.
    """
    messages: dict[int, _Message] = {}
    size = 128
    while True:
        stream, message = _header(take, messages)
        message.body += take(min(size, message.length - len(message.body)))
        if len(message.body) < message.length:
            continue
        if message.kind == _COMMAND:
            return message.body
        if message.kind == _SET_CHUNK_SIZE:
            size = max(1, int.from_bytes(message.body[:4], "big") & 0x7FFFFFFF)
        messages[stream] = _Message(message.length, message.kind)


def _header(take: Callable[[int], bytes], messages: dict[int, _Message]) -> tuple[int, _Message]:
    first = take(1)[0]
    form, stream = first >> 6, first & 63
    if stream < 2:
        stream = 64 + int.from_bytes(take(1 + stream), "little")
    header = take(_HEADER_BYTES[form])
    if form < 3 and header[:3] == b"\xff\xff\xff":
        take(4)  # the rest of the time
    if form < 2:
        messages[stream] = _Message(int.from_bytes(header[3:6], "big"), header[6])
    if stream not in messages:
        raise TurnedAwayError("not RTMP")
    return stream, messages[stream]


def application(command: bytes) -> bytes:
    """The ``app`` of a ``connect`` command in AMF0.

    Raises:
        TurnedAwayError: it is another command, or has none.
    """
    name, rest = _value(command)
    _, rest = _value(rest)
    if name != b"connect" or rest[:1] != b"\x03":
        raise TurnedAwayError("its first command is not connect")
    rest = rest[1:]
    while len(rest) > 3:
        length = int.from_bytes(rest[:2], "big")
        key, rest = rest[2 : 2 + length], rest[2 + length :]
        value, rest = _value(rest)
        if key == b"app":
            return value
    raise TurnedAwayError("it names no application")


def _value(data: bytes) -> tuple[bytes, bytes]:
    """The AMF0 value at the start of ``data``, as bytes, and what follows it."""
    marker, rest = data[:1], data[1:]
    fixed = {b"\x00": 8, b"\x01": 1, b"\x05": 0, b"\x06": 0}.get(marker)
    if fixed is not None:
        return rest[:fixed], rest[fixed:]
    if marker == b"\x02":
        length = int.from_bytes(rest[:2], "big")
        return rest[2 : 2 + length], rest[2 + length :]
    raise TurnedAwayError("a command that cannot be read")


def _compare(shown: bytes, token: bytes) -> None:
    if not hmac.compare_digest(shown, token):
        raise TurnedAwayError("no token, or a wrong one")


def _greet_nobody(_: socket.socket) -> None:
    """TCP has no greeting."""


DOORS = {
    "tcp": Door(admit_line, _greet_nobody, ""),
    "rtmp": Door(admit_rtmp, greet_rtmp, "/live/stream"),
}
