"""The people of one source: who is followed, who is hidden, who was lost."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from stream3d.track.figures import Figures
from stream3d.track.motion import Motions
from stream3d.track.person import Person
from stream3d.track.settings import TrackSettings
from stream3d.track.sight import Sight
from stream3d.track.spots import Spots

Float64 = npt.NDArray[np.float64]

_BEFORE = 0.6  # sides between the centres within which one may hide another
_SAME_CROP = 0.1  # sides within which looking for the hidden would only show who hides them
_BLINK_S = 0.3  # for how long somebody lost in plain sight is looked for where they should be
_SEARCH_S = 1.0  # for how long after a loss it is worth looking more often
_FAST = 1.0  # sides per second that are fast
_EDGE_S = 0.5  # somebody who reaches the border within this time may be lost
_MOST_HIDDEN = 4
_STEPS = 4.0  # times the usual time from one frame to the next: a gap, not just few frames


@dataclass(kw_only=True, slots=True)
class Scene:
    """``followed`` were seen in the last frame (oldest first), ``lost`` before; ``origin`` counts the ``asked``.

    Rows of ``motions`` and ``figures`` are the followed and then the lost; each person's ``row`` says so too.
    """

    followed: list[Person] = field(default_factory=list)
    lost: list[Person] = field(default_factory=list)
    asked: list[Person] = field(default_factory=list)
    motions: Motions = field(default_factory=Motions)
    figures: Figures = field(default_factory=Figures)
    spots: Spots = field(default_factory=Spots)
    given: int = 0
    pts: float = -math.inf
    step_s: float = math.inf
    size: tuple[int, int] | None = None

    def over(self, pts: float, settings: TrackSettings) -> bool:
        """Whether nothing came for so long before ``pts`` that nobody can be known again."""
        return pts - self.pts > max(settings.memory_s, _STEPS * self.step_s)

    def regions(self, pts: float) -> list[Sequence[float]]:
        """Where to look at a time: for the asked, and then where those were who look like somebody else."""
        ahead = self.motions.expected(pts).tolist()
        return self._with_homes([person.ask(ahead[person.row]) for person in self.asked], pts)

    def guessed(self, pts: float) -> list[Sequence[float]]:
        """The same, but it is only a guess, and nothing remembers it."""
        ahead = self.motions.expected(pts).tolist()
        return self._with_homes([person.wanted(ahead[person.row]) for person in self.asked], pts)

    def _with_homes(self, regions: list[Sequence[float]], pts: float) -> list[Sequence[float]]:
        homes = [person.home for person in self.followed if person.changed(pts) and person.home]
        return regions + [home for home in homes if not any(_one_crop(home, region) for region in regions)]

    def name(self, person: Person) -> None:
        """Give somebody a number of their own."""
        self.given += 1
        person.number = self.given

    def missing(self) -> list[Person]:
        """Who is away, and whose pose may be another's."""
        return self.lost + [person for person in self.followed if person.changed(self.pts)]

    def add(self, sight: Sight, rows: list[int]) -> list[Person]:
        """Begin to follow the poses in ``rows``, which show somebody new."""
        first, regions, pts = len(self.motions), sight.seen.regions[rows], sight.pts
        self.motions.add(regions, sight.seen.keypoints[rows], pts)
        self.figures.add(sight.looks[rows], len(sight.body.limbs))
        people = [Person(row=first + n, born_at=pts, confirmed_at=pts) for n in range(len(rows))]
        for person, row, region in zip(people, rows, regions.tolist(), strict=True):
            person.belief = self.spots.belief(region, pts)
            person.weigh(sight, row, math.inf)
            person.stand(region, pts)
        return people

    def part(self, seen: list[Person], ghosts: list[Person], pts: float, settings: TrackSettings) -> None:
        """Order people by whether they are ``seen`` at ``pts``; forget ghosts, the long lost and the never believed."""
        self.pts, self.step_s = pts, pts - self.pts
        times = self.motions.times.tolist()
        known = {person.row for person in seen + ghosts}
        absent = [person for person in self.followed + self.lost if person.row not in known]
        for person in ghosts + [person for person in absent if not person.number]:
            if person.doubtful:
                self.spots.remember(self.motions.regions([person.row])[0], person.belief, pts)
        away = [person for person in absent if person.number]
        self.followed = sorted(seen, key=lambda person: person.born_at)
        self.lost = [person for person in away if abs(pts - times[person.row]) <= settings.memory_s]
        self._arrange()
        self.asked = self.followed + self._worth_asking(settings)

    def drop(self, person: Person) -> None:
        """Forget somebody who was lost."""
        self.lost = [other for other in self.lost if other is not person]
        self.asked = [other for other in self.asked if other is not person]
        self._arrange()

    def _arrange(self) -> None:
        people = self.followed + self.lost
        rows = [person.row for person in people]
        if rows != list(range(len(self.motions))):
            self.motions.keep(kept := np.array(rows, np.int64))
            self.figures.keep(kept)
            for row, person in enumerate(people):
                person.row = row

    def _worth_asking(self, settings: TrackSettings) -> list[Person]:
        """Of the lost those whom the keypoint net may find although they were not seen where they are expected."""
        if not self.lost:
            return []
        hidden, times = [], self.motions.times.tolist()
        ahead = self.motions.expected(self.pts)
        x, y, side = (ahead[len(self.followed) :, k : k + 1] for k in range(3))
        others = self.motions.values[: len(self.followed)]
        gaps = np.hypot(x - others[:, 0, 0], y - others[:, 0, 1]) / np.maximum(side, np.exp(others[:, 1, 0]))
        nearest = gaps.min(1, initial=math.inf)
        for person, gap, (u, v) in zip(self.lost, nearest.tolist(), np.hstack([x, y]).tolist(), strict=True):
            inside = self.size is None or (0 <= u < self.size[0] and 0 <= v < self.size[1])
            longest = settings.hidden_s if gap < _BEFORE else min(_BLINK_S, settings.hidden_s)
            if inside and self.pts - times[person.row] <= longest and gap > _SAME_CROP:
                hidden.append(person)
        return hidden[-_MOST_HIDDEN:]

    def restless(self, settings: TrackSettings) -> bool:
        """Whether the detector should look more often: somebody lost, doubted, fast or about to leave."""
        times = self.motions.times.tolist()
        lost = any(abs(self.pts - times[person.row]) <= min(_SEARCH_S, settings.memory_s) for person in self.lost)
        return lost or any(self._doubted(person, settings) for person in self.followed) or self._moving()

    def _doubted(self, person: Person, settings: TrackSettings) -> bool:
        doubted = person.looks_in_doubt > 0 and person.trust < settings.sure_visibility
        return doubted or (not person.number and person.doubtful)

    def _moving(self) -> bool:
        """Whether one of the followed is fast or about to leave."""
        places, speeds = self.motions.values[: len(self.followed)], self.motions.speeds[: len(self.followed), 0]
        if (np.hypot(speeds[:, 0], speeds[:, 1]) > _FAST * np.exp(places[:, 1, 0])).any():
            return True
        ahead = places[:, 0] + _EDGE_S * speeds
        return self.size is not None and not ((ahead >= 0) & (ahead < self.size)).all()


def _one_crop(one: Sequence[float], other: Sequence[float]) -> bool:
    return math.hypot(one[0] - other[0], one[1] - other[1]) < _SAME_CROP * one[2]
