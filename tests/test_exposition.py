"""What machines are told: text that Prometheus reads, a health report, and the server on this machine alone."""

from __future__ import annotations

import http.client
import json
import os
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

import stream3d
from stream3d.errors import SettingsError
from stream3d.meters import Meters
from stream3d.pipeline import metrics_server
from stream3d.pipeline.exposition import SinkReport, Standing, health, prometheus
from stream3d.pipeline.metrics_server import MetricsServer
from stream3d.source import STATES
from stream3d.source_meter import SourceReport

LIVE = SourceReport(
    source="rtsp://door/1",
    state="live",
    camera_fps=29.97,
    processed_fps=24.5,
    dropped_fps=5.47,
    skipped_fps=0.0,
    camera_frames=3000,
    processed_frames=2450,
    dropped_frames=547,
    skipped_frames=3,
    late_frames=7,
    reconnects=2,
    frame_age_s=0.021,
    latency_p50_ms=31.0,
    latency_p95_ms=44.0,
    latency_p99_ms=58.5,
    people=2,
    error="",
)
NEW = replace(
    LIVE,
    source="0",
    state="connecting",
    camera_frames=0,
    frame_age_s=None,
    latency_p50_ms=None,
    latency_p95_ms=None,
    latency_p99_ms=None,
)
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def samples(text: str) -> Samples:
    found: Samples = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation
        assert family.type in ("counter", "gauge", "summary")
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in found, "a series may come once"
            found[key] = sample.value
    return found


def key(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset(labels.items())


def test_prometheus_reads_every_number_back() -> None:
    meters = Meters()
    for seconds in (0.01, 0.03):
        meters["lift"].add(seconds)
    assert meters["never"].count == 0
    sinks = [SinkReport(sink="out.mp4", source=LIVE.source, depth=3, dropped=12)]
    said = samples(prometheus([LIVE, NEW], meters.summary(), sinks))
    door = LIVE.source
    frames = {"camera": 3000, "processed": 2450, "dropped": 547, "skipped": 3, "late": 7}
    for kind, count in frames.items():
        assert said[key("stream3d_source_frames_total", source=door, kind=kind)] == count
    assert said[key("stream3d_source_fps", source=door, kind="camera")] == 29.97
    assert said[key("stream3d_source_reconnects_total", source=door)] == 2
    assert said[key("stream3d_source_frame_age_seconds", source=door)] == 0.021
    assert said[key("stream3d_source_latency_seconds", source=door, quantile="0.99")] == pytest.approx(0.0585)
    assert said[key("stream3d_source_people", source=door)] == 2
    assert said[key("stream3d_stage_seconds", stage="lift", quantile="0.5")] == pytest.approx(0.02)
    assert said[key("stream3d_stage_seconds_sum", stage="lift")] == pytest.approx(0.04)
    assert said[key("stream3d_stage_seconds_count", stage="lift")] == 2
    assert said[key("stream3d_stage_seconds_count", stage="never")] == 0
    assert said[key("stream3d_sink_queue", sink="out.mp4", source=door)] == 3
    assert said[key("stream3d_sink_dropped_total", sink="out.mp4", source=door)] == 12
    assert key("stream3d_source_frame_age_seconds", source="0") not in said
    assert not any(name == "stream3d_source_latency_seconds" and ("source", "0") in labels for name, labels in said)
    assert any(name == "stream3d_build_info" and ("version", stream3d.__version__) in labels for name, labels in said)


@pytest.mark.parametrize("state", STATES)
def test_a_source_is_in_one_state(state: str) -> None:
    said = samples(prometheus([replace(LIVE, state=state)], {}, []))
    states = {dict(labels)["state"]: value for (name, labels), value in said.items() if name == "stream3d_source_state"}
    assert states == {known: float(known == state) for known in STATES}


@given(st.text(min_size=1))
def test_names_come_back_whatever_is_in_them(name: str) -> None:
    name = name.encode("utf-8", "replace").decode()
    report = replace(LIVE, source=name)
    said = samples(prometheus([report], {name: {"count": 0}}, [SinkReport(sink=name, source=name, depth=1, dropped=0)]))
    assert said[key("stream3d_source_people", source=name)] == 2
    assert said[key("stream3d_sink_queue", sink=name, source=name)] == 1
    assert said[key("stream3d_stage_seconds_count", stage=name)] == 0


def test_of_nothing_there_is_still_the_process() -> None:
    said = {name for name, _ in samples(prometheus([], {}, []))}
    assert "stream3d_build_info" in said
    assert not any(name.startswith("stream3d_source") for name in said)


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="only Linux tells")  # noqa: PTH112
def test_memory_and_descriptors_are_those_of_the_process() -> None:
    import psutil

    me = psutil.Process()
    before = samples(prometheus([], {}, []))[key("process_open_fds")]
    assert me.num_fds() - before in (0, 1)  # psutil may count the descriptor it counts with
    with open(os.devnull):  # noqa: PTH123
        after = samples(prometheus([], {}, []))
    assert after[key("process_open_fds")] == before + 1
    assert after[key("process_resident_memory_bytes")] == pytest.approx(me.memory_info().rss, rel=0.2)


