"""The one bounded hand-off between two threads: a chosen drop policy, counted losses, errors carried across.

A producer that fails hands its error to the consumer; a consumer that leaves frees a producer that is blocked. Nothing
is ever left waiting for an end that has gone.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import TracebackType
from typing import Generic, Literal, TypeVar

from stream3d.errors import ChannelClosedError, SettingsError

T = TypeVar("T")
Policy = Literal["block", "latest"]


class Channel(Generic[T]):
    """A bounded queue for one producer and one consumer.

    Policy ``block`` makes the producer wait (files: nothing is lost); ``latest`` drops the *oldest* item and counts it
    in ``dropped`` (live: what comes out is fresh). Channels that share the condition ``changed`` can be waited for
    together, see ``wait_for_any``.

    Raises:
        SettingsError: capacity below 1 or an unknown policy.

    >>> channel = Channel[int](capacity=2, policy="latest")
    >>> for number in range(5): channel.put(number)
    >>> channel.finish()
    >>> list(channel), channel.dropped
    ([3, 4], 3)
    """

    def __init__(self, *, capacity: int, policy: Policy = "block", changed: threading.Condition | None = None) -> None:
        if capacity < 1:
            raise SettingsError(f"a channel holds at least 1 item, not {capacity}")
        if policy not in ("block", "latest"):
            raise SettingsError(f"unknown channel policy {policy!r}; known are block, latest")
        self.capacity = capacity
        self.policy = policy
        self.count = 0
        self.dropped = 0
        self._items: deque[T] = deque()
        self._changed = changed or threading.Condition()
        self._finished = False
        self._closed = False
        self._error: BaseException | None = None

    @property
    def depth(self) -> int:
        """Items waiting now."""
        return len(self._items)

    @property
    def ready(self) -> bool:
        """Whether ``get`` would answer, or raise, at once."""
        return bool(self._items) or self._finished or self._closed

    def put(self, item: T) -> None:
        """Hand over one item.

        Raises:
            ChannelClosedError: the consumer has gone, or ``finish`` was called before.
        """
        with self._changed:
            while len(self._items) >= self.capacity and self.policy == "block" and not self._closed:
                self._changed.wait()
            if self._closed or self._finished:
                raise ChannelClosedError("the channel is closed: nobody will take this item")
            if len(self._items) >= self.capacity:
                self._items.popleft()
                self.dropped += 1
            self._items.append(item)
            self.count += 1
            self._changed.notify_all()

    def finish(self, error: BaseException | None = None) -> None:
        """No more will come; what is queued is still delivered, then ``error`` is raised at the consumer."""
        with self._changed:
            self._finished = True
            self._error = self._error or error
            self._changed.notify_all()

    def close(self) -> None:
        """The consumer leaves: what is queued is thrown away and both ends are freed. Idempotent."""
        with self._changed:
            self._closed = True
            self._items.clear()
            self._changed.notify_all()

    def get(self, timeout_s: float | None = None) -> T | None:
        """The next item; None at the end of the stream.

        Raises:
            TimeoutError: nothing came within ``timeout_s``.
            BaseException: whatever the producer failed with, once the queue is empty.
        """
        with self._changed:
            while not self._items and not self._finished and not self._closed:
                if not self._changed.wait(timeout_s):
                    raise TimeoutError(f"nothing came through the channel for {timeout_s} s")
            if self._items:
                item = self._items.popleft()
                self._changed.notify_all()
                return item
            if self._error is not None and not self._closed:
                error, self._error = self._error, None
                raise error
            return None

    def __iter__(self) -> Iterator[T]:
        while (item := self.get()) is not None:
            yield item

    def __enter__(self) -> Channel[T]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def wait_for_any(channels: Sequence[Channel[T]], changed: threading.Condition, timeout_s: float) -> list[Channel[T]]:
    """Those of ``channels``, all made with the condition ``changed``, that have something to say; [] after a while."""
    with changed:
        changed.wait_for(lambda: any(channel.ready for channel in channels), timeout_s)
        return [channel for channel in channels if channel.ready]


def feed(items: Iterable[T], channel: Channel[T]) -> None:
    """Put all items into the channel and finish it, with the error if the iteration failed; stop if the consumer left.

    The body of a producer thread. A generator given as ``items`` is closed on every way out.
    """
    try:
        for item in items:
            channel.put(item)
    except ChannelClosedError:
        pass
    except BaseException as error:  # not handled here: it is raised again at the consumer
        channel.finish(error)
    else:
        channel.finish()
    finally:
        close: Callable[[], None] | None = getattr(items, "close", None)
        if close is not None:
            close()
