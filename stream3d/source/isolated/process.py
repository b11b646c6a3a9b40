"""The other end of ``child``: starts the process, asks it, takes what it gives, ends it."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from stream3d.errors import SourceError, Stream3DError
from stream3d.source.info import SourceInfo
from stream3d.source.isolated import wire
from stream3d.source.isolated.pipes import readable
from stream3d.source.isolated.ring import Ring
from stream3d.source.isolated.unpack import Unpacker
from stream3d.source.settings import SourceSettings
from stream3d.source.target import Target

_log = logging.getLogger("stream3d.source")

# The folder of the package goes last on the child's path, so that nothing beside it can shadow another module.
_CHILD = """\
import sys
sys.path.append(sys.argv.pop(1))
from stream3d.source.isolated.child import main
main(sys.argv[1:])"""
_READS = 16  # of 64 KiB at once, which is more than a pipe holds
_LONGEST = 2**19  # bytes of one message; it takes a few hundred
_GOODBYE_S = 0.6  # longer than the child gives itself
_START_S = 30.0  # of a machine that is very busy; it takes a quarter of a second at rest
_OPEN_GRACE_S = 1.0  # beyond the time limit that FFmpeg was given, for the child to say itself what was wrong


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """No more pictures come: the source's end, ``wanted`` if at ``SourceSettings.end_s``, or else an ``error``."""

    error: Stream3DError | None = None
    wanted: bool = False


