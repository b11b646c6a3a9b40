"""All that belongs to one source of a run: where it is read from, what it has done, where its results go."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from stream3d.errors import Stream3DError
from stream3d.meters import Meters
from stream3d.pipeline.exposition import SinkReport
from stream3d.pipeline.feeds import Feed
from stream3d.pipeline.outputs import Outputs, open_outputs, run_info
from stream3d.pipeline.rooms import Rooms
from stream3d.pipeline.settings import RunSettings
from stream3d.pipeline.summary import Summary
from stream3d.pipeline.threads import Writer
from stream3d.source import Source
from stream3d.source_meter import SourceMeter, SourceReport
from stream3d.values import Result

_WAITING = 16  # results that may wait for a slow output of a live source: half a second


class Lane:
    """One source, its summary, its meter and its outputs.

    The outputs of a live source have a thread each, so that a slow one, which loses results, slows no other.
    """

    def __init__(self, source: Source, summary: Summary, outputs: Outputs, meters: Meters) -> None:
        self.source, self.summary, self.outputs = source, summary, outputs
        self.meter = SourceMeter(source.info.source_id)
        self._told_dropped = self._told_skipped = 0
        self._closed = False
        if source.info.live:
            self.writers = [
                Writer([sink], meters, capacity=_WAITING, policy="latest", name=name)
                for sink, name in zip(outputs.sinks, outputs.names, strict=True)
            ]
        else:
            self.writers = [Writer(outputs.sinks, meters)]

    def write(self, result: Result) -> None:
        """Count one result and hand it to all outputs.

        Raises:
            Stream3DError: whatever an output failed with.
        """
        self.summary.add(result)
        self.meter.processed(result.latency_s, len(result.poses), now=result.emitted_at)
        for writer in self.writers:
            writer.write(result)

    def count(self, feed: Feed | None = None) -> None:
        """Bring the counts of what was lost up to date."""
        if feed is not None:
            self.summary.dropped = feed.dropped
            dropped = feed.thrown_away
            self.meter.dropped(dropped - self._told_dropped)
            self._told_dropped = dropped
        skipped = self.source.counts.skipped
        self.meter.skipped(skipped - self._told_skipped)
        self._told_skipped = skipped

    def report(self) -> SourceReport:
        """How the source is doing."""
        return self.meter.report(self.source.health.now())

    def sinks(self) -> list[SinkReport]:
        """How its outputs are doing."""
        source = self.source.info.source_id
        return [
            SinkReport(sink=writer.name, source=source, depth=writer.depth, dropped=writer.dropped)
            for writer in self.writers
        ]

    def left_out(self) -> dict[str, int]:
        """Results that slow outputs have lost, by output; only those that have lost some."""
        return {writer.name: writer.dropped for writer in self.writers if writer.dropped}

    def close(self) -> Stream3DError | Exception | None:
        """Finish all outputs with the final counts; the first error of any, which has stopped none of the others."""
        if self._closed:
            return None
        self._closed = True
        self.summary.counts = asdict(self.source.counts)
        if self.source.info.live:
            self.summary.live_report = {**self.report().as_dict(), "left_out": self.left_out()}
        meta, first = self.summary.as_meta(), None
        for writer in self.writers:
            try:
                writer.close(meta)
            except Exception as error:  # the others must be closed all the same
                first = first or error
        return first


@contextmanager
def open_lane(
    source: Source, rooms: Rooms, settings: RunSettings, *, saves: Sequence[str], view: bool
) -> Iterator[Lane]:
    """A source's outputs, opened together or not at all, and closed when this is left.

    Raises:
        SinkError: an output cannot be written.
        ViewerError: there is no display or no window.
    """
    camera = rooms.camera(source.info.width, source.info.height)
    summary = Summary(
        source=source.info.source_id,
        live=source.info.live,
        expected_frames=source.info.frame_count,
        outputs=tuple(saves),
        camera=camera.origin,
        smoother="none" if rooms.stills else settings.smoother,
        engines=rooms.describe(),
    )
    outputs = open_outputs(saves, run_info(source.info, rooms, camera), settings.sinks, view=view)
    lane = Lane(source, summary, outputs, rooms.meters)
    try:
        yield lane
    finally:
        lane.close()


def saves_for(saves: Sequence[str | Path], name: str, *, alone: bool) -> tuple[str, ...]:
    """The file names of one source: as given if it is alone, else with its name before the ending.

    >>> saves_for(["out.npz", "all/out.json/"], "door", alone=False)
    ('out.door.npz', 'all/out.door.json/')
    """
    if alone:
        return tuple(map(str, saves))
    return tuple(_named(str(save), name) for save in saves)


def _named(save: str, name: str) -> str:
    folder, slash, file = save.rstrip("/").rpartition("/")
    stem, dot, ending = file.partition(".")
    return f"{folder}{slash}{stem}.{name}{dot}{ending}" + ("/" if save.endswith("/") else "")
