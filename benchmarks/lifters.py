"""Lifters side by side on real clips: ``python -m benchmarks.lifters old=FILE new=FILE --data DIR --out DIR``.

The 2D is found once per clip; every lifter lifts the same tracks, smoothed as a run smooths them. Writes one video per
clip (the 2D overlay, and for each lifter the skeletons from the camera and from the side) and the figures that need no
truth. ``default`` is the lifter in the package; a folder holds what another version of the project made of the same
clips, ``CLIP.npz`` of ``stream3d run CLIP --save``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.clips import add_clips, find_clips
from benchmarks.common import make_parser, table, write_json
from benchmarks.lifting import Person, Seen, frames_of, lift, people_of, recorded, see
from benchmarks.panels import VIEWS, Window, blank, draw_people, title
from stream3d.geometry import Camera, project
from stream3d.lift.observe import same_places
from stream3d.sinks.base import OverlaySettings
from stream3d.sinks.draw import Pen, draw_clock, draw_skeleton, draw_tag
from stream3d.sinks.encoder import VideoFile, even_size
from stream3d.sinks.overlay import fit_into
from stream3d.skeleton import BLAZEPOSE33, H36M17, convert
from stream3d.values import Poses3D
from train import metrics
from train.evaluation.limits import violations
from train.evaluation.measures import LEFT_BONES, RIGHT_BONES

Floats = npt.NDArray[np.floating]

CLIPS = ("taiji.mp4", "webcam-upper-body.mkv", "one-by-one-person.mp4", "worker-zone.gif", "two-people-vfr.mp4")
COLUMNS = ("frames", "inconstancy_%", "asymmetry_%", "limits_%", "jerk_m_s3", "foot_m_s", "off_2d_%")
HEIGHT = 540
_FEWEST_FRAMES = 20
_ANKLES = [H36M17.names.index(f"{side}_ankle") for side in ("left", "right")]
_RADIUS_M = (1.0, 5.0)


def main(argv: Sequence[str] | None = None) -> None:
    """Lift, draw, tell."""
    parser = make_parser(__doc__)
    parser.add_argument("lifters", nargs="+", metavar="NAME=FILE", help="weights, shipped names or folders of tracks")
    add_clips(parser, CLIPS)
    parser.add_argument("--smoother", default="one-euro", choices=("one-euro", "none"))
    parser.add_argument("--frames", type=int, metavar="N", help="no more than the first N of each clip")
    parser.add_argument("--no-video", action="store_true", help="only the figures")
    given = parser.parse_args(argv)
    lifters = dict(named(word) for word in given.lifters)
    results = {}
    for name, file in find_clips(given.data, list(given.clips)).items():
        seen = see(file, given.frames)
        camera = Camera.from_fov(*seen.size)
        poses, results[name] = {}, {}
        for who, what in lifters.items():
            own, poses[who] = lifted(what, name, seen, given.smoother)
            results[name][who] = figures(people_of(own, poses[who]), camera)
        if not given.no_video:
            draw_video(given.out / f"{Path(name).stem}-lifters.mp4", file, seen, poses)
    write_json("lifters", {"smoother": given.smoother, "clips": results}, given.out)
    print(report(results))


def named(word: str) -> tuple[str, str]:
    """``NAME=FILE`` in two; without a name the file's stem.

    >>> named("old=a/b.safetensors"), named("a/b.safetensors"), named("default")
    (('old', 'a/b.safetensors'), ('b', 'a/b.safetensors'), ('default', 'default'))
    """
    name, _, weights = word.rpartition("=")
    return name or Path(weights).stem, weights


def lifted(what: str, clip: str, seen: Seen, smoother: str) -> tuple[Seen, list[Poses3D]]:
    """The 2D that was lifted and the skeletons, by a lifter or from a folder of tracks."""
    if Path(what).is_dir():
        return recorded(Path(what) / f"{Path(clip).stem}.npz", seen)
    return seen, lift(seen, what, Camera.from_fov(*seen.size), smoother=smoother)


def figures(people: Sequence[Person], camera: Camera) -> dict[str, float]:
    """What can be said without truth of everybody seen for some time; means over people by their frames.

    In percent: variation of bones' lengths, difference of left and right, joints beyond their limits, and the distance
    of the projected joints from the 2D over the person's height in the picture. ``jerk_m_s3`` is the mean third
    derivative of the joints about the pelvis; ``foot_m_s`` the median speed of the slower foot, which stands still in
    most of what people do before a camera that does.
    """
    rows = [_of_person(who, camera) for who in people if len(who.rows) >= _FEWEST_FRAMES]
    counts = [len(who.rows) for who in people if len(who.rows) >= _FEWEST_FRAMES]
    if not rows:
        return {"frames": 0}
    means = {key: round(float(np.average([row[key] for row in rows], weights=counts)), 3) for key in rows[0]}
    return {"frames": sum(counts), **means}


def _of_person(who: Person, camera: Camera) -> dict[str, float]:
    joints = who.joints.astype(np.float64)
    step = np.diff(who.time)
    together = (np.diff(who.rows) == 1) & (step > 0)
    apart = np.linalg.norm(np.diff(joints[:, _ANKLES], axis=0), axis=-1).min(-1)
    speed = apart[together] / step[together]
    # Uneven steps: each difference over its own time.
    relative, rate = joints - joints[:, :1], np.where(step > 0, step, np.nan)[:, None, None]
    velocity = np.diff(relative, axis=0) / rate
    jerk = np.diff(np.diff(velocity, axis=0) / rate[1:], axis=0) / rate[2:]
    steady = together[:-2] & together[1:-1] & together[2:]
    return {
        "inconstancy_%": 100 * float(metrics.bone_variation(joints, H36M17.bones).mean()),
        "asymmetry_%": 100 * float(metrics.asymmetry(joints, LEFT_BONES, RIGHT_BONES).mean()),
        "limits_%": 100 * float(violations(joints).mean()),
        "jerk_m_s3": float(np.linalg.norm(jerk[steady], axis=-1).mean()),
        "foot_m_s": float(np.median(speed)),
        "off_2d_%": _off_2d(who, camera),
    }


def _off_2d(who: Person, camera: Camera) -> float:
    """Median distance in percent of the person's height in the picture, of joints that mean one place in both."""
    seen = convert(who.keypoints, BLAZEPOSE33, H36M17)
    trusted = same_places(BLAZEPOSE33) & np.isfinite(seen).all(-1)
    height = np.nanmax(who.keypoints[..., 1], -1) - np.nanmin(who.keypoints[..., 1], -1)
    off = np.linalg.norm(project(who.joints, camera) - seen[..., :2], axis=-1) / height[:, None]
    return 100 * float(np.median(off[trusted]))


