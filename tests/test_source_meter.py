"""What is counted of a source: rates that are right also when nothing comes, percentiles, people."""

from __future__ import annotations

import json
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream3d.source import Health, HealthRecord
from stream3d.source_meter import WINDOW_S, Rate, SourceMeter, SourceReport


def health(came: int = 0, *, lost: int = 0, at: float | None = None, state: str = "live") -> Health:
    return Health(state=state, since=0.0, came=came, lost=lost, last_frame_at=at)  # type: ignore[arg-type]


@given(fps=st.floats(0.5, 240), begin=st.floats(0, 1e6), seconds=st.floats(6, 30))
def test_a_steady_stream_has_its_rate(fps: float, begin: float, seconds: float) -> None:
    rate = Rate()
    times = begin + np.arange(int(seconds * fps) + 1) / fps
    for now in times:
        rate.add(1, now=float(now))
    # one event more or less at either end of the window, and a quarter second of it shared out evenly
    assert rate.at(float(times[-1])) == pytest.approx(fps, abs=(2 + 0.25) / WINDOW_S + 0.01 * fps)


@given(
    events=st.lists(st.tuples(st.floats(0, 3), st.integers(1, 50)), min_size=1, max_size=80),
    quiet=st.floats(WINDOW_S + 0.25, 1e5),
)
def test_a_rate_falls_to_nothing_and_never_counts_an_event_twice(events: list[tuple[float, int]], quiet: float) -> None:
    rate, now = Rate(), 50.0
    for wait, count in events:
        now += wait
        rate.add(count, now=now)
        assert 0 <= rate.at(now) <= sum(n for _, n in events) / 1.0
    assert rate.at(now + quiet) == 0.0
    assert len(rate._buckets) <= 21


@given(st.lists(st.tuples(st.floats(0, 9), st.integers(0, 40)), min_size=1, max_size=40))
def test_a_rate_agrees_with_counting_the_events_of_the_window(events: list[tuple[float, int]]) -> None:
    rate, now, seen = Rate(), 10.0, []
    for wait, count in events:
        now += wait
        rate.add(count, now=now)
        seen.append((now, count))
    span = min(WINDOW_S, max(1.0, now - seen[0][0]))
    surely = sum(n for at, n in seen if at >= now - WINDOW_S + 0.25)
    perhaps = sum(n for at, n in seen if at >= now - WINDOW_S - 0.25)
    assert surely / span - 1e-9 <= rate.at(now) <= perhaps / span + 1e-9


def test_a_young_source_is_averaged_over_its_age_and_one_frame_is_not_a_thousand_a_second() -> None:
    rate = Rate()
    rate.add(1, now=100.0)
    assert rate.at(100.001) == 1.0
    for frame in range(1, 60):
        rate.add(1, now=100.0 + frame / 30)
    assert rate.at(102.0) == pytest.approx(30)


@pytest.mark.parametrize("look_every", [0.05, 0.2, 1.0, 15.0])
def test_the_cameras_rate_is_right_however_often_somebody_looks(look_every: float) -> None:
    meter, fps = SourceMeter("door", now=0.0), 25.0
    for look in range(1, int(60 / look_every) + 1):
        now = look * look_every
        came = int(now * fps) + 1
        report = meter.report(health(came, at=(came - 1) / fps), now=now)
        if now > 2:
            assert report.camera_fps == pytest.approx(fps, abs=1.0)
    assert report.camera_frames == came
    gone = meter.report(health(came, at=(came - 1) / fps, state="reconnecting"), now=now + 30)
    assert (gone.camera_fps, gone.state, gone.camera_frames) == (0.0, "reconnecting", came)
    assert gone.frame_age_s == pytest.approx(30, abs=1 / fps)


def test_frames_that_stopped_long_before_a_look_are_not_spread_up_to_it() -> None:
    meter = SourceMeter("door", now=0.0)
    meter.report(health(0, state="connecting"), now=0.0)
    assert meter.report(health(300, at=10.0), now=20.0).camera_fps == 0.0


