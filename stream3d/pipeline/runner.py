"""From sources to results, to files and to the screen."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, nullcontext
from pathlib import Path

from stream3d.errors import SettingsError
from stream3d.meters import Meters
from stream3d.pipeline.exposition import Standing
from stream3d.pipeline.feeds import Feeds
from stream3d.pipeline.flow import Flow, flow
from stream3d.pipeline.lane import Lane, open_lane, saves_for
from stream3d.pipeline.opening import What, open_together
from stream3d.pipeline.outputs import check_outputs, default_saves
from stream3d.pipeline.resident import let_go
from stream3d.pipeline.rooms import Rooms, make_rooms, of_stills
from stream3d.pipeline.settings import RunSettings
from stream3d.pipeline.summary import Summary
from stream3d.source import Source, open_source
from stream3d.source_meter import SourceReport
from stream3d.values import Poses3D, Result

Watch = Callable[[Result, Summary], None]
Report = Callable[[Sequence[SourceReport], float], None]
Results = Generator[Result, None, None]

_REPORT_EVERY_S = 0.2
_USUAL_FPS = 30.0  # of a live source that does not say


def stream(what: What | Sequence[What], settings: RunSettings | None = None) -> Generator[Poses3D, None, None]:
    """The skeletons of every frame of a source, in order; frames without people come as empty poses.

    With a lifter that looks ahead, ``RunSettings(lift=LiftSettings(lookahead=4))``, each comes that many frames later.
    ``what`` is a video, image, folder, glob, camera index, URL or ``"sample"``, or several of these, whose skeletons
    then come as they are known, each with its ``source_id``. Each value has ``joints`` float32 [P, 17, 3], metres,
    camera space, ``person`` int64 [P] and ``pts`` seconds. Leaving the loop early ends everything.

    Raises:
        Stream3DError: a source, the weights or an engine cannot be used.

    >>> import itertools
    >>> for poses in itertools.islice(stream("sample"), 30):
    ...     last = poses
    >>> last.joints.shape
    (1, 17, 3)
    """
    with closing(results(what, settings)) as stream_of_results:
        for result in stream_of_results:
            yield result.poses


def results(what: What | Sequence[What], settings: RunSettings | None = None) -> Results:
    """Like `stream`, with the picture and the 2D tracks of each frame.

    Raises:
        Stream3DError: a source, the weights or an engine cannot be used.
    """
    settings = settings or RunSettings()
    with ExitStack() as stack:
        sources = _opened(stack, _several(what), settings)
        rooms = _rooms_for(sources, settings)
        feeds = stack.enter_context(Feeds(sources))
        with closing(flow(feeds, rooms, settings)) as through:
            for result in through:
                rooms.meters.dropped = sum(feed.dropped for feed in feeds.feeds)
                if result is not None:
                    yield result


def run(
    what: What,
    *,
    settings: RunSettings | None = None,
    saves: Sequence[str | Path] | None = None,
    view: bool = False,
    watch: Watch | None = None,
) -> Summary:
    """Process a source to its end, into files and onto the screen.

    ``saves`` are file names whose endings choose the writers; None, without ``view``, means NAME.npz and NAME.mp4 in
    the current folder. ``watch`` is called after each result with the counts so far. A ``KeyboardInterrupt`` ends the
    run early: what was done is saved, and the summary says ``interrupted``.

    Raises:
        Stream3DError: the source, weights, an engine or an output cannot be used; what was computed before is saved.
    """
    return run_all([what], settings=settings, saves=saves, view=view, watch=watch)[0]


def run_all(
    whats: Sequence[What],
    *,
    settings: RunSettings | None = None,
    saves: Sequence[str | Path] | None = None,
    view: bool = False,
    watch: Watch | None = None,
    report: Report | None = None,
) -> list[Summary]:
    """Process several sources at the same time, to the ends of all; like `run`, with a summary for each.

    Each has ids and files of its own: with several sources, files bear the source's name before their ending.
    ``report`` is called a few times a second if one is live, also while nothing comes, with how each source is doing
    and the seconds since the beginning.

    Raises:
        Stream3DError: a source, weights, an engine or an output cannot be used; what was computed before is saved.
    """
    settings = settings or RunSettings()
    if len(whats) == 1:
        check_outputs(whats[0], saves or (), view=view)
    began = time.perf_counter()
    with ExitStack() as stack:
        sources = _opened(stack, whats, settings)
        named = _outputs_of(whats, sources, saves, view=view)
        meters = Meters()
        rooms = _rooms_for(sources, settings, meters)
        lanes = [
            stack.enter_context(open_lane(source, rooms, settings, saves=names, view=view))
            for source, names in zip(sources, named, strict=True)
        ]
        for lane in lanes:
            lane.summary.ready_s = time.perf_counter() - began
        _Run(lanes, rooms, settings, watch, report).go()
    return [lane.summary for lane in lanes]


def _several(what: What | Sequence[What]) -> Sequence[What]:
    return [what] if isinstance(what, str | int | Path) else what


def _opened(stack: ExitStack, whats: Sequence[What], settings: RunSettings) -> list[Source]:
    """The open sources, closed again when the stack is left.

    Raises:
        SettingsError: there is none, or one is named twice, or images are to be run beside something else.
        SourceError: (or a child) one cannot be opened.
    """
    if not whats:
        raise SettingsError("no source to run; name a video, a camera, a URL or 'sample'")
    opened = open_together(whats, lambda what: open_source(what, settings.source))
    sources = [stack.enter_context(source) for source in opened]
    ids = [source.info.source_id for source in sources]
    for twice in {one for one in ids if ids.count(one) > 1}:
        raise SettingsError(f"{twice} is named twice; people and files of the two could not be told apart")
    if len(sources) > 1 and any(of_stills(source.info) for source in sources):
        raise SettingsError("images can only be run alone, since each of them is a scene of its own")
    return sources


def _rooms_for(sources: Sequence[Source], settings: RunSettings, meters: Meters | None = None) -> Rooms:
    """The rooms of all sources, warm for the pictures of each."""
    rooms = make_rooms(settings, sources[0].info, meters)
    if further := {(source.info.width, source.info.height) for source in sources[1:]}:
        for size in further:
            rooms.pose2d.warm(*size)
        let_go()
    _check_lookahead(rooms, sources, settings)
    return rooms


def _check_lookahead(rooms: Rooms, sources: Sequence[Source], settings: RunSettings) -> None:
    """Refuse a lifter that waits for more frames than the promised latency lets it.

    Raises:
        SettingsError: it does.
    """
    fps = min((source.info.fps or _USUAL_FPS for source in sources if source.info.live), default=None)
    if settings.max_latency_s is None or fps is None:
        return
    waits_s = rooms.lift.lookahead / fps
    if waits_s >= settings.max_latency_s:
        raise SettingsError(
            f"a lookahead of {rooms.lift.lookahead} frames at {fps:g} frames/s waits {1e3 * waits_s:.0f} ms, and"
            f" --max-latency promises {1e3 * settings.max_latency_s:.0f}; choose a smaller --lookahead or promise more"
        )


def _outputs_of(
    whats: Sequence[What], sources: Sequence[Source], saves: Sequence[str | Path] | None, *, view: bool
) -> list[tuple[str, ...]]:
    """The file names of each source, checked before any work is done."""
    names = _distinct([source.info.name for source in sources])
    out = []
    for what, name in zip(whats, names, strict=True):
        if saves is not None:
            own = saves_for(saves, name, alone=len(whats) == 1)
        elif view:
            own = ()
        else:
            own = default_saves(what, name)
        check_outputs(what, own, view=False)
        out.append(own)
    return out


def _distinct(names: Sequence[str]) -> list[str]:
    """Names with numbers where they would be the same.

    >>> _distinct(["cam", "door", "cam"])
    ['cam', 'door', 'cam-2']
    """
    return [f"{name}-{n}" if (n := names[: k + 1].count(name)) > 1 else name for k, name in enumerate(names)]


class _Run:
    """The loop of a run; on every way out all outputs are closed with the final counts."""

    def __init__(
        self, lanes: Sequence[Lane], rooms: Rooms, settings: RunSettings, watch: Watch | None, report: Report | None
    ) -> None:
        self._lanes = {lane.source.info.source_id: lane for lane in lanes}
        self._rooms, self._settings = rooms, settings
        self._watch, self._report = watch, report
        self._wall, self._cpu = time.perf_counter(), time.process_time()
        self._reported_at = self._wall

    def go(self) -> None:
        """To the end of all sources.

        Raises:
            Stream3DError: a source or an output failed.
        """
        lanes = self._lanes.values()
        feeds = Feeds([lane.source for lane in lanes])
        try:
            with self._served(), feeds, closing(self._paced(flow(feeds, self._rooms, self._settings))) as through:
                for result in through:
                    self._take(result, feeds)
                    if all(lane.outputs.nobody_watches() for lane in lanes):
                        break
        except KeyboardInterrupt:
            self._interrupted()
        finally:
            self._count(feeds)
            errors = [lane.close() for lane in lanes]
            self._tell_costs()
        for error in errors:
            if error is not None:
                raise error

    def _take(self, result: Result | None, feeds: Feeds) -> None:
        if result is not None:
            lane = self._lanes[result.frame.source_id]
            lane.write(result)
            lane.summary.wall_s = time.perf_counter() - self._wall
            if self._late(result):
                lane.meter.late()
            if self._watch is not None:
                lane.summary.dropped = feeds.of(lane.source).dropped
                self._watch(result, lane.summary)
        now = time.perf_counter()
        if now - self._reported_at >= _REPORT_EVERY_S:
            self._reported_at = now
            self._count(feeds)
            if self._report is not None and any(lane.source.info.live for lane in self._lanes.values()):
                self._report([lane.report() for lane in self._lanes.values()], now - self._wall)

    def _served(self) -> AbstractContextManager[object]:
        """The metrics' server, if one was asked for."""
        port = self._settings.metrics_port
        if port is None:
            return nullcontext()
        from stream3d.pipeline.metrics_server import MetricsServer

        return MetricsServer(port, self._standing)

    def _standing(self) -> Standing:
        """How the run stands; asked by the server's threads."""
        lanes = self._lanes.values()
        return Standing(
            reports=[lane.report() for lane in lanes],
            stages=self._rooms.meters.summary(),
            sinks=[sink for lane in lanes for sink in lane.sinks()],
        )

    def _late(self, result: Result) -> bool:
        most_s = self._settings.max_latency_s
        return most_s is not None and result.latency_s > most_s

    def _count(self, feeds: Feeds) -> None:
        for lane in self._lanes.values():
            lane.count(feeds.of(lane.source))
        self._rooms.meters.dropped = sum(lane.summary.dropped for lane in self._lanes.values())

    def _interrupted(self) -> None:
        """Results still owed are written; the user may interrupt that too, and then they are not."""
        for source_id, lane in self._lanes.items():
            lane.summary.interrupted = True
            for result in self._rooms.finish(source_id):
                lane.write(result)

    def _tell_costs(self) -> None:
        for lane in self._lanes.values():
            lane.summary.wall_s = time.perf_counter() - self._wall
            lane.summary.cpu_s = time.process_time() - self._cpu
            lane.summary.stages = self._rooms.meters.summary()

    def _paced(self, through: Flow) -> Flow:
        """Files that are only watched play no faster than they are."""
        watched = all(lane.outputs.only_viewed and not lane.source.info.live for lane in self._lanes.values())
        return _at_its_own_speed(through) if watched else through


def _at_its_own_speed(through: Flow) -> Flow:
    start: float | None = None
    with closing(through):
        for result in through:
            yield result
            if result is not None:
                now = time.perf_counter()
                start = now - result.frame.pts if start is None else start
                time.sleep(max(0.0, start + result.frame.pts - now))
