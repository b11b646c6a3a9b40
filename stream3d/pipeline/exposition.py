"""What a run says of itself to machines: Prometheus' text, and a health report as JSON."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

import stream3d
from stream3d.source import STATES
from stream3d.source_meter import SourceReport

Stages = Mapping[str, Mapping[str, float]]
"""``Meters.summary()``."""
_Labels = Mapping[str, str]
_Sample = tuple[_Labels, float | None]
_PROC = Path("/proc/self")


@dataclass(frozen=True, kw_only=True, slots=True)
class SinkReport:
    """How one output is doing: results that wait for it now, and those it was too slow to get."""

    sink: str
    source: str
    depth: int
    dropped: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """How a whole run stands at one moment; no two sources, and no two sinks of one source, share a name."""

    reports: Sequence[SourceReport] = ()
    stages: Stages = field(default_factory=dict)
    sinks: Sequence[SinkReport] = ()


def prometheus(reports: Sequence[SourceReport], stages: Stages, sinks: Sequence[SinkReport]) -> str:
    """Prometheus' text exposition format, version 0.0.4.

    What is not known yet has no line; nothing is ever NaN. Of the process only what /proc tells is told.
    """
    families = (*_source_families(reports), *_stage_families(stages), *_sink_families(sinks), *_process_families())
    return "".join(family for family in families if family)


def health(reports: Sequence[SourceReport]) -> tuple[int, dict[str, object]]:
    """An HTTP status and a JSON-able body: 200 if every source is live or ended cleanly, else 503.

    A run that has no source yet is not well.
    """
    well = bool(reports) and all(r.state == "live" or (r.state == "ended" and not r.error) for r in reports)
    status = HTTPStatus.OK if well else HTTPStatus.SERVICE_UNAVAILABLE
    return int(status), {"status": "ok" if well else "unwell", "sources": [report.as_dict() for report in reports]}


def _source_families(reports: Sequence[SourceReport]) -> Iterator[str]:
    kinds = ("camera", "processed", "dropped", "skipped")
    yield _family(
        "stream3d_source_frames_total",
        "counter",
        "Frames decoded, given as results, dropped to stay fresh, impossible to decode, given too late.",
        (
            ({"source": report.source, "kind": kind}, getattr(report, f"{kind}_frames"))
            for report in reports
            for kind in (*kinds, "late")
        ),
    )
    yield _family(
        "stream3d_source_fps",
        "gauge",
        "The same per second, over the last five seconds.",
        (
            ({"source": report.source, "kind": kind}, getattr(report, f"{kind}_fps"))
            for report in reports
            for kind in kinds
        ),
    )
    yield _family(
        "stream3d_source_state",
        "gauge",
        "1 for the state that the source is in, 0 for the others.",
        (({"source": report.source, "state": state}, state == report.state) for report in reports for state in STATES),
    )
    yield _of_sources("reconnects_total", "counter", "Breaks that ended with pictures again.", "reconnects", reports)
    yield _of_sources("frame_age_seconds", "gauge", "Since the last frame from the camera.", "frame_age_s", reports)
    yield _of_sources("people", "gauge", "People in the last result.", "people", reports)
    yield _family(
        "stream3d_source_latency_seconds",
        "summary",
        "From capture to result, over the last 4096 results.",
        (
            ({"source": report.source, "quantile": quantile}, None if ms is None else ms / 1e3)
            for report in reports
            for quantile, ms in (
                ("0.5", report.latency_p50_ms),
                ("0.95", report.latency_p95_ms),
                ("0.99", report.latency_p99_ms),
            )
        ),
    )


def _of_sources(name: str, kind: str, text: str, attribute: str, reports: Sequence[SourceReport]) -> str:
    samples = (({"source": report.source}, getattr(report, attribute)) for report in reports)
    return _family(f"stream3d_source_{name}", kind, text, samples)


def _stage_families(stages: Stages) -> Iterator[str]:
    name, lines = "stream3d_stage_seconds", []
    for stage, summary in stages.items():
        for quantile, key in (("0.5", "p50_ms"), ("0.95", "p95_ms"), ("0.99", "p99_ms")):
            if key in summary:
                lines.append(_line(name, {"stage": stage, "quantile": quantile}, summary[key] / 1e3))
        lines.append(_line(f"{name}_sum", {"stage": stage}, summary.get("total_s", 0.0)))
        lines.append(_line(f"{name}_count", {"stage": stage}, summary.get("count", 0)))
    if lines:
        yield _head(name, "summary", "Wall time of a pass through a stage, quantiles over its last 4096.")
        yield "".join(lines)


def _sink_families(sinks: Sequence[SinkReport]) -> Iterator[str]:
    labels = [{"sink": sink.sink, "source": sink.source} for sink in sinks]
    waiting = zip(labels, (sink.depth for sink in sinks), strict=True)
    yield _family("stream3d_sink_queue", "gauge", "Results that wait for the output now.", waiting)
    dropped = zip(labels, (sink.dropped for sink in sinks), strict=True)
    yield _family("stream3d_sink_dropped_total", "counter", "Results that the output was too slow to get.", dropped)


def _process_families() -> Iterator[str]:
    versions = {"version": stream3d.__version__, "python": platform.python_version()}
    yield _family("stream3d_build_info", "gauge", "Versions.", [(versions, 1)])
    try:
        resident = int((_PROC / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        descriptors = sum(1 for _ in (_PROC / "fd").iterdir()) - 1  # one is that of the listing itself
    except OSError:  # only Linux has it
        return
    yield _family("process_resident_memory_bytes", "gauge", "Resident memory.", [({}, resident)])
    yield _family("process_open_fds", "gauge", "Open file descriptors.", [({}, descriptors)])


def _family(name: str, kind: str, text: str, samples: Iterable[_Sample]) -> str:
    """One metric with all that is known of it, or nothing."""
    lines = [_line(name, labels, value) for labels, value in samples if value is not None]
    return _head(name, kind, text) + "".join(lines) if lines else ""


def _head(name: str, kind: str, text: str) -> str:
    return f"# HELP {name} {text}\n# TYPE {name} {kind}\n"


def _line(name: str, labels: _Labels, value: float) -> str:
    said = ",".join(f'{key}="{_escaped(label)}"' for key, label in labels.items())
    number = repr(float(value)) if isinstance(value, float) else str(int(value))
    return f"{name}{{{said}}} {number}\n" if said else f"{name} {number}\n"


def _escaped(label: str) -> str:
    return label.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
