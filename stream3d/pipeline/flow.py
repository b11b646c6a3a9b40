"""From open sources to results: one file with several frames in flight, or whatever is there of all sources."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import closing

from stream3d.pipeline.feeds import Feeds
from stream3d.pipeline.in_flight import at_once, cores, in_flight, possible
from stream3d.pipeline.rooms import Rooms
from stream3d.pipeline.settings import RunSettings
from stream3d.pipeline.together import Budget, Together
from stream3d.values import Result

_GPU_BATCH = 4  # frames at once, of which each crop is one row

Flow = Generator[Result | None, None, None]
"""Results, those of each source in order; None when nothing has come for a while."""


def flow(feeds: Feeds, rooms: Rooms, settings: RunSettings) -> Flow:
    """The results of all sources, to their ends; what breaks off still gets its results.

    Raises:
        Stream3DError: what the first of the sources broke off with, after the results of all.
    """
    through = _in_flight(feeds, rooms) if _thick(feeds, rooms, settings) else _as_it_comes(feeds, rooms, settings)
    with closing(through):
        yield from through
    for error in feeds.errors:
        raise error


def _thick(feeds: Feeds, rooms: Rooms, settings: RunSettings) -> bool:
    """Whether several frames of one file are to be in flight."""
    if len(feeds.feeds) > 1 or not possible(rooms):
        return False
    live = feeds.feeds[0].source.info.live
    return settings.mode == "throughput" or (settings.mode == "auto" and not live and cores() > 1)


def _all_live(feeds: Feeds, rooms: Rooms) -> bool:
    """Whether nobody should wait for the detector: its turns would make a few pictures a second twice as old."""
    return possible(rooms) and rooms.on_cpu and all(feed.source.info.live for feed in feeds.feeds)


def _in_flight(feeds: Feeds, rooms: Rooms) -> Flow:
    workers = cores()
    (feed,) = feeds.feeds
    frames = (frame for together in feeds for frame in together)
    with closing(
        in_flight(rooms, frames, count=at_once(workers if rooms.on_cpu else _GPU_BATCH), workers=workers)
    ) as through:
        yield from through
    yield from rooms.finish(feed.source_id)


def _as_it_comes(feeds: Feeds, rooms: Rooms, settings: RunSettings) -> Flow:
    """What is there of all sources, taken together; each source's last results come when it ends."""
    budget = None if settings.max_latency_s is None else Budget(settings.max_latency_s)
    if budget is not None:
        feeds.oldest_s = budget.oldest_s
    finished: set[str] = set()
    with Together(rooms, workers=cores(), beside=budget is not None or _all_live(feeds, rooms)) as together:
        for frames in feeds:
            began = time.perf_counter()
            results = together(frames)
            if budget is not None and frames:
                budget.spent(time.perf_counter() - began)
            yield from results
            for feed in feeds.feeds:
                if feed.over and feed.source_id not in finished:
                    finished.add(feed.source_id)
                    yield from rooms.finish(feed.source_id)
            if not results:
                yield None
