"""What a user sees of live sources: one line, within the terminal, that says loudly what is not well."""

from __future__ import annotations

import io
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import TextIO, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tqdm.utils import disp_len

from stream3d.cli.parser import make_parser
from stream3d.cli.progress import Progress
from stream3d.cli.status import status
from stream3d.pipeline import Summary
from stream3d.source import STATES
from stream3d.source_meter import SourceReport
from stream3d.values import Result

LIVE = SourceReport(
    source="rtsp://door/1",
    state="live",
    camera_fps=29.94,
    processed_fps=29.8,
    dropped_fps=0.0,
    skipped_fps=0.0,
    camera_frames=360,
    processed_frames=358,
    dropped_frames=0,
    skipped_frames=0,
    late_frames=0,
    reconnects=0,
    frame_age_s=0.02,
    latency_p50_ms=31.2,
    latency_p95_ms=44.4,
    latency_p99_ms=50.0,
    people=1,
    error="",
)
AWAY = replace(LIVE, source="yard", state="reconnecting", error="no answer", frame_age_s=3.6, dropped_frames=2)
NEW = replace(LIVE, state="connecting", frame_age_s=None, latency_p50_ms=None, latency_p95_ms=None, latency_p99_ms=None)


class Stream(io.StringIO):
    """Standard error, with or without a terminal behind it."""

    def __init__(self, *, terminal: bool) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


@pytest.fixture
def terminal() -> Stream:
    return Stream(terminal=True)


@pytest.fixture
def pipe() -> Stream:
    return Stream(terminal=False)


