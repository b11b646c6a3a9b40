"""What a user sees while a run goes on: a bar for files, a status line for live sources; both on standard error."""

from __future__ import annotations

import logging
import os
import shutil
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType

from tqdm import tqdm
from tqdm.utils import disp_len

from stream3d.cli.status import status
from stream3d.pipeline import Summary
from stream3d.source_meter import SourceReport
from stream3d.values import Result

_FILE = "{l_bar}{bar}| {n_fmt}/{total_fmt} frames [{elapsed}<{remaining}, {rate_fmt}{postfix}]"
_OPEN = "{n_fmt} frames [{elapsed}, {rate_fmt}{postfix}]"
_EVERY_S = 10.0  # between lines where there is no terminal to rewrite one on


class Progress:
    """Call it with each result of a file, or `live` now and then; a context manager that leaves the terminal clean."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._bar: tqdm[None] | None = None
        self._shown_at = 0.0
        self._line: _Line | None = None

    def __call__(self, result: Result, summary: Summary) -> None:
        """Show one more frame; of live sources `live` tells instead, once it has been called."""
        if self._quiet or self._line is not None:
            return
        if self._bar is None:
            total = summary.expected_frames
            form = _OPEN if total is None else _FILE
            self._bar = tqdm(total=total, unit=" frames", bar_format=form, dynamic_ncols=True, file=sys.stderr)
        self._bar.update()
        now = time.monotonic()
        if now - self._shown_at > 0.2:
            self._shown_at = now
            people = f"people {len(result.poses)}"
            latency = 1e3 * (now - result.frame.captured_at)
            live = f"latency {latency:.0f} ms, dropped {summary.dropped}, " if summary.live else ""
            self._bar.set_postfix_str(live + people, refresh=False)

    def live(self, reports: Sequence[SourceReport], elapsed_s: float) -> None:
        """Show how the sources are doing, ``elapsed_s`` after the run began; also while nothing comes.

        A terminal's line is written over each time. Elsewhere there is a line every ten seconds, and one whenever a
        source changes its state.
        """
        if self._quiet or not reports:
            return
        if self._line is None:
            self._close_bar(leave=False)
            self._line = _Line()
        self._line.show(reports, elapsed_s)

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close_bar(leave=True)
        if self._line is not None:
            self._line.close()

    def _close_bar(self, *, leave: bool) -> None:
        if self._bar is not None:
            self._bar.leave = leave
            self._bar.close()
            self._bar = None


class _Line:
    """A line that is rewritten on a terminal and repeated elsewhere; log messages never land in the middle of it."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._columns = 0
        self._states: list[str] = []
        self._told_s = 0.0
        self._handlers = logging.getLogger().handlers if self._terminal else []
        for handler in self._handlers:
            handler.addFilter(self._make_room)

    def show(self, reports: Sequence[SourceReport], elapsed_s: float) -> None:
        if self._terminal:
            text = status(reports, elapsed_s, _width() - 1)  # the last column makes some terminals begin a new line
            columns = disp_len(text)
            _write("\r" + text + " " * max(0, self._columns - columns))
            self._columns = columns
            return
        states = [report.state for report in reports]
        if states != self._states or elapsed_s - self._told_s >= _EVERY_S:
            self._states, self._told_s = states, elapsed_s
            _write(status(reports, elapsed_s, 10_000) + "\n")

    def close(self) -> None:
        for handler in self._handlers:
            handler.removeFilter(self._make_room)
        if self._columns:
            _write("\n")

    def _make_room(self, record: logging.LogRecord) -> bool:  # noqa: ARG002 - the signature of a filter
        if self._columns:
            _write("\r" + " " * self._columns + "\r")
            self._columns = 0
        return True


def _write(text: str) -> None:
    with suppress(OSError, ValueError):  # whoever read it has gone, and that is no reason to end a run
        sys.stderr.write(text)
        sys.stderr.flush()


def _width() -> int:
    with suppress(OSError, ValueError):
        return os.get_terminal_size(sys.stderr.fileno()).columns or 80
    return shutil.get_terminal_size().columns