@pytest.mark.parametrize(
    ("states", "status"),
    [
        ([], 503),
        (["live"], 200),
        (["live", "live"], 200),
        (["live", "ended"], 200),
        (["ended"], 200),
        *((["live", state], 503) for state in ("connecting", "stalled", "reconnecting", "failed")),
    ],
)
def test_health_is_good_while_every_source_is_live_or_ended(states: list[str], status: int) -> None:
    code, body = health([replace(LIVE, state=state) for state in states])
    assert (code, body["status"]) == (status, "ok" if status == 200 else "unwell")
    sources = json.loads(json.dumps(body, allow_nan=False))["sources"]
    assert [source["state"] for source in sources] == states


def test_a_source_that_ended_in_an_error_did_not_end_well() -> None:
    assert health([replace(LIVE, state="ended", error="broke off")])[0] == 503


def ask(
    server: MetricsServer, path: str, *, method: str = "GET", host: str | None = None
) -> tuple[int, dict[str, str], str]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    try:
        connection.request(method, path, headers={} if host is None else {"Host": host})
        answer = connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read().decode()
    finally:
        connection.close()


def standing() -> Standing:
    return Standing(reports=[LIVE], stages={}, sinks=[])


def test_metrics_and_health_are_served() -> None:
    with MetricsServer(0, standing) as server:
        status, headers, text = ask(server, "/metrics?name=all")
        assert (status, headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
        assert samples(text)[key("stream3d_source_people", source=LIVE.source)] == 2
        for path in ("/health", "/healthz"):
            status, headers, text = ask(server, path)
            assert (status, headers["content-type"]) == (200, "application/json")
            assert json.loads(text)["sources"] == [LIVE.as_dict()]


def test_it_says_where_it_answers(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"), MetricsServer(0, standing) as server:
        assert f"http://127.0.0.1:{server.port}/metrics" in caplog.text


def test_health_over_http_is_503_while_a_source_is_away() -> None:
    away = Standing(reports=[replace(LIVE, state="reconnecting", error="no answer")])
    with MetricsServer(0, lambda: away) as server:
        status, _, text = ask(server, "/health")
        assert (status, json.loads(text)["sources"][0]["error"]) == (503, "no answer")
        assert ask(server, "/metrics")[0] == 200


@pytest.mark.parametrize("path", ["/", "/metrics/", "/../metrics", "/etc/passwd", "/favicon.ico"])
def test_nothing_else_is_there(path: str) -> None:
    with MetricsServer(0, standing) as server:
        status, _, text = ask(server, path)
        assert (status, text) == (404, "Not Found\n")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD", "OPTIONS", "TRACE", "BREW"])
def test_other_methods_are_not_allowed(method: str) -> None:
    with MetricsServer(0, standing) as server:
        status, headers, _ = ask(server, "/metrics", method=method)
        assert (status, headers["allow"]) == (405, "GET")


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "localhost.evil.example", "", "[", "127.0.0.2"])
def test_a_name_that_is_not_this_machine_is_refused(host: str) -> None:
    with MetricsServer(0, standing) as server:
        status, _, text = ask(server, "/metrics", host=host)
        assert (status, text) == (403, "Forbidden\n")


def test_this_machines_names_are_taken_with_and_without_port() -> None:
    with MetricsServer(0, standing) as server:
        for host in ("localhost", "LOCALHOST:9100", f"127.0.0.1:{server.port}", "127.0.0.1"):
            assert ask(server, "/metrics", host=host)[0] == 200


