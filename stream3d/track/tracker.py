"""Identity over time, and the regions to look at in the next frame."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stream3d.track import identities, limbs, matching
from stream3d.track.body import Body, body_of
from stream3d.track.person import Person
from stream3d.track.scene import Scene
from stream3d.track.settings import TrackSettings
from stream3d.values import Detections2D, Stamp, Tracks2D

Float32 = npt.NDArray[np.float32]

Match = tuple[Person, int]  # a person and the row that shows them


class Tracker:
    """Gives people ids that are stable within a source and never reused; passive, one scene per source.

    Everybody's motion is predicted with its uncertainty; poses go to whom they fit best by keypoints, place,
    appearance and where they were looked for, all at once. Whoever stands behind somebody else goes on by prediction
    and is looked for there; whoever was away is known again by place, size and appearance.
    """

    def __init__(self, settings: TrackSettings | None = None) -> None:
        self._settings = settings or TrackSettings()
        self._scenes: dict[str, Scene] = {}
        matching.warm()

    def regions(self, stamp: Stamp) -> Float32:
        """float32 [R, 4]: where people are expected at the time of ``stamp``, the followed first, oldest first."""
        scene = self._scenes.get(stamp.source_id, Scene())
        return np.array([person.region(stamp.pts) for person in scene.asked], np.float32).reshape(-1, 4)

    def searching(self, source_id: str) -> bool:
        """True while it is worth looking for people more often: somebody lost, doubted, fast or about to leave."""
        return self._scenes.get(source_id, Scene()).restless(self._settings)

    def forget(self, source_id: str) -> None:
        """End all tracks of a source; ids go on counting."""
        scene = self._scenes.get(source_id)
        if scene is not None:
            self._scenes[source_id] = Scene(given=scene.given)

    def __call__(self, seen: Detections2D) -> Tracks2D:
        """Put ids to what was seen; ``seen.origin`` must index the regions last asked for."""
        scene = self._scenes.setdefault(seen.source_id, Scene())
        scene.size = seen.size or scene.size
        body = body_of(seen.layout)
        matches, news = self._match(scene, seen, body)
        poses = self._follow(scene, matches, seen, body)
        matches += [(Person(seen, row, body), row) for row in news]
        poses = np.concatenate([poses, seen.keypoints[news]])
        ghosts = [person for person, _ in matches if self._ghost(person, seen.pts)]
        alive = [k for k, (person, _) in enumerate(matches) if not any(person is ghost for ghost in ghosts)]
        scene.part([matches[k][0] for k in alive], ghosts, seen.pts, self._settings)
        identities.untangle(scene)
        told = sorted((matches[k][1], k) for k in alive if self._believed(scene, matches[k][0]))
        order = [k for _, k in told]
        return Tracks2D(
            source_id=seen.source_id,
            index=seen.index,
            pts=seen.pts,
            captured_at=seen.captured_at,
            keypoints=poses[order],
            layout=seen.layout,
            person=np.array([matches[k][0].number for k in order], np.int64),
        )

    def _match(self, scene: Scene, seen: Detections2D, body: Body) -> tuple[list[Match], list[int]]:
        """Whom the rows show, and the rows that show somebody new."""
        rows = matching.distinct(seen, body)
        people = scene.followed + scene.lost
        if not rows or not people:
            return [], rows
        fits = matching.fit(people, scene.asked, seen, body)
        away = np.array([seen.pts - person.pts for person in people])
        cost = matching.cost_there(fits)
        cost[(away > self._settings.hidden_s) & (np.arange(len(people)) >= len(scene.followed))] = matching.NEVER
        pairs = matching.pair(cost[:, rows])
        left = [k for k in range(len(people)) if k not in {k for k, _ in pairs}]
        free = [n for n in range(len(rows)) if n not in {n for _, n in pairs}]
        if left and free:
            cost = matching.cost_away(fits, away)[np.ix_(left, [rows[n] for n in free])]
            pairs += [(left[k], free[n]) for k, n in matching.pair(cost)]
        taken = {n for _, n in pairs}
        self._crowds(scene, fits, people, [(k, rows[n]) for k, n in pairs], seen.pts)
        return [(people[k], rows[n]) for k, n in pairs], [row for n, row in enumerate(rows) if n not in taken]

    def _crowds(
        self, scene: Scene, fits: matching.Fit, people: list[Person], pairs: list[tuple[int, int]], pts: float
    ) -> None:
        """Note who is so near to somebody else that their poses may be taken for each other."""
        for k, row in pairs:
            rivals = fits.there[:, row] & (fits.score[:, row] > fits.score[k, row] - matching.RIVAL)
            rivals[k] = False
            if rivals.any():
                people[k].near_until = pts
        identities.note_neighbours([people[k] for k, _ in pairs], scene.asked, pts)

    def _follow(self, scene: Scene, matches: list[Match], seen: Detections2D, body: Body) -> Float32:
        """Let everybody take their pose; returns the poses with mixed limbs settled."""
        rows = [row for _, row in matches]
        people = [person for person, _ in matches]
        poses = limbs.settle(people, seen.keypoints[rows], seen.pts, body)
        for pose, (person, row) in zip(poses, matches, strict=True):
            if any(person is one for one in scene.lost) and seen.origin[row] < 0:
                person.come_back(seen, row, body)
            else:
                person.follow(seen, row, pose, body, crowded=person.near_until >= seen.pts)
        return poses

    def _ghost(self, person: Person, pts: float) -> bool:
        limits = self._settings
        doubted = person.looks_in_doubt >= limits.doubt_looks and pts - person.confirmed_at > limits.doubt_s
        return (doubted and person.trust < limits.sure_visibility) or person.unlikely

    def _believed(self, scene: Scene, person: Person) -> bool:
        """Give a newcomer an id once seen for long enough: their own from before, if they are known."""
        birth_s = self._settings.birth_s
        known_s = scene.pts - person.identity.born_at
        long = known_s >= birth_s
        moves = person.alive and known_s >= 2 * birth_s
        sure = not birth_s or not person.doubtful or moves or person.affirmed
        if not person.number and long and sure and not identities.recognise(scene, person):
            scene.given += 1
            person.identity.number = scene.given
        return bool(person.number)
