"""The room: 2D tracks in, metric skeletons in camera space out."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from stream3d.engine import Engine, EngineSettings, make_engine
from stream3d.errors import SettingsError
from stream3d.geometry import Camera
from stream3d.lift import body, bridge, features, placement
from stream3d.lift.body import even_sided
from stream3d.lift.features import Float32, size_of, window_features
from stream3d.lift.history import Histories, Key, Moment, windows_of
from stream3d.lift.observe import observe, same_places
from stream3d.lift.placement import Sight, standing
from stream3d.lift.settings import LiftSettings
from stream3d.nets.lifter import REFERENCE_HEIGHT_M, describe_lifter, find_lifter
from stream3d.skeleton import H36M17
from stream3d.values import Poses3D, Tracks2D

_FEWEST_JOINTS = 2


@dataclass(frozen=True, slots=True)
class _Seen:
    """One person in one frame: where that is in their past, and what was seen."""

    moment: Moment
    sight: Sight


@dataclass(frozen=True, slots=True)
class _Owed:
    """A frame that waits for its answer, and those of its people who are seen well enough."""

    tracks: Tracks2D
    people: dict[Key, _Seen]


class Lifter:
    """Lifts every person of a frame with their own frames round it, up to 27, at their true times.

    The answer has one row per row of the tracks, in the same order. ``joints`` are camera-space metres under the
    stature of the settings; ``sigma`` is one standard deviation of the distance from the truth, relative to the
    pelvis, without the common error in depth that an unknown stature brings. A person of whom fewer than two joints
    are seen gets NaN.

    A net with ``lookahead`` answers a frame when that many frames of its source have come after it; ``finish`` answers
    the last ones with what there is. Without lookahead the lifter may be called with one frame at a time.
    ``about`` is what is to be kept of the weights with the tracks.
    """

    def __init__(
        self,
        engine: Engine,
        settings: LiftSettings | None = None,
        *,
        lookahead: int = 0,
        about: Mapping[str, object] | None = None,
    ) -> None:
        self.settings = settings or LiftSettings()
        self.engine = engine
        self.lookahead = lookahead
        self.about = dict(about or {})
        self._histories = Histories(
            reset_gap_s=self.settings.reset_gap_s,
            forget_s=self.settings.forget_s,
            max_people=self.settings.max_people,
        )
        self._owed: dict[str, deque[_Owed]] = {}

    def __call__(self, tracks: Tracks2D, camera: Camera) -> Poses3D:
        """Lift one frame, with a net that does not look ahead.

        Raises:
            LayoutError: the tracks' layout cannot become h36m17.
            SettingsError: the net looks ahead.
        """
        if self.lookahead:
            raise SettingsError(
                f"this lifter looks {self.lookahead} frames ahead, so it has no answer to a frame alone; use `lift` and"
                " `finish`, or `lift_all`"
            )
        return self.lift([(tracks, camera)])[0]

    def lift(self, frames: Sequence[tuple[Tracks2D, Camera]]) -> list[Poses3D]:
        """Take frames of several sources, at most one of each, and give the answers due, in one call of the engine.

        Without lookahead these are one for each frame, in order; else those of the frames that many before.

        Raises:
            LayoutError: a layout cannot become h36m17.
        """
        due = []
        for tracks, camera in frames:
            waiting = self._owed.setdefault(tracks.source_id, deque())
            waiting.append(_Owed(tracks, self._remember(tracks, camera)))
            if len(waiting) > self.lookahead:
                due.append(waiting.popleft())
        return self._answered(due)

    def finish(self, source_id: str) -> list[Poses3D]:
        """The answers still owed at the end of a source, in order; nothing without lookahead."""
        return [self._answered([owed])[0] for owed in self._owed.pop(source_id, ())]

    def lift_all(self, frames: Iterable[tuple[Tracks2D, Camera]]) -> Iterator[Poses3D]:
        """The answers to all frames of one source, in order, whatever the lookahead.

        Raises:
            LayoutError: a layout cannot become h36m17.
        """
        source_id = None
        for tracks, camera in frames:
            source_id = tracks.source_id
            yield from self.lift([(tracks, camera)])
        if source_id is not None:
            yield from self.finish(source_id)

    def forget(self, source_id: str) -> None:
        """Drop all that is remembered of one source, also what is still owed."""
        self._histories.forget(source_id)
        self._owed.pop(source_id, None)

    def _remember(self, tracks: Tracks2D, camera: Camera) -> dict[Key, _Seen]:
        """Add a frame to its people's histories; the rows of those who are seen well enough."""
        self._histories.drop_stale(tracks.source_id, tracks.pts)
        rays, confidence = observe(tracks, camera, self.settings.min_score)
        seen = confidence > 0
        trusted = seen & same_places(tracks.layout)
        out = {}
        for row, person in enumerate(tracks.person.tolist()):
            if seen[row].sum() >= _FEWEST_JOINTS:
                key = (tracks.source_id, person)
                moment = self._histories.push(key, rays[row], confidence[row], tracks.pts)
                out[key] = _Seen(moment, Sight(rays=rays[row], confidence=confidence[row], trusted=trusted[row]))
        return out

    def _answered(self, due: Sequence[_Owed]) -> list[Poses3D]:
        people = {key: (owed.tracks.pts, seen) for owed in due for key, seen in owed.people.items()}
        # One order whatever the rows' order, so that the same people always meet the engine in the same batch.
        keys = sorted(people)
        answers = dict(zip(keys, self._answers([people[key] for key in keys]), strict=True)) if keys else {}
        return [self._poses(owed.tracks, answers) for owed in due]

    def _answers(self, people: Sequence[tuple[float, _Seen]]) -> list[tuple[Float32, Float32]]:
        """Joints [17, 3] in camera space and sigma [17] of each person, seen at a time in seconds."""
        windows = windows_of([seen.moment for _, seen in people], self.lookahead)
        seen_by_net, turn = window_features(*windows, self.lookahead)
        out = self.engine(features=seen_by_net)
        scale = np.float32(self.settings.height_m / REFERENCE_HEIGHT_M)
        joints = even_sided((out["joints"] @ turn * scale).astype(np.float32))
        sigma = (np.exp(out["log_sigma"]) * scale).astype(np.float32)
        sight = Sight(
            rays=np.stack([seen.sight.rays for _, seen in people]),
            confidence=np.stack([seen.sight.confidence for _, seen in people]),
            trusted=np.stack([seen.sight.trusted for _, seen in people]),
        )
        noise_m = float(scale) * self.settings.keypoint_noise_m
        placed, moves = standing(joints, sigma, sight, size_of(seen_by_net, self.lookahead) / scale, noise_m)
        settled = [
            seen.moment.past.body.settle(placed[row], moves[row], sigma[row], pts)
            for row, (pts, seen) in enumerate(people)
        ]
        return list(zip(settled, sigma, strict=True))

    def _poses(self, tracks: Tracks2D, answers: dict[Key, tuple[Float32, Float32]]) -> Poses3D:
        joints = np.full((len(tracks), H36M17.size, 3), np.nan, np.float32)
        sigma = np.full((len(tracks), H36M17.size), np.nan, np.float32)
        for row, person in enumerate(tracks.person.tolist()):
            if (tracks.source_id, person) in answers:
                joints[row], sigma[row] = answers[tracks.source_id, person]
        return Poses3D(
            source_id=tracks.source_id,
            index=tracks.index,
            pts=tracks.pts,
            captured_at=tracks.captured_at,
            joints=joints,
            sigma=sigma,
            person=tracks.person,
            layout=H36M17,
        )


def make_lifter(settings: LiftSettings | None = None, engine: EngineSettings | None = None) -> Lifter:
    """The lifter that the settings name, its net compiled.

    Raises:
        SettingsError: no lifter of that name, file or lookahead.
        ModelError: the weights cannot be read.
        EngineError: the net cannot be compiled, or the device is not there.
    """
    settings = settings or LiftSettings()
    for kernels in (features, placement, body, bridge):
        kernels.warm()
    said = describe_lifter(find_lifter(settings.lifter, settings.lookahead))
    return Lifter(make_engine(said.spec(), engine), settings, lookahead=said.shape.lookahead, about=said.as_meta())