def test_two_hosts_or_none_are_refused() -> None:
    with MetricsServer(0, standing) as server:
        for hosts in (b"", b"Host: localhost\r\nHost: evil.example\r\n"):
            assert raw(server, b"GET /metrics HTTP/1.1\r\n" + hosts + b"\r\n").split()[1] == b"403"


def raw(server: MetricsServer, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(request)
        received = b""
        while piece := connection.recv(65536):
            received += piece
        return received


@pytest.mark.parametrize(
    "request_line", [b"\r\n\r\n", b"nonsense\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\r\n"]
)
def test_nonsense_is_no_trouble(request_line: bytes) -> None:
    with MetricsServer(0, standing) as server:
        assert b"Traceback" not in raw(server, request_line)
        assert ask(server, "/health")[0] == 200


def test_what_went_wrong_stays_here(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    def broken() -> Standing:
        raise RuntimeError("rtsp://user:secret@door")

    with MetricsServer(0, broken) as server:
        for path in ("/metrics", "/health"):
            status, _, text = ask(server, path)
            assert (status, text) == (500, "Internal Server Error\n")
    assert "RuntimeError" in caplog.text
    assert "secret" not in caplog.text
    assert "".join(capfd.readouterr()) == ""


def test_it_listens_on_this_machine_alone() -> None:
    with MetricsServer(0, standing) as server:
        assert server._server is not None
        assert server._server.socket.getsockname() == ("127.0.0.1", server.port)


def test_a_taken_port_is_said_and_left_alone() -> None:
    with MetricsServer(0, standing) as first:
        with pytest.raises(SettingsError, match=rf"127\.0\.0\.1:{first.port} .*choose another port"):
            MetricsServer(first.port, standing).__enter__()
        assert ask(first, "/health")[0] == 200


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_port_is_a_port(port: int) -> None:
    with pytest.raises(SettingsError, match=f"not {port}"):
        MetricsServer(port, standing)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is cut off for being slow, as a busy machine makes everybody be."""
    monkeypatch.setattr(metrics_server, "_LIMIT_S", 60.0)
    monkeypatch.setattr(metrics_server._Handler, "timeout", 60.0)


@pytest.mark.usefixtures("patient")
def test_nothing_is_left_after_closing_not_even_for_a_client_that_hangs() -> None:
    before = set(threading.enumerate())
    hanging: list[socket.socket] = []
    with MetricsServer(0, standing) as server:
        port = server.port
        for _ in range(3):
            hanging.append(socket.create_connection(("127.0.0.1", port), timeout=20))
            hanging[-1].sendall(b"GET /metrics HTTP/1.1\r\nHost: ")
        until(lambda: len(set(threading.enumerate()) - before) == 4)
        assert ask(server, "/health")[0] == 200
    assert set(threading.enumerate()) <= before
    for client in hanging:
        client.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=20)
    server.close()
    with MetricsServer(port, standing) as again:
        assert again.port == port


def test_whoever_sends_one_byte_at_a_time_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics_server, "_LIMIT_S", 0.5)
    gone = False
    with MetricsServer(0, standing) as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=0.05) as client:
            deadline = time.monotonic() + 20
            while not gone and time.monotonic() < deadline:
                try:
                    client.sendall(b"G")
                    gone = client.recv(1) == b""
                except TimeoutError:
                    continue
                except OSError:
                    gone = True
        assert gone
        assert ask(server, "/health")[0] == 200


@pytest.mark.usefixtures("patient")
def test_only_a_handful_is_served_at_once_and_the_rest_later() -> None:
    with MetricsServer(0, standing) as server:
        assert server._server is not None
        many = [socket.create_connection(("127.0.0.1", server.port), timeout=20) for _ in range(12)]
        until(lambda: len(server._server._open) == 8)
        refused = many[-1].recv(1)
        assert refused == b""
        for client in many:
            client.close()
        until(lambda: not server._server._open)
        assert ask(server, "/health")[0] == 200


def until(fact: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not fact() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert fact()


def test_many_requests_at_once_are_all_answered_in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics_server, "_MOST", 64)  # those answered but not yet closed count too
    answers: list[int] = []

    def hammer(server: MetricsServer) -> None:
        for _ in range(15):
            status, _, text = ask(server, "/metrics")
            assert text.endswith("\n")
            samples(text)
            answers.append(status)

    with MetricsServer(0, standing) as server:
        threads = [threading.Thread(target=hammer, args=(server,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert answers == [200] * 60
