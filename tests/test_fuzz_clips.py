"""Damaged clips, streams and images, a small fixed set of what ``python -m tests.fuzz`` reads by the thousand."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stream3d.errors import ShapeError, SourceError
from stream3d.source import SourceSettings, open_source
from tests.fuzz import run, trial
from tests.fuzz.__main__ import summed_up
from tests.fuzz.clips import write_corpus
from tests.fuzz.mutate import MUTATORS, lengths, mutated
from tests.fuzz.trial import GOOD, STREAMS, Plan, attempt, planned

MUTATIONS = 40


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_corpus(tmp_path_factory.mktemp("clips"))


def test_whole_files_are_read_to_their_end(corpus: list[Path], tmp_path: Path) -> None:
    for path in corpus:
        said = attempt(plan(path), path.read_bytes(), tmp_path, None)
        assert said["outcome"] == "read", said
        assert said["frames"] == (1 if path.stem == "still" else 25), path.name


@pytest.mark.skipif(sys.platform == "win32", reason="pipes cannot be waited for there")
def test_damaged_files_end_in_frames_or_in_one_line(corpus: list[Path]) -> None:
    results = list(run.outcomes(corpus, range(MUTATIONS)))
    figures = summed_up(results)
    assert figures["failures"] == []
    assert figures["mutations"] == MUTATIONS
    assert set(figures["outcomes"]) >= {"read", "refused"}  # neither all whole nor all beyond reading
    assert figures["through_the_rooms"]
    assert figures["over_a_socket"]
    assert figures["skeletons"]


def test_a_seed_names_its_damage_for_good(corpus: list[Path]) -> None:
    for seed in range(30):
        (one, data), (same, again) = planned(seed, corpus), planned(seed, corpus)
        assert (one, data) == (same, again)
    assert len({planned(seed, corpus)[1] for seed in range(30)}) == 30


@pytest.mark.parametrize("mutator", dict.fromkeys(MUTATORS), ids=lambda m: m.__name__)
def test_every_kind_of_damage_does_some(mutator: Callable[..., None], corpus: list[Path]) -> None:
    whole, other = corpus[0].read_bytes(), corpus[6].read_bytes()
    changed = 0
    for seed in range(20):
        work = bytearray(whole)
        mutator(random.Random(seed), work, other)  # noqa: S311 - repeatable on purpose
        changed += bytes(work) != whole
    assert changed > 10


def test_lengths_of_boxes_and_chunks_are_found() -> None:
    assert (4, "big") in lengths(b"....\0\0\0\x0cmdat" + bytes(8))
    assert (8, "little") in lengths(b"....00dc\x0c\0\0\0" + bytes(8))
    assert mutated(random.Random(0), b"x", [b"y"])[0] != b""  # noqa: S311 - even of one byte


# --- the judge would see it ----------------------------------------------------------------------------------------


def plan(path: Path) -> Plan:
    stream = path.suffix in STREAMS
    return Plan(seed=0, name=path.name, damage=(), rooms=False, stream=stream, settings=SourceSettings(isolate=False))


def judged(corpus: list[Path], folder: Path, monkeypatch: pytest.MonkeyPatch, frames: Callable[..., Any]) -> Any:
    """What is said of a source whose frames pass through ``frames``."""

    def opened(path: Path, settings: SourceSettings) -> Any:
        source = open_source(path, settings)
        inner = type(source).__iter__

        class Wrapped(type(source)):  # type: ignore[misc]
            def __iter__(self) -> Any:
                return frames(inner(self))

        source.__class__ = Wrapped
        return source

    monkeypatch.setattr(trial, "open_source", opened)
    return attempt(plan(corpus[0]), corpus[0].read_bytes(), folder, None)


def test_another_exception_is_seen(corpus: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(frames: Any) -> Any:
        yield next(frames)
        frames.close()
        raise ZeroDivisionError("by nothing")

    said = judged(corpus, tmp_path, monkeypatch, breaks)
    assert (said["outcome"], said["error"], said["frames"]) == ("exception", "ZeroDivisionError", 1)


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (ShapeError("no error of a source, but ours"), "bad error"),
        (SourceError("an error that takes\ntwo lines"), "bad error"),
        (SourceError("why"), "bad error"),
        (SourceError("a.mp4: broke off (the reason)"), "cut short"),
    ],
)
def test_errors_are_judged(
    error: Exception, outcome: str, corpus: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(frames: Any) -> Any:
        yield next(frames)
        frames.close()
        raise error

    assert judged(corpus, tmp_path, monkeypatch, breaks)["outcome"] == outcome


def test_time_that_stands_still_is_seen(corpus: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def doubled(frames: Any) -> Any:
        first = next(frames)
        frames.close()
        yield from (first, first)

    assert judged(corpus, tmp_path, monkeypatch, doubled)["error"] == "BrokenPromiseError"


@pytest.mark.skipif(sys.platform != "linux", reason="open files are counted in /proc")
def test_what_is_left_open_is_seen(corpus: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left: list[Any] = []

    def leaves(frames: Any) -> Any:
        left.append((tmp_path / "left").open("w"))
        yield from frames

    assert judged(corpus, tmp_path, monkeypatch, leaves)["outcome"] == "left behind"
    left[0].close()


# a stand-in for the process that reads: it says that it is ready, and then answers, dies, stays silent or grows
READY = "import json, os, sys, time; print('{}', flush=True); sys.stdin.readline(); sys.stdin.readline();"


@pytest.mark.skipif(sys.platform == "win32", reason="pipes cannot be waited for there")
@pytest.mark.parametrize(
    ("code", "outcome", "detail"),
    [
        ("print(json.dumps({'outcome': 'read', 'rose_mb': 1}), flush=True)", "read", ""),
        ("os.abort()", "crash", "SIGABRT"),
        ("sys.exit(3)", "crash", "exit status 3"),
        ("time.sleep(60)", "hang", "within 1 s"),
        ("print(json.dumps({'outcome': 'read', 'rose_mb': 1e6}), flush=True); time.sleep(60)", "memory", "rose by"),
    ],
)
def test_deaths_of_the_process_are_told_by_seed(
    code: str, outcome: str, detail: str, corpus: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    popen = run.subprocess.Popen
    monkeypatch.setattr(run.subprocess, "Popen", lambda _, **how: popen([sys.executable, "-c", READY + code], **how))
    with run.Worker(corpus) as worker:
        said = worker(7, limit_s=1.0 if outcome == "hang" else 60.0)
    assert said["outcome"] == outcome
    assert detail in said.get("detail", "")
    assert outcome in GOOD or summed_up([said])["failures"] == [said]


# --- what was found, as it was found -------------------------------------------------------------------------------

FOUND = Path(__file__).parent / "fuzz" / "found"
READ = """
import sys
from stream3d.source import SourceSettings, open_source
with open_source(sys.argv[1], SourceSettings(threads=2)) as source:
    print(sum(1 for _ in source))
"""


def test_a_damaged_clip_over_which_ffmpeg_waits_for_ever_with_frame_threads() -> None:
    """19 KB; the HEVC decoder of FFmpeg 8.1.2 has three threads wait for each other. So it gets none of that kind."""
    clip = FOUND / "hevc-waits.mkv"
    done = subprocess.run(
        [sys.executable, "-c", READ, str(clip)], cwd=run.ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert int(done.stdout) == 3