def report(results: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    """A row per clip and lifter."""
    rows = [
        (clip, who, *(found.get(column) for column in COLUMNS))
        for clip, lifters in results.items()
        for who, found in lifters.items()
    ]
    return table(("clip", "lifter", *COLUMNS), rows)


def draw_video(path: Path, clip: str, seen: Seen, poses: Mapping[str, Sequence[Poses3D]]) -> None:
    """The clip with its 2D, and a column of two views for each lifter."""
    width, height = even_size(round(seen.size[0] * HEIGHT / seen.size[1]), HEIGHT, 4 * HEIGHT)
    side = height // 2
    windows = {who: windows_of(those) for who, those in poses.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    settings = OverlaySettings()
    video = VideoFile(path, (width + side * len(poses), 2 * side), seen.fps, settings)
    canvas = np.zeros((height, width, 3), np.uint8)
    try:
        for number, frame in enumerate(frames_of(clip, len(seen.tracks))):
            scale, shift = fit_into(canvas, frame.image)
            _draw_2d(canvas, seen, number, scale, shift)
            columns = [_column(who, poses[who][number], windows[who][number], side) for who in poses]
            video.write(np.ascontiguousarray(np.hstack([canvas, *columns])), frame.pts)
    finally:
        video.close()


def _draw_2d(canvas: npt.NDArray[np.uint8], seen: Seen, number: int, scale: Floats, shift: Floats) -> None:
    tracks, pen = seen.tracks[number], Pen.for_height(HEIGHT)
    points = tracks.keypoints.copy()
    points[..., :2] = scale * points[..., :2] + shift
    for row, person in enumerate(tracks.person.tolist()):
        draw_skeleton(canvas, points[row], tracks.layout, pen=pen, min_score=0.5)
        draw_tag(canvas, points[row], person, pen=pen, min_score=0.5)
    draw_clock(canvas, tracks.pts, tracks.index, pen=pen)


def _column(name: str, poses: Poses3D, window: Window, side: int) -> npt.NDArray[np.uint8]:
    panels = []
    known = [joints for joints in poses.joints if np.isfinite(joints).all()]
    for label, axes in VIEWS.items():
        panel = blank(side, window, axes, label)
        draw_people(panel, known, window, axes)
        panels.append(panel)
    title(panels[0], name)
    return np.concatenate(panels)


def windows_of(poses: Sequence[Poses3D], seconds: float = 1.0) -> list[Window]:
    """Where each frame's panels look: at everybody's pelvis, averaged over some time; one size for the whole clip."""
    time = np.array([those.pts for those in poses])
    with np.errstate(invalid="ignore"):
        middle = np.array([_mean(those.joints[:, 0]) for those in poses])
    known = np.isfinite(middle).all(-1)
    centres = np.zeros((len(poses), 3))
    for frame, now in enumerate(time):
        near = known & (np.abs(time - now) <= seconds)
        centres[frame] = middle[near].mean(0) if near.any() else centres[max(0, frame - 1)]
    reach = [
        np.abs(those.joints - centre).max() for those, centre in zip(poses, centres, strict=True) if len(those.joints)
    ]
    reach = [value for value in reach if np.isfinite(value)]
    radius = float(np.clip(1.05 * np.percentile(reach, 90), *_RADIUS_M)) if reach else _RADIUS_M[0]
    return [Window(centre=centre, radius=radius) for centre in centres]


def _mean(roots: Floats) -> Floats:
    roots = roots[np.isfinite(roots).all(-1)]
    return roots.mean(0) if len(roots) else np.full(3, np.nan)


if __name__ == "__main__":
    main()
