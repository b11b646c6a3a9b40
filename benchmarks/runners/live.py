"""Live sources to files, each result told in a line of JSON. ``python -m benchmarks.runners.live LOG SOURCE ...``.

Beside its files a run may have an output that is far too slow, and a viewer that is opened and closed again and again.
SIGINT or SIGTERM ends it orderly.
"""

from __future__ import annotations

import argparse
import json
import logging
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from stream3d.cli.exits import listen
from stream3d.cli.process import settle
from stream3d.errors import ViewerError
from stream3d.meters import Meters
from stream3d.pipeline import RunSettings, Summary, run_all
from stream3d.pipeline.threads import Writer
from stream3d.sinks import Meta
from stream3d.sinks.viewer import ViewerSink
from stream3d.source_meter import SourceReport
from stream3d.values import Result
from tests.live_servers import number_of

_WAITING = 16


class SlowSink:
    """An output that takes ``seconds`` for each result, as a disk or a network far away may."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._over = threading.Event()

    def write(self, result: Result) -> None:  # noqa: ARG002 - what it would write does not matter
        """Wait."""
        self._over.wait(self._seconds)

    def close(self, meta: Meta) -> None:  # noqa: ARG002 - nor does this
        """Wait no more."""
        self._over.set()


class Visits:
    """A viewer that is opened every ``every_s`` seconds, for half of that, in a thread of its own."""

    def __init__(self, every_s: float, say: Any) -> None:
        self._every_s, self._say = every_s, say
        self._over = threading.Event()
        self._writer: Writer | None = None
        self._thread = threading.Thread(target=self._open_and_close, name="visits", daemon=True)
        self._thread.start()

    def write(self, result: Result) -> None:
        """Show it, if there is a window."""
        writer = self._writer
        if writer is not None:
            writer.write(result)

    def close(self) -> None:
        """Close the window if there is one."""
        self._over.set()
        self._thread.join()

    def _open_and_close(self) -> None:
        while not self._over.wait(self._every_s / 2):
            try:
                sink = ViewerSink(title="stream3d")
            except ViewerError as error:
                self._say({"event": "viewer", "error": str(error)})
                continue
            writer = Writer([sink], Meters(), capacity=2, policy="latest", name="viewer")
            self._writer = writer
            self._say({"event": "viewer", "pid": sink.pid})
            self._over.wait(self._every_s / 2)
            self._writer = None
            self._over.wait(0.2)  # whoever has it in hand is done with it
            writer.close({})
            self._say({"event": "viewer", "sent": sink.sent})


class Log:
    """Lines of JSON, each on disk as soon as it is said; for several threads."""

    def __init__(self, file: IO[str], sources: Sequence[str], *, numbered: bool) -> None:
        self._file, self._sources, self._numbered = file, list(sources), numbered
        self._lock = threading.Lock()
        self._states: dict[str, tuple[str, int]] = {}

    def say(self, entry: dict[str, Any]) -> None:
        """One line; events get their time."""
        if "event" in entry:
            entry["at"] = round(time.monotonic(), 4)
        with self._lock:
            self._file.write(json.dumps(entry, separators=(",", ":")) + "\n")

    def result(self, result: Result) -> None:
        """What is needed of a result to judge it."""
        self.say(
            {
                "source": self._sources.index(result.frame.source_id),
                "at": round(result.emitted_at, 4),
                "latency_s": round(result.latency_s, 5),
                "pts": round(result.frame.pts, 6),
                "ids": result.poses.person.tolist(),
            }
            | ({"number": number_of(result.frame.planes.y)} if self._numbered and result.frame.planes else {})
        )

    def states(self, reports: Sequence[SourceReport]) -> None:
        """Changes of state, and reconnects."""
        for report in reports:
            now = report.state, report.reconnects
            if self._states.get(report.source) != now:
                self._states[report.source] = now
                source = self._sources.index(report.source)
                self.say({"event": "state", "source": source, "state": now[0], "reconnects": now[1]})


def main() -> None:
    """Run until ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("log", type=Path)
    parser.add_argument("sources", nargs="+")
    parser.add_argument("--save", action="append", default=[])
    parser.add_argument("--max-latency", type=float, metavar="MS")
    parser.add_argument("--metrics", type=int, metavar="PORT")
    parser.add_argument("--slow", type=float, default=0.0, metavar="SECONDS", help="for each result, of a slow output")
    parser.add_argument("--viewer-every", type=float, default=0.0, metavar="SECONDS")
    parser.add_argument("--numbered", action="store_true", help="the pictures bear numbers to be told")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    listen()
    settle()
    settings = RunSettings(
        max_latency_s=arguments.max_latency / 1e3 if arguments.max_latency else None, metrics_port=arguments.metrics
    )
    with arguments.log.open("w", buffering=1, encoding="utf-8") as file:
        log = Log(file, arguments.sources, numbered=arguments.numbered)
        log.say({"event": "started"})
        summaries, left_out = _run(arguments, settings, log)
        for summary in summaries:
            log.say({"event": "end", **summary.as_dict()})
        log.say({"event": "over", "left_out_of_slow": left_out})


def _run(arguments: argparse.Namespace, settings: RunSettings, log: Log) -> tuple[list[Summary], int]:
    dawdler = SlowSink(arguments.slow)
    slow = Writer([dawdler], Meters(), capacity=_WAITING, policy="latest", name="the slow output")
    visits = Visits(arguments.viewer_every, log.say) if arguments.viewer_every else None

    def watch(result: Result, _summary: Summary) -> None:
        log.result(result)
        if arguments.slow:
            slow.write(result)
        if visits is not None:
            visits.write(result)

    try:
        summaries = run_all(
            arguments.sources,
            settings=settings,
            saves=arguments.save,
            watch=watch,
            report=lambda reports, _seconds: log.states(reports),
        )
    finally:
        if visits is not None:
            visits.close()
        dawdler.close({})
        slow.close({})
    return summaries, slow.dropped


if __name__ == "__main__":
    main()
