"""Several frames of a file in flight, so that all cores are busy; who is who is still settled frame after frame."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from stream3d.errors import Stream3DError
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
    """Whether frames may be in flight: of moving pictures, with nets on a CPU, which several threads may run."""
    return not rooms.stills and rooms.on_cpu


def in_flight(rooms: Rooms, frames: Iterable[Frame], *, count: int, workers: int) -> Generator[Result, None, None]:
    """The results of ``frames``, in order.

    Of ``count`` frames all crops are read at the same time, in ``workers`` threads, where people are guessed to be by
    their motion; then people are followed frame by frame, and whoever is not where they were guessed is read again.
    Meanwhile the frames before are lifted and smoothed. Everything that was begun ends before this does.

    Raises:
        Stream3DError: the frames broke off; the results of those that came were given before.
    """
    with ThreadPoolExecutor(workers, thread_name_prefix="stream3d-nets") as pool:
        lifting: Future[list[Result]] | None = None
        try:
            for group in groups(frames, count):
                tracked = _followed(rooms, group, pool)
                if lifting is not None:
                    yield from lifting.result()
                lifting = pool.submit(_lifted, rooms, tracked)
        except Stream3DError:
            if lifting is not None:
                yield from lifting.result()
            raise
        if lifting is not None:
            yield from lifting.result()


def groups(frames: Iterable[Frame], size: int) -> Iterator[list[Frame]]:
    """``frames`` by ``size``; where they break off, those that came are given before the error is raised.

    Raises:
        Stream3DError: whatever they broke off with.
    """
    group: list[Frame] = []
    try:
        for frame in frames:
            group.append(frame)
            if len(group) == size:
                yield group
                group = []
    except Stream3DError:
        yield group
        raise
    if group:
        yield group


@dataclass(frozen=True, slots=True)
class _Begun:
    """What the nets were asked of a frame."""

    frame: Frame
    guess: Ahead
    reading: Future[Landmarks | None]
    looking: Future[Found] | None

    def known(self) -> Ahead:
        """Their answers, once they are there."""
        found = None if self.looking is None else self.looking.result()
        return Ahead(regions=self.guess.regions, seen=self.reading.result(), found=found)


def _followed(rooms: Rooms, group: Sequence[Frame], pool: ThreadPoolExecutor) -> list[tuple[Frame, Tracks2D]]:
    guesses = [Ahead(regions=rooms.track.guess(frame.stamp)) for frame in group]
    look = _first_look(rooms, group, guesses)
    begun = [
        _Begun(
            frame=frame,
            guess=guess,
            looking=pool.submit(rooms.pose2d.look, frame) if k == look else None,
            reading=pool.submit(rooms.pose2d.read, frame, guess.regions),
        )
        for k, (frame, guess) in enumerate(zip(group, guesses, strict=True))
    ]
    return [(one.frame, rooms.followed(one.frame, one.known())) for one in begun]


def _first_look(rooms: Rooms, group: Sequence[Frame], guesses: Sequence[Ahead]) -> int | None:
    """At which frame the detector's turn comes; what follows in the group is left to what the frames show."""
    for k, (frame, guess) in enumerate(zip(group, guesses, strict=True)):
        if rooms.pose2d.will_look(frame, guess.regions, searching=rooms.track.searching(frame.source_id)):
            return k
    return None


def _lifted(rooms: Rooms, tracked: Sequence[tuple[Frame, Tracks2D]]) -> list[Result]:
    return [result for one in tracked for result in rooms.lifted([one])]
