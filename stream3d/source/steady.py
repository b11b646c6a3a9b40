"""A live source that does not end by itself: whatever happens to the stream or its reader, pictures come again."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Self

from stream3d.errors import SourceError, SourceFormatError, SourceRefusedError, Stream3DError
from stream3d.source.backoff import Backoff
from stream3d.source.health import HealthRecord
from stream3d.source.info import SourceCounts, SourceInfo
from stream3d.source.isolated import Ended, ReaderProcess, Shot
from stream3d.source.joined import Joined
from stream3d.source.settings import SourceSettings
from stream3d.source.target import Target
from stream3d.values import Frame

_FILE_SILENCE_S = 60.0  # of a remote file: FFmpeg's own time limit comes long before, this is for when it hangs
_SLOW_PERIODS = 4.0  # a camera of one picture in two seconds is not dead after two
_KEPT_COMING_S = 2.0  # a session at least this long was a good one
_SHORT_OPEN_S = 2.5
_LEAST_OPEN_S = 0.1
_LONG_EVERY = 6
_FEW_TO_PROBE = {"fpsprobesize": "2"}
_NONE_TO_PROBE = {"probesize": "32"}  # the answer to DESCRIBE tells what an RTSP stream holds
_PILE_S = 2.0  # to get through what piled up before a session's first picture was handed over
_PACED = 2  # pictures in a row that came no faster than they were taken: the pile is over
_PAUSE_S = 0.3  # a new reader may take that long over its first picture; slower cameras pile nothing up
_AT_ONCE_S = 1.0  # a port that cannot be listened on fails at once, a publisher takes longer


class SteadySource:
    """A network address or camera as a source of frames, read by a process of its own; see ``Source``.

    Its first picture is decoded at construction, and what is wrong then is raised. From then on a live source comes
    back from everything: its end, an error, silence of ``stall_s``, a reader process that crashed or was killed. Only
    after ``give_up_s`` without a picture, if that is set, it fails. Media time goes on over a gap by what the clock
    says. What is not live (a file behind a URL) ends at its end and fails at its errors.

    ``close`` and ``stop`` may be called from any thread, and end whatever is going on.

    Raises:
        SourceError: (or a child) it cannot be opened or holds no picture that can be decoded.
        SettingsError: it ends before ``start_s``.
    """

    def __init__(self, target: Target, settings: SourceSettings) -> None:
        self._target, self._settings = target, settings
        # Its rate is known by then, and to find that out again would take half a second or more.
        hasty = _FEW_TO_PROBE | (_NONE_TO_PROBE if target.address.lower().startswith("rtsp") else {})
        self._hasty = replace(target, options=hasty | target.options)
        self._joined, self.health = Joined(target.shown), HealthRecord()
        self._backoff = Backoff(first_s=settings.reconnect_first_s, most_s=settings.reconnect_most_s)
        self._over, self._swap = threading.Event(), threading.Lock()
        self._reader: ReaderProcess | None = None
        self._started = False
        self._held: Ended | None = None  # what came while the newest picture was looked for
        try:
            self.info = self._first_opening()
        except BaseException:
            self.close()
            raise
        self._heard_at = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the reading and its process; from any thread, as often as one likes."""
        self._over.set()
        with self._swap:
            reader = self._reader
        if reader is not None:
            reader.close()
        if self.health.now().state != "failed":
            self.health.becomes("ended")

    stop = close

    @property
    def counts(self) -> SourceCounts:
        """What has happened so far, in all sessions."""
        return self._joined.counts

    @property
    def reader_pid(self) -> int | None:
        """The id of the process that reads now; None between two."""
        reader = self._reader
        return None if reader is None else reader.pid

    def __iter__(self) -> Iterator[Frame]:
        """Frames in the order of their times, once; closes the source at the end, also when left early.

        Raises:
            SourceError: it gave up (``give_up_s``), or is not live and broke off; or was closed or read before.
        """
        if self._started or self._over.is_set():
            raise SourceError(f"{self._target.shown}: was closed or read before; open it again")
        self._started = True
        return self._read()

    def _read(self) -> Iterator[Frame]:
        end_s = self._settings.end_s
        try:
            while (shot := self._next_shot()) is not None:
                frame = self._joined.frame(shot)
                if end_s is not None and frame.pts >= end_s:
                    return
                self.health.frame(captured_at=frame.captured_at, lost=shot.lost)
                self.counts.read += 1
                yield frame
        finally:
            self.close()

    def _next_shot(self) -> Shot | None:
        """The next picture, over as many readers as it takes; None at the end."""
        while not self._over.is_set():
            got = self._take()
            if isinstance(got, Shot):
                self._heard_at = time.monotonic()
                return got
            if self._over.is_set() or (isinstance(got, Ended) and (got.wanted or self._at_end(got))):
                return None
            error = got.error if got else SourceError(f"{self._target.shown}: no picture for {self._patience_s():g} s")
            if not self.info.live:
                raise error or SourceError(f"{self._target.shown}: broke off")
            self._come_back(str(error or f"{self._target.shown}: the stream ended"))
        return None

    def _take(self) -> Shot | Ended | None:
        held, self._held = self._held, None
        if held is not None or self._reader is None:
            return held
        got = self._reader.take(self._patience_s())
        first = self._joined.session_at is None and self.info.live
        return self._freshest(self._reader, got) if first and isinstance(got, Shot) else got

    def _freshest(self, reader: ReaderProcess, shot: Shot) -> Shot:
        """The newest of the pictures that piled up while the stream was probed, and that now come at once.

        The first of them is older than it seems: with each session media time would run ahead by all that they span.
        """
        until, paced = time.monotonic() + _PILE_S, 0
        while paced < _PACED and time.monotonic() < until:
            later = reader.take(_PAUSE_S)
            if not isinstance(later, Shot):
                self._held = later
                break
            step_s = later.header.time_s - shot.header.time_s
            slowly = later.header.captured_at - shot.header.captured_at > 0.5 * step_s
            paced = paced + 1 if slowly else 0
            shot = replace(later, lost=shot.lost + later.lost + 1)
        return shot

    def _at_end(self, ended: Ended) -> bool:
        return not self.info.live and ended.error is None

    def _patience_s(self) -> float:
        """How long may pass without a picture."""
        if not self.info.live:
            return _FILE_SILENCE_S
        waits_s = (self._settings.start_s or 0.0) if not self._joined.begun else 0.0
        return max(self._settings.stall_s, _SLOW_PERIODS / (self.info.fps or _SLOW_PERIODS)) + waits_s

    # --- opening -----------------------------------------------------------------------------------------------------

    def _first_opening(self) -> SourceInfo:
        while True:
            reader = self._start_reader()
            if reader is None:
                raise SourceError(f"{self._target.shown}: was closed while it was being opened")
            asked_at = time.monotonic()
            reader.wait_until_ready()
            opening_at = time.monotonic()
            try:
                info = reader.open(self._target, self._settings)
            except Stream3DError as error:
                quick = time.monotonic() - asked_at < _AT_ONCE_S and not isinstance(error, SourceFormatError)
                if not self._target.listens or quick or self._over.is_set():
                    raise
                self._drop_reader()  # whoever pushed to us, it was no video: wait for the next
            else:
                self._opens_in_s = time.monotonic() - opening_at
                return info

    def _come_back(self, why: str) -> None:
        """Have a reader again that has decoded a picture; returns without one when the source is closed.

        Raises:
            SourceError: it took longer than ``give_up_s``.
        """
        self._end_session()
        silent = time.monotonic() - self._heard_at > 0.9 * min(self._settings.stall_s, self._settings.read_timeout_s)
        self.health.becomes("stalled" if silent else "reconnecting", why)
        while not self._over.is_set():
            left_s = self._left_s(why)
            wait_s = min(self._backoff(time.monotonic()), left_s)
            try:
                reader = self._start_reader()  # it starts while we wait
                if self._over.wait(wait_s) or reader is None:
                    return
                reader.open(self._hasty, self._again(left_s - wait_s))
            except (Stream3DError, OSError) as error:
                if self._over.is_set():
                    return
                self._drop_reader(unless_usable=True)
                if isinstance(error, SourceRefusedError) and not self._target.listens:  # others may push what is good
                    self._backoff.refused()
                why = str(error)
                self.health.becomes("reconnecting", why)
            else:
                return

    def _left_s(self, why: str) -> float:
        """Until it gives up.

        Raises:
            SourceError: that is now.
        """
        give_up_s = self._settings.give_up_s
        if give_up_s is None:
            return float("inf")
        left_s = self._heard_at + give_up_s - time.monotonic()
        if left_s > 0:
            return left_s
        self.health.becomes("failed", why)
        raise SourceError(f"{self._target.shown}: no picture for {give_up_s:g} s, given up; {why}")

    def _again(self, left_s: float) -> SourceSettings:
        """The settings for another session; whoever answered fast at first is not waited for as long as a slow one."""
        timeout_s = self._settings.timeout_s
        if self._backoff.failed % _LONG_EVERY:
            timeout_s = min(timeout_s, max(_SHORT_OPEN_S, 2 * self._opens_in_s + 1.0))
        timeout_s = max(min(timeout_s, left_s), _LEAST_OPEN_S)
        if not self._joined.begun:
            return replace(self._settings, timeout_s=timeout_s)
        return replace(self._settings, timeout_s=timeout_s, start_s=None, end_s=None)

    def _start_reader(self) -> ReaderProcess | None:
        """The reader there is, or else a new one; None when the source is closed."""
        with self._swap:
            if self._over.is_set():
                return None
            if self._reader is None:
                self._reader = ReaderProcess(self._target.shown, self._settings.max_pixels)
            return self._reader

    def _drop_reader(self, *, unless_usable: bool = False) -> None:
        reader = self._reader
        if reader is None or (unless_usable and reader.usable):
            return
        reader.close(grace_s=0.0)
        with self._swap:
            self._reader = None

    def _end_session(self) -> None:
        self._drop_reader()
        began = self._joined.session_at
        if began is not None and self._heard_at - began >= _KEPT_COMING_S:
            self._backoff.good()
        self._joined.end_session()
