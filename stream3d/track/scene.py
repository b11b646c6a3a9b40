"""The people of one source: who is followed, who is hidden, who was lost."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from stream3d.track.person import Person
from stream3d.track.settings import TrackSettings

Float32 = npt.NDArray[np.float32]

_BEFORE = 0.6  # sides between the centres within which one may hide another
_SAME_CROP = 0.1  # sides within which looking for the hidden would only show who hides them
_BLINK_S = 0.3  # for how long somebody lost in plain sight is looked for where they should be
_SEARCH_S = 1.0  # for how long after a loss it is worth looking more often
_FAST = 1.0  # sides per second that are fast
_EDGE_S = 0.5  # somebody who reaches the border within this time may be lost
_MOST_HIDDEN = 4


@dataclass(kw_only=True, slots=True)
class Scene:
    """``followed`` were seen in the last frame (oldest first), ``lost`` before; ``origin`` counts the ``asked``."""

    followed: list[Person] = field(default_factory=list)
    lost: list[Person] = field(default_factory=list)
    asked: list[Person] = field(default_factory=list)
    given: int = 0
    pts: float = -math.inf
    size: tuple[int, int] | None = None

    def part(self, seen: list[Person], ghosts: list[Person], pts: float, settings: TrackSettings) -> None:
        """Order people by whether they are ``seen`` at ``pts``; forget ghosts, the long lost and the never believed."""
        self.pts = pts
        followed = {id(person) for person in seen + ghosts}
        away = [person for person in self.followed + self.lost if id(person) not in followed and person.number]
        self.followed = sorted(seen, key=lambda person: person.identity.born_at)
        self.lost = [person for person in away if abs(pts - person.pts) <= settings.memory_s]
        for person in self.lost:
            if person.hidden_since is None:
                person.hidden_since = pts
        hidden = [person for person in self.lost if self._worth_asking(person, pts, settings)]
        self.asked = self.followed + hidden[-_MOST_HIDDEN:]

    def _worth_asking(self, person: Person, pts: float, settings: TrackSettings) -> bool:
        """Whether the keypoint net may find a person who was not seen where they are expected."""
        x, y, side, _ = person.expected(pts).tolist()
        if self.size is not None and not (0 <= x < self.size[0] and 0 <= y < self.size[1]):
            return False
        gaps = [math.hypot(x - o.place[0], y - o.place[1]) / max(side, o.side) for o in self.followed]
        nearest = min(gaps, default=math.inf)
        longest = settings.hidden_s if nearest < _BEFORE else min(_BLINK_S, settings.hidden_s)
        return pts - person.pts <= longest and nearest > _SAME_CROP

    def restless(self, settings: TrackSettings) -> bool:
        """Whether the detector should look more often: somebody lost, doubted, fast or about to leave."""
        lost = any(abs(self.pts - person.pts) <= min(_SEARCH_S, settings.memory_s) for person in self.lost)
        return lost or any(self._unsure(person, settings) for person in self.followed)

    def _unsure(self, person: Person, settings: TrackSettings) -> bool:
        doubted = person.looks_in_doubt > 0 and person.trust < settings.sure_visibility
        waiting = not person.number and person.doubtful
        return doubted or waiting or person.speed > _FAST or self._leaving(person)

    def _leaving(self, person: Person) -> bool:
        if self.size is None:
            return False
        ahead = person.motion.values[0] + _EDGE_S * person.motion.speeds[0]
        return not all(0 <= place < limit for place, limit in zip(ahead.tolist(), self.size, strict=True))
