from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream3d.channel import Channel, feed
from stream3d.errors import ChannelClosedError, SettingsError


def in_thread(target: object, *args: object) -> threading.Thread:
    thread = threading.Thread(target=target, args=args, daemon=True)  # type: ignore[arg-type]
    thread.start()
    return thread


@given(st.lists(st.integers()), st.integers(1, 5))
def test_block_loses_nothing_and_keeps_order(items: list[int], capacity: int) -> None:
    channel = Channel[int](capacity=capacity, policy="block")
    thread = in_thread(feed, items, channel)
    assert list(channel) == items
    thread.join(5)
    assert not thread.is_alive()
    assert (channel.count, channel.dropped) == (len(items), 0)


@given(st.lists(st.integers()), st.integers(1, 5))
def test_latest_keeps_the_newest_and_counts_the_rest(items: list[int], capacity: int) -> None:
    channel = Channel[int](capacity=capacity, policy="latest")
    feed(items, channel)
    assert list(channel) == items[-capacity:]
    assert channel.dropped == max(0, len(items) - capacity)


def test_a_failing_producer_is_heard_after_what_it_made() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise OSError("cable cut")

    channel = Channel[int](capacity=4)
    in_thread(feed, items(), channel)
    assert channel.get(5) == 1
    with pytest.raises(OSError, match="cable cut"):
        channel.get(5)
    assert channel.get(5) is None


def test_a_leaving_consumer_frees_a_blocked_producer_and_closes_its_source() -> None:
    closed = threading.Event()

    def items() -> Iterator[int]:
        try:
            while True:
                yield 0
        finally:
            closed.set()

    channel = Channel[int](capacity=1)
    thread = in_thread(feed, items(), channel)
    with channel:
        assert channel.get(5) == 0
    thread.join(5)
    assert not thread.is_alive()
    assert closed.is_set()


def test_close_frees_a_waiting_consumer() -> None:
    channel = Channel[int](capacity=1)
    got: list[int | None] = []
    thread = in_thread(lambda: got.append(channel.get()))
    time.sleep(0.05)
    channel.close()
    thread.join(5)
    assert got == [None]


def test_nothing_can_be_put_where_nobody_takes_it() -> None:
    channel = Channel[int](capacity=1)
    channel.close()
    with pytest.raises(ChannelClosedError):
        channel.put(1)


def test_silence_is_a_timeout() -> None:
    with pytest.raises(TimeoutError, match=r"0\.01"):
        Channel[int](capacity=1).get(0.01)


@pytest.mark.parametrize(("capacity", "policy", "said"), [(0, "block", "not 0"), (1, "newest", "newest")])
def test_bad_settings_are_refused(capacity: int, policy: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        Channel[int](capacity=capacity, policy=policy)  # type: ignore[arg-type]
