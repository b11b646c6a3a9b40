"""Pictures of several sources through the rooms at the same time, within a promised latency."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

from stream3d.pipeline.rooms import Rooms
from stream3d.pose2d import Ahead, Found, Landmarks
from stream3d.values import Frame, Result

_REMEMBERED = 64  # passes
_MOSTLY = 0.9  # of them took no longer than what the next is expected to take
_LEAST_SHARE = 0.25  # of the promised latency that a picture may be old when it is taken, however long things take


class Budget:
    """How old a picture may be when it is taken, so that its skeletons are not older than promised when they are given.

    >>> budget = Budget(0.1)
    >>> budget.spent(0.04)
    >>> round(budget.oldest_s(), 3)
    0.06
    """

    def __init__(self, most_s: float) -> None:
        self.most_s = most_s
        self._took: deque[float] = deque(maxlen=_REMEMBERED)

    def spent(self, seconds: float) -> None:
        """A pass, from taking the pictures to giving their skeletons, took so long."""
        self._took.append(seconds)

    def oldest_s(self) -> float:
        """What is left of the promise once things have taken as long as they mostly do; a quarter of it in any case."""
        took = sorted(self._took)
        expected = took[int(_MOSTLY * (len(took) - 1))] if took else 0.0
        return max(self.most_s - expected, _LEAST_SHARE * self.most_s)


class Together:
    """Frames of several sources, at most one of each, to results; a context manager that ends its threads.

    Crops of different sources are read at the same time in ``workers`` threads, or in one batch on a GPU; everybody is
    lifted in one batch. With ``beside`` nobody waits for the detector: it looks at a frame in a thread of its own, and
    whom it found is followed from the next frame after its answer on.
    """

    def __init__(self, rooms: Rooms, *, workers: int, beside: bool = False) -> None:
        self._rooms = rooms
        self._beside = beside
        self._on_cpu = rooms.on_cpu
        self._pool = ThreadPoolExecutor(max(workers, 2), thread_name_prefix="stream3d-nets")
        self._looking: dict[str, Future[Found]] = {}

    def __enter__(self) -> Together:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    def __call__(self, frames: Sequence[Frame]) -> list[Result]:
        """The results that are known with ``frames``, which come after those of the calls before."""
        if len(frames) == 1 and not self._beside:
            return self._rooms(frames[0])
        known = zip(frames, self._ahead(frames), strict=True)
        tracked = [(frame, self._rooms.followed(frame, ahead)) for frame, ahead in known]
        return self._rooms.lifted(tracked) if tracked else []

    def _ahead(self, frames: Sequence[Frame]) -> list[Ahead]:
        """What the nets say of each frame before it is known who is who."""
        guesses = [Ahead(regions=self._rooms.track.guess(frame.stamp)) for frame in frames]
        found = [self._look(frame, guess) for frame, guess in zip(frames, guesses, strict=True)]
        seen = self._read(frames, guesses)
        return [
            Ahead(regions=guess.regions, seen=landmarks, found=one, patient=self._beside)
            for guess, landmarks, one in zip(guesses, seen, found, strict=True)
        ]

    def _read(self, frames: Sequence[Frame], guesses: Sequence[Ahead]) -> list[Landmarks | None]:
        regions = [guess.regions for guess in guesses]
        with self._rooms.meters["read"].measure():
            if self._on_cpu and len(frames) > 1:
                return list(self._pool.map(self._rooms.pose2d.read, frames, regions))
            return self._rooms.pose2d.read_together(frames, regions)

    def _look(self, frame: Frame, guess: Ahead) -> Found | None:
        """Whom the detector found, if it has answered; it is asked anew when its turn comes."""
        if not self._beside:
            return None
        source = frame.source_id
        looking = self._looking.get(source)
        if looking is None:
            searching = self._rooms.track.searching(source)
            if self._rooms.pose2d.will_look(frame, guess.regions, searching=searching):
                self._looking[source] = self._pool.submit(self._rooms.pose2d.look, frame)
            return None
        if not looking.done():
            return None
        del self._looking[source]
        return looking.result()