def test_a_source_that_never_gave_anything_is_all_nothing() -> None:
    report = SourceMeter("door", now=5.0).report(HealthRecord().now(), now=60.0)
    assert report == SourceReport(
        source="door",
        state="connecting",
        camera_fps=0.0,
        processed_fps=0.0,
        dropped_fps=0.0,
        skipped_fps=0.0,
        camera_frames=0,
        processed_frames=0,
        dropped_frames=0,
        skipped_frames=0,
        late_frames=0,
        reconnects=0,
        frame_age_s=None,
        latency_p50_ms=None,
        latency_p95_ms=None,
        latency_p99_ms=None,
        people=0,
        error="",
    )
    json.dumps(report.as_dict(), allow_nan=False)


def test_what_the_ring_overwrote_and_what_the_channel_threw_away_are_both_dropped() -> None:
    meter = SourceMeter("door", now=0.0)
    for second in range(1, 11):
        meter.dropped(10, now=float(second))
        meter.skipped(2, now=float(second))
        report = meter.report(health(30 * second, lost=5 * second, at=float(second)), now=float(second))
    meter.late(3)
    report = meter.report(health(300, lost=50, at=10.0), now=10.0)
    assert (report.dropped_frames, report.skipped_frames, report.late_frames) == (150, 20, 3)
    assert report.dropped_fps == pytest.approx(15, rel=0.2)
    assert report.skipped_fps == pytest.approx(2, rel=0.2)


@given(st.lists(st.floats(0, 10), min_size=1, max_size=200))
def test_percentiles_agree_with_numpy(seconds: list[float]) -> None:
    meter = SourceMeter("door", now=0.0)
    for value in seconds:
        meter.processed(value, people=1, now=1.0)
    report = meter.report(health(), now=1.0)
    said = (report.latency_p50_ms, report.latency_p95_ms, report.latency_p99_ms)
    assert said == pytest.approx(tuple(np.percentile(np.array(seconds), (50, 95, 99)) * 1e3))
    json.dumps(report.as_dict(), allow_nan=False)


def test_latencies_are_of_the_recent_results_only() -> None:
    meter = SourceMeter("door", now=0.0)
    for value in [9.0] * 5000 + [0.02] * 4096:
        meter.processed(value, people=1, now=1.0)
    report = meter.report(health(), now=1.0)
    assert report.latency_p99_ms == pytest.approx(20.0)
    assert report.processed_frames == 9096


def test_a_latency_that_is_no_number_counts_the_frame_alone() -> None:
    meter = SourceMeter("door", now=0.0)
    meter.processed(float("nan"), people=2, now=1.0)
    report = meter.report(health(), now=1.0)
    assert (report.processed_frames, report.latency_p50_ms, report.people) == (1, None, 2)


def test_nobody_is_claimed_to_be_there_once_the_last_result_is_old() -> None:
    meter = SourceMeter("door", now=0.0)
    meter.processed(0.03, people=2, now=1.0)
    assert meter.report(health(1, at=1.0), now=2.0).people == 2
    assert meter.report(health(1, at=1.0, state="reconnecting"), now=7.0).people == 0


def test_the_report_carries_what_health_says() -> None:
    record = HealthRecord()
    record.frame(captured_at=1.0)
    record.becomes("reconnecting", "no answer")
    record.frame(captured_at=3.0, lost=4)
    record.becomes("stalled", "nothing came for 2 s")
    report = SourceMeter("door", now=0.0).report(record.now(), now=5.5)
    assert (report.state, report.error, report.reconnects) == ("stalled", "nothing came for 2 s", 1)
    assert (report.camera_frames, report.dropped_frames, report.frame_age_s) == (6, 4, 2.5)


def test_many_threads_at_once_lose_no_count() -> None:
    meter, record = SourceMeter("door"), HealthRecord()
    start, wrong = threading.Barrier(7), []

    def count() -> None:
        start.wait(20)
        for _ in range(2000):
            meter.processed(0.01, people=1)
            meter.dropped(2)
            meter.skipped()
            meter.late()

    def read() -> None:
        start.wait(20)
        seen = 0
        for _ in range(2000):
            record.frame(captured_at=0.0)
        for _ in range(50):
            report = meter.report(record.now())
            if report.processed_frames < seen or min(report.processed_fps, report.camera_fps) < 0:
                wrong.append(report)
            seen = report.processed_frames

    threads = [threading.Thread(target=work) for work in [count] * 4 + [read] * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    report = meter.report(record.now())
    assert not wrong
    assert (report.processed_frames, report.dropped_frames, report.skipped_frames) == (8000, 16000, 8000)
    assert (report.late_frames, report.camera_frames) == (8000, 6000)