class ReaderProcess:
    """A process that opens one target and hands over its pictures. ``pid`` is its id.

    ``open`` and ``take`` are for one thread; ``close`` and ``kill`` may be called from any. A source that is live loses
    the pictures that are not taken in time; of others, the process waits.
    """

    def __init__(self, shown: str, max_pixels: int) -> None:
        self._shown = shown
        try:
            self._ring = Ring.create(max_pixels)
        except OSError as error:
            raise SourceError(f"{shown}: no shared memory for its pictures ({error.strerror})") from None
        try:
            self._process = self._start()
        except BaseException:
            self._ring.close()
            raise
        assert self._process.stdin is not None and self._process.stdout is not None  # noqa: S101, PT018 - are pipes
        self._inlet, self._outlet = self._process.stdin, self._process.stdout
        self._unpack = Unpacker()
        self._messages: deque[wire.Message] = deque()
        self._rest = b""
        self._all_said = False
        self._last = 0
        self._lossless = False
        self._ready = False
        self._closing, self._using, self._asking = threading.Lock(), threading.Lock(), threading.Lock()
        self._closed = self._killed = False

    @property
    def usable(self) -> bool:
        """Whether it may be asked to open something: it lives, and nobody has ended it."""
        return not (self._closed or self._killed or self._all_said) and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._process.pid

    def _start(self) -> subprocess.Popen[bytes]:
        package_folder = str(Path(__file__).resolve().parents[3])
        ticket = self._ring.ticket
        command = [sys.executable, "-P", "-c", _CHILD, package_folder, *map(str, ticket)]
        try:
            return subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # what matters of it comes as messages
                bufsize=0,
                pass_fds=() if ticket.descriptor < 0 else (ticket.descriptor,),
                start_new_session=True,  # Ctrl-C is for the parent, which then ends the child
            )
        except OSError as error:
            raise SourceError(f"{self._shown}: its reader process cannot be started ({error.strerror})") from None

    def open(self, target: Target, settings: SourceSettings) -> SourceInfo:
        """Have ``target`` opened; after a failure that the process itself reported it may be asked again.

        Raises:
            SourceError: (or another of this project's) it cannot be opened, or the process died or hung over it.
        """
        with self._using:
            try:
                answer = self._answer(target, settings)
            except (KeyError, TypeError, ValueError):
                raise self._nonsense() from None
            if isinstance(answer, Stream3DError):
                raise answer
            self._lossless = not answer.live
            return answer

    def _answer(self, target: Target, settings: SourceSettings) -> SourceInfo | Stream3DError:
        self.wait_until_ready()
        self._ask(wire.request(target, settings))
        message = self._next(None if target.listens else settings.timeout_s + _OPEN_GRACE_S)
        if message is None:
            self.kill()
            return SourceError(f"{self._shown}: no answer within {settings.timeout_s:g} s")
        return wire.read_info(message) if message["what"] == "info" else wire.read_error(message)

    def _nonsense(self) -> SourceError:
        """Whatever has got hold of the process, it is no reader any more."""
        self.kill()
        return SourceError(f"{self._shown}: its reader process says what makes no sense")

    def wait_until_ready(self) -> None:
        """Wait until it has imported what it needs; ``open`` does that by itself.

        Raises:
            SourceError: it did not come to that.
        """
        if self._ready:
            return
        message = self._next(_START_S)
        if message is None:
            raise SourceError(f"{self._shown}: its reader process did not start within {_START_S:g} s")
        if message["what"] != "ready":
            raise wire.read_error(message)
        self._ready = True

    def take(self, timeout_s: float) -> wire.Shot | Ended | None:
        """The oldest picture that is still there, the end of them, or None if neither comes within ``timeout_s``."""
        with self._using:
            try:
                return self._take(timeout_s)
            except (KeyError, TypeError, ValueError):
                return Ended(error=self._nonsense())

    def _take(self, timeout_s: float) -> wire.Shot | Ended | None:
        deadline = time.monotonic() + timeout_s
        while (message := self._next(deadline - time.monotonic())) is not None:
            if message["what"] == "end":
                return Ended(wanted=message["wanted"])
            if message["what"] != "shot":
                return Ended(error=wire.read_error(message))
            if (shot := self._shot(wire.read_shot(message))) is not None:
                return shot
        return None

    def _shot(self, header: wire.Header) -> wire.Shot | None:
        """None where it has been overwritten."""
        data = self._ring.read(header.number, header.size)
        if self._lossless:
            self._ask(wire.TAKEN)
        if data is None:
            return None
        lost, self._last = header.number - self._last - 1, header.number
        return wire.Shot(header=header, picture=self._unpack(header, data), lost=lost)

    def _next(self, timeout_s: float | None) -> wire.Message | None:
        """The next message but for logs, which are passed on; None if none comes in time. Death is an error message."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        self._receive(0.0)
        while True:
            while self._messages:
                message = self._messages.popleft()
                if message["what"] != "log":
                    return message
                _log.log(message["level"], "%s", message["text"])
            if self._all_said:
                return self._obituary()
            left_s = 1.0 if deadline is None else deadline - time.monotonic()
            if left_s <= 0:
                return None
            self._receive(min(left_s, 1.0))

    def _receive(self, timeout_s: float) -> None:
        """Take in all that has been said, waiting for it up to ``timeout_s``."""
        for _ in range(_READS):
            if self._all_said or not readable(self._outlet.fileno(), timeout_s):
                return
            said, timeout_s = os.read(self._outlet.fileno(), 65536), 0.0
            self._all_said = not said
            *lines, self._rest = (self._rest + said).split(b"\n")
            if len(self._rest) > _LONGEST:
                raise ValueError(f"a message of more than {_LONGEST} bytes")
            self._messages.extend(map(json.loads, lines))

    def _obituary(self) -> wire.Message:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=_GOODBYE_S)
        code = self._process.poll()
        how = "" if code is None else f" (exit status {code})"
        if code is not None and code < 0:
            how = f" ({signal.Signals(-code).name})"
        return {"what": "error", "kind": "SourceError", "text": f"{self._shown}: its reader process died{how}"}

    def _ask(self, text: bytes) -> None:
        with self._asking, contextlib.suppress(OSError, ValueError):  # gone, or closed: what it said last tells
            self._inlet.write(text)

    def kill(self) -> None:
        """End the process at once; whoever waits in ``take`` or ``open`` is told of its death."""
        self._killed = True
        with contextlib.suppress(OSError):
            self._process.kill()

    def close(self, *, grace_s: float = _GOODBYE_S) -> None:
        """End the process, within ``grace_s`` and what the system takes to kill it; more than once is fine."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
            with self._asking:
                self._inlet.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=grace_s)
            self.kill()
            self._process.wait()
            with self._using:  # whoever was waiting in there has been woken by the end of the pipe
                self._outlet.close()
                self._ring.close()
                self._all_said = True
                self._messages.clear()
