"""The status line of live sources, as text."""

from __future__ import annotations

from collections.abc import Sequence

from tqdm import tqdm
from tqdm.utils import disp_len, disp_trim

from stream3d.source_meter import SourceReport

_NAME = 20  # columns that a source's name may take beside others


def status(reports: Sequence[SourceReport], elapsed_s: float, width: int) -> str:
    """One line of at most ``width`` columns: one source at length, several in short; what is not live stands out.

    ``elapsed_s`` is how long the run has gone on. Nothing that a source is called, or fails with, can move the cursor.
    """
    said = [_at_length(reports[0])] if len(reports) == 1 else [_in_short(report) for report in reports]
    since = f"{elapsed_s:.0f} s" if elapsed_s < 60 else str(tqdm.format_interval(elapsed_s))
    end = f", [{since}]"
    return _cut(" | ".join(said), max(0, width - len(end))) + _cut(end, width)


def _at_length(report: SourceReport) -> str:
    if report.state == "live":
        parts = [f"live {report.camera_fps:.1f} fps", f"{report.processed_fps:.1f} done"]
        parts += [f"dropped {report.dropped_frames}", *_unusual(report), *_latency(report, "latency ")]
        return ", ".join([*parts, f"people {report.people}"])
    return ", ".join([_loudly(report), *_silence(report), f"dropped {report.dropped_frames}"])


def _in_short(report: SourceReport) -> str:
    name = _printable(report.source)
    name = name if len(name) <= _NAME else "…" + name[1 - _NAME :]
    if report.state != "live":
        return f"{name}: {_loudly(report)}"
    parts = [f"{report.processed_fps:.1f}/{report.camera_fps:.1f} fps", *_latency(report, "")]
    return f"{name}: {', '.join([*parts, f'people {report.people}'])}"


def _loudly(report: SourceReport) -> str:
    why = f" ({_printable(report.error)})" if report.error else ""
    return report.state.upper() + why


def _silence(report: SourceReport) -> list[str]:
    return [] if report.frame_age_s is None else [f"no picture for {report.frame_age_s:.0f} s"]


def _unusual(report: SourceReport) -> list[str]:
    """What is told only once it has happened."""
    counts = {
        "late": report.late_frames,
        "damaged": report.skipped_frames,
        "reconnects": report.reconnects,
    }
    return [f"{name} {count}" for name, count in counts.items() if count]


def _latency(report: SourceReport, name: str) -> list[str]:
    if report.latency_p50_ms is None or report.latency_p95_ms is None:
        return []
    return [f"{name}{report.latency_p50_ms:.0f} ms (p95 {report.latency_p95_ms:.0f})"]


def _printable(text: str) -> str:
    """Without line ends and escape sequences: names and errors may come from strangers."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def _cut(text: str, width: int) -> str:
    if disp_len(text) <= width:
        return text
    return str(disp_trim(text, width - 1)) + "…" if width > 0 else ""
