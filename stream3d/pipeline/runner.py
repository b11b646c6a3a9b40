"""From a source to results, to files and to the screen."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

from stream3d.channel import Policy
from stream3d.errors import Stream3DError
from stream3d.meters import Meters
from stream3d.pipeline.in_flight import at_once, cores, in_flight, possible
from stream3d.pipeline.outputs import Outputs, check_outputs, default_saves, open_outputs, run_info
from stream3d.pipeline.rooms import Rooms, make_rooms
from stream3d.pipeline.settings import Mode, RunSettings
from stream3d.pipeline.summary import Summary
from stream3d.pipeline.threads import Reader, Writer
from stream3d.source import Source, open_source
from stream3d.values import Frame, Poses3D, Result

_AHEAD = 4  # frames decoded in advance
Results = Generator[Result, None, None]


def stream(what: str | int | Path, settings: RunSettings | None = None) -> Generator[Poses3D, None, None]:
    """The skeletons of every frame of a source, in order; frames without people come as empty poses.

    With a lifter that looks ahead, ``RunSettings(lift=LiftSettings(lookahead=4))``, each comes that many frames later.
    ``what`` is a video, image, folder, glob, camera index, URL or ``"sample"``. Each value has ``joints`` float32 [P,
    17, 3], metres, camera space, ``person`` int64 [P] and ``pts`` seconds. Leaving the loop early ends everything.

    Raises:
        Stream3DError: the source, the weights or an engine cannot be used.

    >>> import itertools
    >>> for poses in itertools.islice(stream("sample"), 30):
    ...     last = poses
    >>> last.joints.shape
    (1, 17, 3)
    """
    with closing(results(what, settings)) as stream_of_results:
        for result in stream_of_results:
            yield result.poses


def results(what: str | int | Path, settings: RunSettings | None = None) -> Results:
    """Like `stream`, with the picture and the 2D tracks of each frame.

    Raises:
        Stream3DError: the source, the weights or an engine cannot be used.
    """
    settings = settings or RunSettings()
    with open_source(what, settings.source) as source:
        yield from _flow(source, make_rooms(settings, source.info), settings.mode)


def run(
    what: str | int | Path,
    *,
    settings: RunSettings | None = None,
    saves: Sequence[str | Path] | None = None,
    view: bool = False,
    watch: Callable[[Result, Summary], None] | None = None,
) -> Summary:
    """Process a source to its end, into files and onto the screen.

    ``saves`` are file names whose endings choose the writers; None, without ``view``, means NAME.npz and NAME.mp4 in
    the current folder. ``watch`` is called after each result with the counts so far. A ``KeyboardInterrupt`` ends the
    run early: what was done is saved, and the summary says ``interrupted``.

    Raises:
        Stream3DError: the source, weights, an engine or an output cannot be used; what was computed before is saved.
    """
    settings = settings or RunSettings()
    check_outputs(what, saves or (), view=view)
    began = time.perf_counter()
    meters = Meters()
    with open_source(what, settings.source) as source:
        if saves is None:
            saves = () if view else default_saves(what, source.info)
            check_outputs(what, saves)
        rooms = make_rooms(settings, source.info, meters)
        camera = rooms.camera(source.info.width, source.info.height)
        summary = Summary(
            source=source.info.source_id,
            live=source.info.live,
            expected_frames=source.info.frame_count,
            outputs=tuple(map(str, saves)),
            camera=camera.origin,
            smoother="none" if rooms.stills else settings.smoother,
            engines=rooms.describe(),
        )
        outputs = open_outputs(saves, run_info(source.info, rooms, camera), settings.sinks, view=view)
        summary.ready_s = time.perf_counter() - began
        _process(source, rooms, settings.mode, summary, outputs, watch)
    return summary


def _flow(source: Source, rooms: Rooms, mode: Mode = "auto") -> Results:
    """Decode ahead in a thread, and take every frame through the rooms; what breaks off still gets its results."""
    policy: Policy = "latest" if source.info.live else "block"
    broken: Stream3DError | None = None
    workers = cores()
    many = possible(rooms) and (mode == "throughput" or (mode == "auto" and not source.info.live and workers > 1))
    with Reader[Frame](source, capacity=1 if source.info.live else _AHEAD, policy=policy) as frames:
        try:
            through = (
                in_flight(rooms, frames, count=at_once(workers), workers=workers)
                if many
                else _one_by_one(rooms, frames)
            )
            with closing(through):
                for result in through:
                    yield result
                    rooms.meters.dropped = frames.dropped
        except Stream3DError as error:
            broken = error
        yield from rooms.finish(source.info.source_id)
    if broken is not None:
        raise broken


def _one_by_one(rooms: Rooms, frames: Iterable[Frame]) -> Results:
    for frame in frames:
        yield from rooms(frame)


def _at_its_own_speed(flow: Results) -> Results:
    """A file that is only watched plays no faster than it is."""
    start: float | None = None
    with closing(flow):
        for result in flow:
            yield result
            now = time.perf_counter()
            start = now - result.frame.pts if start is None else start
            time.sleep(max(0.0, start + result.frame.pts - now))


def _process(
    source: Source,
    rooms: Rooms,
    mode: Mode,
    summary: Summary,
    outputs: Outputs,
    watch: Callable[[Result, Summary], None] | None,
) -> None:
    """The loop of a run; on every way out the sinks are closed with the final counts."""
    writer = Writer(outputs.sinks, rooms.meters)
    flow = _flow(source, rooms, mode)
    if outputs.only_viewed and not summary.live:
        flow = _at_its_own_speed(flow)
    wall, cpu = time.perf_counter(), time.process_time()
    try:
        with closing(flow):
            for result in flow:
                summary.add(result)
                writer.write(result)
                summary.wall_s, summary.dropped = time.perf_counter() - wall, rooms.meters.dropped
                if watch is not None:
                    watch(result, summary)
                if outputs.nobody_watches():
                    break
    except KeyboardInterrupt:
        summary.interrupted = True
        for result in rooms.finish(source.info.source_id):
            summary.add(result)
            writer.write(result)
    finally:
        summary.counts, summary.dropped = asdict(source.counts), rooms.meters.dropped
        writer.close(summary.as_meta())
        summary.wall_s, summary.cpu_s = time.perf_counter() - wall, time.process_time() - cpu
        summary.stages = rooms.meters.summary()
