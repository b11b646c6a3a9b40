"""What is told of how a source is doing."""

from __future__ import annotations

import pytest

from stream3d.source import HealthRecord, open_source


def test_a_source_is_live_while_it_is_read_and_ended_after() -> None:
    with open_source("sample") as source:
        assert source.health.now().state == "connecting"
        frames = iter(source)
        first = next(frames)
        now = source.health.now()
        assert (now.state, now.came, now.last_frame_at) == ("live", 1, first.captured_at)
    assert source.health.now().state == "ended"


def test_pictures_after_a_break_count_as_one_reconnect() -> None:
    record = HealthRecord()
    record.frame(captured_at=1.0)
    record.becomes("stalled", "nothing came for 2 s")
    record.becomes("reconnecting", "nothing came for 2 s")
    assert (record.now().state, record.now().error) == ("reconnecting", "nothing came for 2 s")
    record.frame(captured_at=4.0, lost=3)
    record.frame(captured_at=4.1)
    now = record.now()
    assert (now.state, now.error, now.reconnects, now.came, now.lost) == ("live", "", 1, 6, 3)


def test_since_is_when_the_state_began(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter((10.0, 11.0, 12.0))
    monkeypatch.setattr("stream3d.source.health.time.monotonic", lambda: next(clock))
    record = HealthRecord()
    record.frame(captured_at=10.5)
    record.frame(captured_at=10.6)
    assert record.now().since == 11.0
