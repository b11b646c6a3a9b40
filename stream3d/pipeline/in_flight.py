"""Several frames of a file in flight, so that all cores are busy; who is who is still settled frame after frame."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import islice

from stream3d.pipeline.rooms import Rooms
from stream3d.pose2d import Ahead, Found, Landmarks
from stream3d.values import Frame, Result, Tracks2D

_MOST = 4  # frames: people are guessed where they will be by their motion, and the farther the worse


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def at_once(workers: int) -> int:
    """How many frames to have in flight for so many workers: each further one makes guesses worse.

    >>> [at_once(workers) for workers in (1, 2, 16)]
    [2, 2, 4]
    """
    return min(max(workers, 2), _MOST)


def possible(rooms: Rooms) -> bool:
    """Whether frames may be in flight: of moving pictures."""
    return not rooms.stills


def in_flight(rooms: Rooms, frames: Iterable[Frame], *, count: int, workers: int) -> Generator[Result, None, None]:
    """The results of ``frames``, in order.

    Of ``count`` frames all crops are read at the same time, in ``workers`` threads or on a GPU in one batch, where
    people are guessed to be by their motion; then people are followed frame by frame, and whoever is not where they
    were guessed is read again. Meanwhile the frames before are lifted and smoothed. Everything that was begun ends
    before this does.
    """
    with ThreadPoolExecutor(workers, thread_name_prefix="stream3d-nets") as pool:
        lifting: Future[list[Result]] | None = None
        for group in groups(frames, count):
            tracked = _followed(rooms, group, pool)
            if lifting is not None:
                yield from lifting.result()
            lifting = pool.submit(_lifted, rooms, tracked)
        if lifting is not None:
            yield from lifting.result()


def groups(frames: Iterable[Frame], size: int) -> Iterator[list[Frame]]:
    """``frames`` by ``size``; the last group may be smaller."""
    rest = iter(frames)
    while group := list(islice(rest, size)):
        yield group


def _followed(rooms: Rooms, group: Sequence[Frame], pool: ThreadPoolExecutor) -> list[tuple[Frame, Tracks2D]]:
    guesses = [Ahead(regions=rooms.track.guess(frame.stamp)) for frame in group]
    look = _first_look(rooms, group, guesses)
    ask = _in_threads if rooms.on_cpu else _in_one_batch
    return [(frame, rooms.followed(frame, known())) for frame, known in ask(rooms, group, guesses, look, pool)]


_Known = Callable[[], Ahead]
"""What the nets say of a frame, once they have said it."""


def _in_threads(
    rooms: Rooms, group: Sequence[Frame], guesses: Sequence[Ahead], look: int | None, pool: ThreadPoolExecutor
) -> list[tuple[Frame, _Known]]:
    """Each frame's crops in a thread of its own; who is who in the first is settled while the last is still read."""

    def known(guess: Ahead, reading: Future[Landmarks | None], looking: Future[Found] | None) -> Ahead:
        found = None if looking is None else looking.result()
        return replace(guess, seen=reading.result(), found=found)

    return [
        (
            frame,
            partial(
                known,
                guess,
                looking=pool.submit(rooms.pose2d.look, frame) if k == look else None,
                reading=pool.submit(rooms.pose2d.read, frame, guess.regions),
            ),
        )
        for k, (frame, guess) in enumerate(zip(group, guesses, strict=True))
    ]


def _in_one_batch(
    rooms: Rooms, group: Sequence[Frame], guesses: Sequence[Ahead], look: int | None, _: ThreadPoolExecutor
) -> list[tuple[Frame, _Known]]:
    """All crops of all frames in one call, which is what a GPU wants."""
    seen = rooms.pose2d.read_together(group, [guess.regions for guess in guesses])
    found = [rooms.pose2d.look(frame) if k == look else None for k, frame in enumerate(group)]
    answers = zip(group, guesses, seen, found, strict=True)
    return [(frame, partial(replace, guess, seen=one, found=other)) for frame, guess, one, other in answers]


def _first_look(rooms: Rooms, group: Sequence[Frame], guesses: Sequence[Ahead]) -> int | None:
    """At which frame the detector's turn comes; what follows in the group is left to what the frames show."""
    for k, (frame, guess) in enumerate(zip(group, guesses, strict=True)):
        if rooms.pose2d.will_look(frame, guess.regions, searching=rooms.track.searching(frame.source_id)):
            return k
    return None


def _lifted(rooms: Rooms, tracked: Sequence[tuple[Frame, Tracks2D]]) -> list[Result]:
    return [result for one in tracked for result in rooms.lifted([one])]