@contextmanager
def progress_on(stream: TextIO, *, quiet: bool = False, columns: int = 100) -> Iterator[Progress]:
    """In the test itself, since pytest puts a stream of its own in place after the fixtures."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stderr", stream)
        patch.setenv("COLUMNS", str(columns))
        with Progress(quiet=quiet) as progress:
            yield progress


def screen(written: str, columns: int = 100) -> list[str]:
    """What a terminal shows after all that was written."""
    lines, at = [""], 0
    for sign in written:
        if sign == "\r":
            at = 0
        elif sign == "\n":
            lines, at = [*lines, ""], 0
        else:
            lines[-1] = lines[-1][:at].ljust(at) + sign + lines[-1][at + 1 :]
            at += 1
            assert at <= columns, "it would run into the next line"
    return [line.rstrip() for line in lines]


def test_one_live_source_is_told_at_length() -> None:
    told = status([LIVE], 12.3, 200)
    assert told == "live 29.9 fps, 29.8 done, dropped 0, latency 31 ms (p95 44), people 1, [12 s]"


def test_losses_are_told_once_there_are_any() -> None:
    told = status([replace(LIVE, late_frames=4, skipped_frames=2, reconnects=1, dropped_frames=9)], 3725.0, 200)
    assert "dropped 9, late 4, damaged 2, reconnects 1, latency" in told
    assert told.endswith("people 1, [1:02:05]")


def test_before_the_first_result_there_is_no_latency() -> None:
    told = status([replace(NEW, state="live")], 1.0, 200)
    assert told == "live 29.9 fps, 29.8 done, dropped 0, people 1, [1 s]"


def test_what_is_not_live_stands_out() -> None:
    assert status([AWAY], 16.0, 200) == "RECONNECTING (no answer), no picture for 4 s, dropped 2, [16 s]"
    assert status([NEW], 1.0, 200) == "CONNECTING, dropped 0, [1 s]"


def test_several_sources_are_told_in_short() -> None:
    far = replace(LIVE, source="rtsp://camera.example.org:554/streams/door")
    told = status([far, AWAY, replace(NEW, source="0")], 12.0, 200)
    assert told == (
        "…rg:554/streams/door: 29.8/29.9 fps, 31 ms (p95 44), people 1 | yard: RECONNECTING (no answer) | "
        "0: CONNECTING, [12 s]"
    )


_SIGNS = st.text(st.characters(codec="utf-8"), max_size=40)
_REPORTS = st.builds(
    lambda source, state, error, count, age: replace(
        LIVE, source=source, state=state, error=error, dropped_frames=count, reconnects=count, frame_age_s=age
    ),
    _SIGNS,
    st.sampled_from(STATES),
    _SIGNS,
    st.integers(0, 10**9),
    st.none() | st.floats(0, 1e6),
)


@given(st.lists(_REPORTS, min_size=1, max_size=6), st.floats(0, 1e6), st.integers(1, 250))
def test_a_line_keeps_to_its_width_and_to_one_line(reports: list[SourceReport], elapsed: float, width: int) -> None:
    told = status(reports, elapsed, width)
    assert disp_len(told) <= width
    assert told.isprintable()


def test_on_a_terminal_one_line_is_written_over(terminal: Stream) -> None:
    with progress_on(terminal) as progress:
        for second in range(1, 6):
            progress.live([LIVE, AWAY, replace(NEW, source="a long name")], second)
        assert len(screen(terminal.getvalue())) == 1
        progress.live([LIVE], 6.0)
        assert screen(terminal.getvalue()) == [status([LIVE], 6.0, 99)]
        progress.live([AWAY], 7.0)
        assert screen(terminal.getvalue()) == [status([AWAY], 7.0, 99)]
    assert screen(terminal.getvalue()) == [status([AWAY], 7.0, 99), ""]


def test_a_narrow_terminal_is_not_overrun(terminal: Stream) -> None:
    with progress_on(terminal, columns=30) as progress:
        progress.live([LIVE, AWAY], 12.0)
    assert screen(terminal.getvalue(), columns=29)[0].endswith("…, [12 s]")


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such terminals there")
def test_the_width_is_that_of_the_terminal_behind_standard_error() -> None:
    import fcntl
    import struct
    import termios

    above, below = os.openpty()
    fcntl.ioctl(below, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 52, 0, 0))
    with open(below, "w", encoding="utf-8") as stream:  # noqa: PTH123 - a descriptor
        with progress_on(stream) as progress:
            progress.live([LIVE, AWAY], 12.0)
        received = os.read(above, 10_000).decode()
    os.close(above)
    assert received == "\r" + status([LIVE, AWAY], 12.0, 51) + "\r\n"


def test_log_messages_have_lines_of_their_own(terminal: Stream) -> None:
    handler = logging.StreamHandler(terminal)
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        with progress_on(terminal) as progress:
            progress.live([LIVE], 1.0)
            logging.getLogger("stream3d.source").warning("no answer")
            progress.live([AWAY], 2.0)
        assert screen(terminal.getvalue()) == ["no answer", status([AWAY], 2.0, 99), ""]
        assert not handler.filters
    finally:
        root.removeHandler(handler)


def test_without_a_terminal_there_is_a_line_now_and_then_and_for_each_change(pipe: Stream) -> None:
    with progress_on(pipe) as progress:
        for tick in range(150):
            now = tick / 5
            progress.live([AWAY if 14 <= now < 16 else LIVE], now)
    lines = pipe.getvalue().splitlines()
    ends = [line.rsplit(", ", 1)[1] for line in lines]
    assert ends == ["[0 s]", "[10 s]", "[14 s]", "[16 s]", "[26 s]"]
    assert [line.startswith("RECONNECTING") for line in lines] == [False, False, True, False, False]
    assert "\r" not in pipe.getvalue()


def test_quiet_is_quiet(terminal: Stream) -> None:
    with progress_on(terminal, quiet=True) as progress:
        progress.live([AWAY], 1.0)
        progress(result(), Summary(source="door", live=True))
    assert terminal.getvalue() == ""


def test_results_of_live_sources_are_not_shown_twice(terminal: Stream) -> None:
    with progress_on(terminal) as progress:
        progress.live([LIVE], 1.0)
        before = terminal.getvalue()
        progress(result(), Summary(source="door", live=True))
        assert terminal.getvalue() == before


def test_the_line_takes_the_place_of_a_bar(terminal: Stream) -> None:
    with progress_on(terminal) as progress:
        progress(result(), Summary(source="door", live=True))
        assert "frames [" in screen(terminal.getvalue())[0]
        progress.live([LIVE], 1.0)
    assert screen(terminal.getvalue()) == [status([LIVE], 1.0, 99), ""]


def test_files_have_a_bar(terminal: Stream) -> None:
    with progress_on(terminal) as progress:
        for _ in range(3):
            progress(result(), Summary(source="clip", expected_frames=3))
    assert "3/3 frames" in screen(terminal.getvalue())[0]


def test_a_reader_that_has_gone_ends_no_run() -> None:
    class Gone(Stream):
        def write(self, text: str) -> int:  # noqa: ARG002
            raise BrokenPipeError

    for terminal in (False, True):
        with progress_on(Gone(terminal=terminal)) as progress:
            progress.live([LIVE], 1.0)


def result() -> Result:
    """What of a result is shown."""
    return cast("Result", SimpleNamespace(poses=[1, 2], frame=SimpleNamespace(captured_at=0.0)))


@pytest.mark.parametrize(("words", "port"), [((), None), (("--metrics", "0"), 0), (("--metrics", "65535"), 65535)])
def test_a_port_for_metrics(words: Sequence[str], port: int | None) -> None:
    assert make_parser().parse_args(["run", "0", *words]).metrics == port


@pytest.mark.parametrize("said", ["-1", "65536", "http", "", "1.5", "²"])
def test_what_is_no_port_is_wrong_usage(said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        make_parser().parse_args(["run", "0", f"--metrics={said}"])
    assert raised.value.code == 2
    assert "0 to 65535" in capsys.readouterr().err
