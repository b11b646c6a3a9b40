"""The only threads of the project: one that decodes, one that writes. Both end on every way out."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Generic, TypeVar

from stream3d.channel import Channel, Policy, feed
from stream3d.errors import ChannelClosedError
from stream3d.meters import Meters
from stream3d.sinks import Meta, Sink
from stream3d.values import Result

T = TypeVar("T")
log = logging.getLogger(__name__)

_JOIN_S = 10.0  # longer than any read or write is allowed to take


class Reader(Generic[T]):
    """Runs an iterable ahead in a thread of its own; its items, and its error, come through ``channel``."""

    def __init__(
        self, items: Iterable[T], *, capacity: int, policy: Policy, changed: threading.Condition | None = None
    ) -> None:
        self.channel = Channel[T](capacity=capacity, policy=policy, changed=changed)
        self._thread = threading.Thread(target=feed, args=(items, self.channel), name="stream3d-reader", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def leave(self) -> None:
        """Nobody will take more; the thread ends with the item that it waits for."""
        self.channel.close()

    def join(self) -> None:
        """Wait for the thread's end."""
        if self._thread.ident is not None:
            self._thread.join(_JOIN_S)

    def __enter__(self) -> Channel[T]:
        self.start()
        return self.channel

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave()
        self.join()


class Writer:
    """Hands results to the sinks in a thread of its own, in order.

    By the policy ``block`` whoever writes waits while ``capacity`` results wait, and nothing is lost unless a sink
    fails; by ``latest`` nobody waits: the oldest that wait are ``dropped``, and it is said once. The first error of a
    sink ends the writing and is raised at the next ``write`` or at ``close``; every sink is closed in any case, so that
    what was written is valid on disk.
    """

    def __init__(
        self,
        sinks: Sequence[Sink],
        meters: Meters,
        *,
        capacity: int = 8,
        policy: Policy = "block",
        name: str = "the outputs",
    ) -> None:
        self.name = name
        self._sinks = tuple(sinks)
        self._meters = meters
        self._channel = Channel[Result](capacity=capacity, policy=policy)
        self._error: BaseException | None = None
        self._closed = self._complained = False
        self._thread = threading.Thread(target=self._drain, name="stream3d-writer", daemon=True)
        self._thread.start()

    @property
    def dropped(self) -> int:
        """Results that were left out because a sink was slower than the source."""
        return self._channel.dropped

    @property
    def depth(self) -> int:
        """Results that wait now."""
        return self._channel.depth

    def write(self, result: Result) -> None:
        """Queue one result.

        Raises:
            Stream3DError: whatever a sink failed with.
        """
        try:
            self._channel.put(result)
        except ChannelClosedError:
            if self._error is None:
                raise
            raise self._error from None
        if self.dropped and not self._complained:
            self._complained = True
            log.warning("%s: slower than the source; results are left out of it, and counted", self.name)

    def close(self, meta: Meta) -> None:
        """Write what is queued and close all sinks; idempotent.

        Raises:
            Stream3DError: the first error of any sink.
        """
        if self._closed:
            return
        self._closed = True
        self._channel.finish()
        self._thread.join()
        for sink in self._sinks:
            try:
                sink.close(meta)
            except Exception as error:  # the others must be closed all the same
                self._error = self._error or error
        if self._error is not None:
            raise self._error

    def _drain(self) -> None:
        try:
            for result in self._channel:
                for sink in self._sinks:
                    with self._meters["sinks"].measure():
                        sink.write(result)
        except Exception as error:  # carried to the thread that owns the run
            self._error = error
            self._channel.close()
