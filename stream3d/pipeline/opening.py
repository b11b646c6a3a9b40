"""Opening several sources at the same time: eight cameras that take a second each are there after one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from stream3d.source import Source

_LOOK_S = 0.2  # between looks at whether the user wants to end it: a lock that is waited for hears no signal

What = str | int | Path
"""What a user may name: a video, image, folder, glob, camera index, URL or ``sample``."""


def open_together(whats: Sequence[What], open_one: Callable[[What], Source]) -> list[Source]:
    """All sources, open, in their order; if one fails, or the user interrupts, those that are open are closed again.

    Several are opened in a thread each, which ends with the opening; one that is still at it when another has failed
    closes its source itself.

    Raises:
        Stream3DError: what the first of them, in their order, failed with.
    """
    if len(whats) == 1:
        return [open_one(whats[0])]
    openings = [_Opening(what, open_one) for what in whats]
    try:
        return [opening.result() for opening in openings]
    except BaseException:
        for opening in openings:
            opening.abandon()
        raise


class _Opening:
    """One source on its way."""

    def __init__(self, what: What, open_one: Callable[[What], Source]) -> None:
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._abandoned = False
        self._source: Source | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._open, args=(what, open_one), name="stream3d-opening", daemon=True)
        self._thread.start()

    def _open(self, what: What, open_one: Callable[[What], Source]) -> None:
        try:
            source = open_one(what)
        except BaseException as error:  # raised again for whoever waits
            self._error = error
        else:
            with self._lock:
                self._source = source
                if self._abandoned:
                    source.close()
        finally:
            self._done.set()

    def result(self) -> Source:
        """The open source, or what it failed with."""
        while not self._done.wait(_LOOK_S):
            pass
        if self._error is not None:
            raise self._error
        assert self._source is not None  # noqa: S101 - done, and no error
        return self._source

    def abandon(self) -> None:
        """Close the source, now or as soon as it is open."""
        with self._lock:
            self._abandoned = True
            if self._source is not None:
                self._source.close()
