"""Identity over time on scenes with known truth: ``python -m benchmarks.tracking [--data DIR] [--seeds N]``.

Stick people walk, cross, hide, leave and return before nets that know the truth and err as real ones do; the 2D room
and tracking around them are the real ones. With ``--data`` they move as people of CMU's motion capture did.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.common import make_parser, table, write_json
from benchmarks.stick_nets import Errors, StickDetector, StickKeypoints, StickNets, visible_shares
from benchmarks.stick_plays import PLAYS, Motions, take_motions
from benchmarks.stick_scenes import TRUNK, Scene
from stream3d.pose2d import PoseEstimator, PoseSettings
from stream3d.track import Tracker
from stream3d.values import Tracks2D

Floats = npt.NDArray[np.float64]

_NEAR = 0.2  # sides between the trunks of a person and of a skeleton within which they are one
_SEEN = 0.3  # share of the joints that must be in sight for somebody to have to be found
_THERE = 0.05  # and below which nobody can be
_STOLEN, _OWN = 0.06, 0.12  # sides within which a joint is another's, and beyond which it is not one's own
COLUMNS = ("mota", "idf1", "switches", "ids", "people", "false", "missed", "stolen_%", "longest_s", "looks_s", "crops")


@dataclass(kw_only=True, slots=True)
class Story:
    """What tracking said to a scene: one entry a frame; ``cost_s`` are its seconds of CPU."""

    tracks: list[Tracks2D] = field(default_factory=list)
    cost_s: list[float] = field(default_factory=list)
    looks: int = 0
    crops: int = 0


def main(argv: Sequence[str] | None = None) -> None:
    """Play every scene, print the table, write the figures."""
    parser = make_parser(__doc__)
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder with mocap/ (default: a synthetic walk)")
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="how often each scene is played (3)")
    given = parser.parse_args(argv)
    figures = measured(Tracker, take_motions(given.data), range(given.seeds))
    write_json("tracking", {"motions": "cmu" if given.data else "walker", "scenes": figures}, given.out)
    print(report(figures))


def measured(
    make: Callable[[], Tracker], motions: Motions, seeds: Sequence[int], plays: Sequence[str] = tuple(PLAYS)
) -> dict[str, dict[str, Any]]:
    """Figures by scene, and of ``all`` together, of trackers that ``make`` makes."""
    out, every = {}, []
    for name in plays:
        rounds = [judged(scene := PLAYS[name](motions, seed), play(scene, make(), seed=seed)) for seed in seeds]
        out[name] = summed(rounds)
        every += rounds
    out["all"] = summed(every)
    return out


def play(scene: Scene, tracker: Tracker, *, seed: int = 0, errors: Errors | None = None) -> Story:
    """Let the 2D room and ``tracker`` follow a scene."""
    nets, story = StickNets(scene, errors, seed), Story()
    room = PoseEstimator(StickDetector(nets), StickKeypoints(nets), PoseSettings())
    for index in range(scene.frames):
        frame = nets.show(index)
        regions, searching = tracker.regions(frame.stamp), tracker.searching(frame.source_id)
        seen = room(frame, regions, searching=searching)
        begun = time.thread_time()
        story.tracks.append(tracker(seen))
        story.cost_s.append(time.thread_time() - begun)
    story.looks, story.crops = nets.looks, nets.crops
    return story


def judged(scene: Scene, story: Story) -> dict[str, float]:
    """Counts of one play: MOTA's and IDF1's (motmetrics), ids, stolen limbs, time to belief."""
    import motmetrics

    account = motmetrics.MOTAccumulator(auto_id=True)
    shares, first = visible_shares(scene), {}
    stolen = joints = 0
    for index, tracks in enumerate(story.tracks):
        distance = _distances(scene, index, tracks)
        must = np.flatnonzero(shares[:, index] >= _SEEN)
        # a skeleton of somebody who is hardly in sight is neither right nor wrong
        excused = [(distance[shares[:, index] < _SEEN, row] < _NEAR).any() for row in range(len(tracks))]
        rows = [r for r in range(len(tracks)) if not excused[r] or (distance[must, r] < _NEAR).any()]
        costs = distance[np.ix_(must, rows)]
        account.update(must.tolist(), tracks.person[rows].tolist(), np.where(costs < _NEAR, costs, np.nan))
        for person in must.tolist():
            first.setdefault(person, [index, None])
            if first[person][1] is None and rows and np.nanmin(distance[person], initial=1) < _NEAR:
                first[person][1] = index
        wrong, all_ = _stolen(scene, index, tracks, distance)
        stolen, joints = stolen + wrong, joints + all_
    names = ["num_objects", "num_misses", "num_false_positives", "num_switches", "idtp", "idfp", "idfn"]
    counts = motmetrics.metrics.create().compute(account, metrics=names, return_dataframe=False)
    waits = [((b if b is not None else scene.frames) - a) / scene.fps for a, b in first.values()]
    return {
        **{name: float(counts[name]) for name in names},
        "ids": len({int(p) for tracks in story.tracks for p in tracks.person}),
        "people": len(first),
        "stolen": stolen,
        "joints": joints,
        "waits": float(np.sum(waits)),
        "longest_wait": float(np.max(waits, initial=0)),
        "looks": story.looks,
        "crops": story.crops,
        "frames": scene.frames,
        "seconds": scene.frames / scene.fps,
        "cost_s": float(np.sum(story.cost_s)),
    }


def summed(rounds: Sequence[dict[str, float]]) -> dict[str, Any]:
    """The figures of several plays together."""
    total = {key: float(sum(one[key] for one in rounds)) for key in rounds[0]}
    objects, frames = total["num_objects"], total["frames"]
    errors = total["num_misses"] + total["num_false_positives"] + total["num_switches"]
    return {
        "mota": round(1 - errors / objects, 4),
        "idf1": round(2 * total["idtp"] / (2 * total["idtp"] + total["idfp"] + total["idfn"]), 4),
        "switches": int(total["num_switches"]),
        "ids": int(total["ids"]),
        "people": int(total["people"]),
        "false": int(total["num_false_positives"]),
        "missed": int(total["num_misses"]),
        "stolen_%": round(100 * total["stolen"] / max(1, total["joints"]), 3),
        "believed_s": round(total["waits"] / max(1, total["people"]), 3),
        "longest_s": round(max(one["longest_wait"] for one in rounds), 3),
        "looks_s": round(total["looks"] / total["seconds"], 2),
        "crops": round(total["crops"] / frames, 2),
        "tracker_us": round(1e6 * total["cost_s"] / frames, 1),
    }


def _distances(scene: Scene, index: int, tracks: Tracks2D) -> Floats:
    """Between trunks [P, R] in sides of the people's regions; NaN where somebody is away."""
    with np.errstate(invalid="ignore"):
        there = scene.keypoints[:, index, TRUNK].mean(1)
        trunks = tracks.keypoints[:, TRUNK, :2].astype(np.float64)
        known = ~np.isnan(trunks[..., 0])
        here = np.where(known[..., None], trunks, 0).sum(1) / np.maximum(known.sum(1), 1)[:, None]
        apart = np.linalg.norm(there[:, None] - here[None], axis=-1)
        return np.asarray(apart / scene.regions[:, index, 2:3])


def _stolen(scene: Scene, index: int, tracks: Tracks2D, distance: Floats) -> tuple[int, int]:
    """How many joints of skeletons lie on somebody else's and not on their own, and how many there are."""
    stolen = joints = 0
    for row in range(len(tracks)):
        near = np.where(np.isnan(distance[:, row]), np.inf, distance[:, row])
        person = int(near.argmin())
        if near[person] >= _NEAR:
            continue
        points, side = tracks.keypoints[row, :, :2], scene.regions[person, index, 2]
        apart = np.linalg.norm(scene.keypoints[:, index] - points[None], axis=-1) / side
        others = np.delete(apart, person, 0)
        taken = (apart[person] > _OWN) & (np.nan_to_num(others, nan=1).min(0, initial=1) < _STOLEN)
        stolen, joints = stolen + int(taken.sum()), joints + int((~np.isnan(points[:, 0])).sum())
    return stolen, joints


def report(figures: dict[str, dict[str, Any]]) -> str:
    """The table."""
    return table(
        ("scene", *COLUMNS, "µs"), [(n, *(f[c] for c in COLUMNS), f["tracker_us"]) for n, f in figures.items()]
    )


if __name__ == "__main__":
    main()
