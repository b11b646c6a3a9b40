"""The sources of a run, each read ahead in a thread of its own, and the pictures of all that are there to be taken."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType

from stream3d.channel import Policy, wait_for_any
from stream3d.errors import Stream3DError
from stream3d.pipeline.threads import Reader
from stream3d.source import Source
from stream3d.values import Frame

_AHEAD = 4  # frames of a file decoded in advance
_TICK_S = 0.1  # how long nothing may come before whoever waits is asked whether they want to go on


class Feed:
    """One source and the thread that reads it; ``error`` is what it broke off with.

    Of a live source the newest picture waits, older ones are dropped; of any other nothing is lost.
    """

    def __init__(self, source: Source, changed: threading.Condition) -> None:
        live = source.info.live
        policy: Policy = "latest" if live else "block"
        self.source = source
        self.stale = 0
        self.error: Stream3DError | None = None
        self.over = False
        self.reader = Reader[Frame](source, capacity=1 if live else _AHEAD, policy=policy, changed=changed)

    @property
    def source_id(self) -> str:
        """What the user named."""
        return self.source.info.source_id

    @property
    def thrown_away(self) -> int:
        """Pictures that came here and were not taken, because newer ones had come or because they were too old."""
        return self.reader.channel.dropped + self.stale

    @property
    def dropped(self) -> int:
        """All pictures that left the decoder and were never taken."""
        return self.thrown_away + self.source.health.now().lost

    def take(self, oldest_at: float) -> Frame | None:
        """The picture that waits, unless it was captured before ``oldest_at``; None also at the end."""
        try:
            frame = self.reader.channel.get()
        except Stream3DError as error:
            self.error, frame = error, None
        if frame is None:
            self.over = True
        elif self.source.info.live and frame.captured_at < oldest_at:
            self.stale += 1
            return None
        return frame


class Feeds:
    """All sources of a run; a context manager, and an iterable of what is there: at most one picture of each.

    It never waits for one source while another has a picture, so that none is served at the expense of the others.
    Nothing for a while is an empty list. ``oldest_s`` is asked how old a live picture may be when it is taken.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        self._changed = threading.Condition()
        self.oldest_s: Callable[[], float] = lambda: math.inf
        self.feeds = tuple(Feed(source, self._changed) for source in sources)

    def __enter__(self) -> Feeds:
        for feed in self.feeds:
            feed.reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for feed in self.feeds:
            feed.reader.leave()
            feed.source.stop()
        for feed in self.feeds:
            feed.reader.join()

    def __iter__(self) -> Iterator[list[Frame]]:
        """Pictures until all sources have ended; what a source broke off with is in ``errors``."""
        while running := [feed for feed in self.feeds if not feed.over]:
            by_channel = {id(feed.reader.channel): feed for feed in running}
            ready = wait_for_any([feed.reader.channel for feed in running], self._changed, _TICK_S)
            oldest_at = time.monotonic() - self.oldest_s()
            frames = [by_channel[id(channel)].take(oldest_at) for channel in ready]
            yield [frame for frame in frames if frame is not None]

    def of(self, source: Source) -> Feed:
        """The feed of one of the sources."""
        return next(feed for feed in self.feeds if feed.source is source)

    @property
    def errors(self) -> list[Stream3DError]:
        """What sources broke off with, in the order in which they were named."""
        return [feed.error for feed in self.feeds if feed.error is not None]
