"""What a user sees while a run goes on: a bar for files, a status line for live sources; both on standard error."""

from __future__ import annotations

import sys
import time
from types import TracebackType

from tqdm import tqdm

from stream3d.pipeline import Summary
from stream3d.values import Result

_FILE = "{l_bar}{bar}| {n_fmt}/{total_fmt} frames [{elapsed}<{remaining}, {rate_fmt}{postfix}]"
_OPEN = "{n_fmt} frames [{elapsed}, {rate_fmt}{postfix}]"


class Progress:
    """Call it with each result; a context manager that leaves the terminal clean.

    ``total`` is the expected number of frames, None where nobody knows (live sources).
    """

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._bar: tqdm[None] | None = None
        self._shown_at = 0.0

    def __call__(self, result: Result, summary: Summary) -> None:
        """Show one more frame."""
        if self._quiet:
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

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()
