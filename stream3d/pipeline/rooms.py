"""The rooms in their order: a frame in, all that is known of it out."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from stream3d.geometry import Camera
from stream3d.lift import Lifter, make_lifter
from stream3d.meters import Meters
from stream3d.pipeline.resident import let_go
from stream3d.pipeline.settings import RunSettings
from stream3d.pose2d import Ahead, Estimator, make_estimator
from stream3d.skeleton import H36M17, Layout
from stream3d.solve import make_keypoint_smoother, make_smoother
from stream3d.source import SourceInfo
from stream3d.track import Tracker
from stream3d.values import Frame, Poses3D, Result, Tracks2D

_SIZES = 16  # of pictures, of which the camera is remembered


@dataclass(frozen=True, kw_only=True)
class Rooms:
    """2D, tracking, lifting and smoothing, one after the other, for one thread; each measured.

    Keypoints are smoothed after lifting, for who sees or saves them: the lifter takes them as the net said.

    A lifter that looks ahead answers later: a frame's result then comes with a later frame, or with ``finish``. With
    ``stills`` every frame is a scene of its own: nobody is followed from one to the next, and nothing is waited for.
    """

    pose2d: Estimator
    track: Tracker
    lift: Lifter
    smooth: Callable[[Poses3D], Poses3D]
    smooth2d: Callable[[Tracks2D], Tracks2D]
    camera: Callable[[int, int], Camera]
    meters: Meters
    stills: bool = False
    _waiting: dict[tuple[str, int], tuple[Frame, Tracks2D]] = field(default_factory=dict, init=False, repr=False)

    def __call__(self, frame: Frame) -> list[Result]:
        """What is known by now: of ``frame`` itself, or of the one that the lifter's lookahead lies before it.

        Raises:
            SettingsError: the camera's calibration is for pictures of another shape.
        """
        if self.stills:
            self.forget(frame.source_id)
        results = self.lifted([(frame, self.followed(frame))])
        return results + (self.finish(frame.source_id) if self.stills else [])

    def followed(self, frame: Frame, ahead: Ahead | None = None) -> Tracks2D:
        """Who is in ``frame``, which comes after the last one; ``ahead`` is what the nets have said of it already."""
        with self.meters["pose2d"].measure():
            regions = self.track.regions(frame.stamp)
            known = {} if ahead is None else {"ahead": ahead}
            seen = self.pose2d(frame, regions, searching=self.track.searching(frame.source_id), **known)
        with self.meters["track"].measure():
            return self.track(seen)

    def lifted(self, tracked: Sequence[tuple[Frame, Tracks2D]]) -> list[Result]:
        """The results that are known once the tracks of these frames are: at most one of each source, in one batch."""
        self._waiting.update({(frame.source_id, frame.index): (frame, tracks) for frame, tracks in tracked})
        seen = [(tracks, self.camera(*frame.size)) for frame, tracks in tracked]
        with self.meters["lift"].measure():
            poses = self.lift.lift(seen)
        return self._results(poses)

    def finish(self, source_id: str) -> list[Result]:
        """The results still owed when a source has ended, in order; nothing with a lifter that does not look ahead."""
        return self._results(self.lift.finish(source_id))

    def _results(self, answers: Sequence[Poses3D]) -> list[Result]:
        results = []
        for answer in answers:
            with self.meters["smooth"].measure():
                frame, tracks = self._waiting.pop((answer.source_id, answer.index))
                poses, tracks = self.smooth(answer), self.smooth2d(tracks)
            results.append(Result(frame=frame, tracks=tracks, poses=poses, emitted_at=time.monotonic()))
            self.meters["latency"].add(results[-1].latency_s)
        return results

    def forget(self, source_id: str) -> None:
        """End everything that is remembered of a source; ids go on counting."""
        for room in (self.pose2d, self.track, self.lift):
            room.forget(source_id)
        for key in [key for key in self._waiting if key[0] == source_id]:
            del self._waiting[key]

    def describe(self) -> dict[str, dict[str, str]]:
        """The engines of all nets, by net."""
        return {**self.pose2d.describe(), "lifter": self.lift.engine.describe()}

    @property
    def on_cpu(self) -> bool:
        """Whether all nets run on a CPU, where several threads may run them at the same time."""
        return all(net.get("device", "cpu") == "cpu" for net in self.describe().values())

    @property
    def layouts(self) -> tuple[Layout, Layout]:
        """Of the 2D keypoints, and of the 3D joints."""
        return self.pose2d.layout, H36M17


def of_stills(source: SourceInfo) -> bool:
    """True where every picture is a scene of its own."""
    return source.kind in ("image", "images")


def make_rooms(settings: RunSettings, source: SourceInfo, meters: Meters | None = None) -> Rooms:
    """The rooms for a source as the settings say, their nets compiled and warm.

    Raises:
        ModelError: weights cannot be had or are not the pinned ones.
        EngineError: a net cannot be compiled, or the device is not there.
        SettingsError: the camera's calibration cannot be used.
    """
    camera = settings.camera.load()
    meters = meters or Meters()
    let_go()  # of what loading the kernels needed, before the nets need more
    stills = of_stills(source)
    smoother = "none" if stills else settings.smoother
    # a still is all there is: nobody has to be seen twice to be believed
    track = replace(settings.track, birth_s=0.0) if stills else settings.track
    # one after the other: on a machine's first run all of them compile, which neither Numba nor torch does in two
    # threads
    made = Rooms(
        pose2d=_warm_estimator(settings, source, meters),
        track=Tracker(track),
        smooth=make_smoother(smoother, settings.smooth, settings.kalman),
        smooth2d=make_keypoint_smoother(smoother),
        lift=make_lifter(settings.lift, settings.engine),
        camera=lru_cache(_SIZES)(camera.of_size),
        meters=meters,
        stills=stills,
    )
    meters.clear()
    let_go()
    return made


def _warm_estimator(settings: RunSettings, source: SourceInfo, meters: Meters) -> Estimator:
    estimator = make_estimator(settings.pose, settings.engine, meters=meters)
    estimator.warm(source.width, source.height)
    return estimator
