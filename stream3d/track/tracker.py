"""Identity over time, and the regions to look at in the next frame."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stream3d.track import identities, matching
from stream3d.track.follow import Match, follow
from stream3d.track.person import Person
from stream3d.track.rehearsal import rehearsal
from stream3d.track.scene import Scene
from stream3d.track.settings import TrackSettings
from stream3d.track.sight import Sight, sight_of
from stream3d.values import Detections2D, Stamp, Tracks2D

Float32 = npt.NDArray[np.float32]


class Tracker:
    """Gives people ids that are stable within a source and never reused; passive, one scene per source.

    Everybody's motion is predicted with its uncertainty; poses go to whom they fit best by keypoints, place,
    appearance and where they were looked for, all at once. Whoever stands behind somebody else goes on by prediction
    and is looked for there; whoever was away is known again by place, size and appearance.
    """

    def __init__(self, settings: TrackSettings | None = None) -> None:
        self._settings = settings or TrackSettings()
        self._scenes: dict[str, Scene] = {}
        for seen in rehearsal():  # compiles what is compiled, so that the first frame need not wait for it
            self.regions(seen)
            self(seen)
        self._scenes.clear()

    def regions(self, stamp: Stamp) -> Float32:
        """float32 [R, 4]: where people are expected at the time of ``stamp``, the followed first, oldest first."""
        scene = self._scene(stamp)
        regions = scene.regions(stamp.pts) if scene is not None else []
        return np.array(regions, np.float32).reshape(-1, 4)

    def guess(self, stamp: Stamp) -> Float32:
        """Like `regions`, of a frame before which others are still to come; changes nothing."""
        scene = self._scene(stamp)
        regions = scene.guessed(stamp.pts) if scene is not None else []
        return np.array(regions, np.float32).reshape(-1, 4)

    def _scene(self, stamp: Stamp) -> Scene | None:
        """What is known of a source at the time of ``stamp``; nothing after a gap longer than people are remembered."""
        scene = self._scenes.get(stamp.source_id)
        return None if scene is None or scene.over(stamp.pts, self._settings) else scene

    def searching(self, source_id: str) -> bool:
        """True while it is worth looking for people more often: somebody lost, doubted, fast or about to leave."""
        scene = self._scenes.get(source_id)
        return scene is not None and scene.restless(self._settings)

    def forget(self, source_id: str) -> None:
        """End all tracks of a source; ids go on counting."""
        scene = self._scenes.get(source_id)
        if scene is not None:
            self._scenes[source_id] = Scene(given=scene.given)

    def __call__(self, seen: Detections2D) -> Tracks2D:
        """Put ids to what was seen; ``seen.origin`` must index the regions last asked for."""
        if self._scene(seen) is None:
            self.forget(seen.source_id)
        scene, sight, pts = self._scenes.setdefault(seen.source_id, Scene()), sight_of(seen), seen.pts
        scene.size = seen.size or scene.size
        matches, news = self._match(scene, sight)
        poses = follow(scene, matches, sight)
        if news:
            matches += zip(scene.add(sight, news), news, strict=True)
            poses = np.concatenate([poses, seen.keypoints[news]])
        ghosts = [person for person, _ in matches if self._ghost(person, pts)]
        scene.part([person for person, _ in matches if person not in ghosts], ghosts, pts, self._settings)
        identities.untangle(scene)
        alive = [(row, k) for k, (person, row) in enumerate(matches) if person not in ghosts]
        order = [k for _, k in sorted(alive) if self._believed(scene, matches[k][0])]
        return Tracks2D(
            source_id=seen.source_id,
            index=seen.index,
            pts=pts,
            captured_at=seen.captured_at,
            keypoints=poses[order],
            layout=seen.layout,
            person=np.array([matches[k][0].number for k in order], np.int64),
        )

    def _match(self, scene: Scene, sight: Sight) -> tuple[list[Match], list[int]]:
        """Whom the rows show, and the rows that show somebody new."""
        people, rows = scene.followed + scene.lost, matching.distinct(sight)
        if not rows or not people:
            return [], rows
        asked = [person.row for person in scene.asked]
        owners = np.array([asked[o] if 0 <= o < len(asked) else -1 for o in sight.seen.origin.tolist()], np.int64)
        fits = matching.fit(scene.motions, sight, scene.figures.likeness(sight.looks), owners)
        away = sight.pts - scene.motions.times
        cost = matching.cost_there(fits, away)
        if scene.lost:
            cost[len(scene.followed) :][away[len(scene.followed) :] > self._settings.hidden_s] = matching.NEVER
        pairs = [(k, rows[n]) for k, n in matching.pair(cost[:, rows])]
        left = sorted(set(range(len(people))).difference(k for k, _ in pairs))
        free = sorted(set(rows).difference(row for _, row in pairs))
        if left and free:
            cost = matching.cost_away(fits, away)[np.ix_(left, free)]
            pairs += [(left[k], free[n]) for k, n in matching.pair(cost)]
        for (k, _), crowded in zip(pairs, matching.crowded(scene.motions, sight.pts, fits, pairs, asked), strict=True):
            if crowded:
                people[k].near_until = sight.pts
        taken = {row for _, row in pairs}
        return [(people[k], row) for k, row in pairs], [row for row in rows if row not in taken]

    def _ghost(self, person: Person, pts: float) -> bool:
        limits = self._settings
        doubted = person.looks_in_doubt >= limits.doubt_looks and pts - person.confirmed_at > limits.doubt_s
        unsure = person.trust < limits.sure_visibility and not person.alive(pts)
        return (doubted and unsure) or person.unlikely(pts)

    def _believed(self, scene: Scene, person: Person) -> bool:
        """Give a newcomer an id once seen for long enough: their own from before, if they are known."""
        birth_s = self._settings.birth_s
        known_s = scene.pts - person.born_at
        long = known_s >= birth_s
        moves = person.alive(scene.pts) and known_s >= 2 * birth_s
        sure = not birth_s or not person.doubtful or moves or person.affirmed
        if not person.number and long and sure and not identities.recognise(scene, person):
            scene.name(person)
        return bool(person.number)
