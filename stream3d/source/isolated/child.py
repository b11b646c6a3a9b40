"""The process that opens and decodes: reads requests on standard input, and dies when that ends.

It has one thread beside the one that decodes, which does nothing but wait for what the parent says; and when the parent
is gone it ends the process even while FFmpeg hangs.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import select
import sys
import threading
from contextlib import closing

from stream3d.source.isolated import wire
from stream3d.source.isolated.confine import confine
from stream3d.source.isolated.ring import SLOTS, Ring, Ticket
from stream3d.source.video import VideoSource
from stream3d.values import Frame

_LONGEST_LOG = 400  # characters; short enough for a pipe to take at once
_CLOSING_S = 0.3  # to say goodbye to a server, when the parent wants an end


class Inbox:
    """What the parent says, taken from descriptor 0 by a thread."""

    def __init__(self) -> None:
        self.requests: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self.free = threading.Semaphore(SLOTS - 1)  # one more is struck out ahead, see `Reader`
        self.over = threading.Event()
        threading.Thread(target=self._listen, name="stream3d-inbox", daemon=True).start()

    def _listen(self) -> None:
        rest = b""
        while said := os.read(0, 65536):
            *lines, rest = (rest + said).split(b"\n")
            for text in lines:
                if text + b"\n" == wire.TAKEN:
                    self.free.release()
                else:
                    self.requests.put(text)
        self.over.set()
        self.free.release()
        threading.Event().wait(_CLOSING_S)
        os._exit(0)


class Outbox(logging.Handler):
    """What is said to the parent, on what was standard output; nothing else of this process gets there."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(logging.WARNING)
        self._descriptor = descriptor
        self._one_at_a_time = threading.Lock()
        if sys.platform != "win32":
            os.set_blocking(descriptor, False)

    def say(self, message: bytes) -> None:
        """Deliver ``message``, however long that takes."""
        rest = memoryview(message)
        with self._one_at_a_time:
            while rest:
                try:
                    rest = rest[os.write(self._descriptor, rest) :]
                except BlockingIOError:
                    select.select((), (self._descriptor,), ())

    def try_to_say(self, message: bytes) -> None:
        """Deliver ``message`` or, when the parent has not listened for long, drop it.

        It is short enough for a pipe to take as a whole or not at all (POSIX promises 512 bytes). On Windows, where
        this has not run, pipes block: there a parent that does not listen stops the reading after a few seconds.
        """
        with self._one_at_a_time, contextlib.suppress(BlockingIOError):
            os.write(self._descriptor, message)

    def emit(self, record: logging.LogRecord) -> None:
        """Log where the parent does."""
        text = record.getMessage()[:_LONGEST_LOG]
        self.try_to_say(wire.line({"what": "log", "level": record.levelno, "text": text}))


class Reader:
    """Answers requests one after the other until one of them has led to pictures."""

    def __init__(self, ring: Ring, inbox: Inbox, outbox: Outbox) -> None:
        self._ring, self._inbox, self._outbox = ring, inbox, outbox

    def run(self) -> None:
        """Open what is asked for, again and again where that fails, then read it to its end."""
        self._outbox.say(wire.line({"what": "ready"}))
        while not self._answer(self._inbox.requests.get()):
            pass

    def _answer(self, text: bytes) -> bool:
        """Whether it could be opened."""
        target, settings = wire.read_request(text)
        opened = False
        try:
            with closing(VideoSource(target, settings)) as source:
                self._outbox.say(wire.info_message(source.info))
                opened = True
                self._read(source)
            self._outbox.say(wire.line({"what": "end", "wanted": source.at_wanted_end}))
        except Exception as error:  # told to the parent, which raises it
            self._outbox.say(wire.error_message(error, target.shown))
        return opened

    def _read(self, source: VideoSource) -> None:
        live = source.info.live
        self._ring.strike_out(1)
        for number, frame in enumerate(source, start=1):
            if not live:
                self._inbox.free.acquire()
            if self._inbox.over.is_set():
                return
            self._ring.write(number, frame.planes or frame.image)
            # Struck out before the system call that tells of this picture, which orders the two for all processors.
            self._ring.strike_out(number + 1)
            say = self._outbox.try_to_say if live else self._outbox.say
            say(wire.shot_message(_header(number, frame, source)))


def _header(number: int, frame: Frame, source: VideoSource) -> wire.Header:
    planes, (wide, high) = frame.planes, frame.size
    return wire.Header(
        number=number,
        width=wide,
        height=high,
        colours=None if planes is None else planes.coefficients,
        time_s=frame.pts,
        captured_at=frame.captured_at,
        corrupt=frame.corrupt,
        counts=source.counts,
    )


def main(arguments: list[str]) -> None:
    """Read what is asked for on standard input; never returns.

    ``arguments`` are the ticket of the ring.
    """
    confine()
    descriptor, tag, slot_bytes = arguments
    told = os.dup(1)
    os.dup2(2, 1)  # whatever a library prints must not get between the messages
    outbox = Outbox(told)
    logger = logging.getLogger("stream3d")
    logger.addHandler(outbox)
    logger.propagate = False
    try:
        Reader(Ring(Ticket(int(descriptor), tag, int(slot_bytes))), Inbox(), outbox).run()
    finally:
        os._exit(0)  # without waiting for what a library may still be doing
