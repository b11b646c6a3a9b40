"""Rendered people whose joints are known, as the project's own 2D sees them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stream3d.geometry import Camera, project
from stream3d.pose2d import make_estimator
from stream3d.skeleton import BLAZEPOSE33
from stream3d.track import Tracker
from stream3d.values import Frame
from train.augment import STATURE_M, stature
from train.errors2d.fit import FPS, Seen
from train.errors2d.table import IN_POINTS, NAMES
from train.mocap.archives import archive_texts, source
from train.mocap.asfamc import read_asf_amc
from train.mocap.h36m import to_points
from train.mocap.motion import Motion
from train.render.figure import make_figure
from train.render.motion import Clip, facing, part, worn_by
from train.render.paint import Look
from train.render.scene import FigureMotion, Renderer, View

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
UInt8 = npt.NDArray[np.uint8]

_IN_2D = [BLAZEPOSE33.names.index(name) for name in NAMES]
_STANDS_M = np.array([0.0, 4.5, 0.9])
_ARCHIVE = "cmu_asfamc_maxxgx"
_SIZE = (640, 480)


@dataclass(frozen=True, kw_only=True, slots=True)
class Shot:
    """A training take from ``start`` s on, begun with a heading (0 = to the camera), and how it is seen; degrees, m."""

    subject: str
    trial: str
    start: float
    heading: float
    distance: float
    elevation: float
    focal: float = 1.2
    look: Look = field(default_factory=Look)


_TALL = Look(stature_m=1.86, skin=(0.45, 0.31, 0.23), hair=(0.06, 0.05, 0.05), shirt=(0.85, 0.85, 0.83))
_BROAD = Look(stature_m=1.70, girth=1.25, shirt=(0.15, 0.20, 0.42), trousers=(0.45, 0.40, 0.32))
_SMALL = Look(stature_m=1.58, skin=(0.88, 0.70, 0.60), hair=(0.62, 0.45, 0.22), shirt=(0.30, 0.55, 0.35))
_DARK = Look(girth=1.1, shirt=(0.10, 0.10, 0.12), stripe=(0.12, 0.12, 0.14), trousers=(0.08, 0.08, 0.10))

SHOTS = (
    Shot(subject="16", trial="15", start=0.3, heading=0, distance=4.5, elevation=5),
    Shot(subject="16", trial="31", start=0.2, heading=90, distance=4.0, elevation=0, look=_TALL),
    Shot(subject="16", trial="21", start=0.2, heading=180, distance=5.0, elevation=10, look=_BROAD),
    Shot(subject="16", trial="57", start=0.2, heading=-60, distance=5.0, elevation=20, look=_SMALL),
    Shot(subject="14", trial="02", start=5.0, heading=30, distance=3.5, elevation=-5, look=_DARK),
    Shot(subject="14", trial="07", start=8.0, heading=150, distance=4.0, elevation=25, look=_TALL),
    Shot(subject="05", trial="10", start=2.0, heading=0, distance=4.5, elevation=10, look=_SMALL),
    Shot(subject="05", trial="15", start=2.0, heading=-120, distance=4.5, elevation=0, look=_BROAD),
    Shot(subject="135", trial="04", start=4.0, heading=-90, distance=4.0, elevation=15),
    Shot(subject="135", trial="02", start=4.0, heading=180, distance=5.5, elevation=5, focal=1.6, look=_DARK),
    Shot(subject="49", trial="02", start=1.0, heading=60, distance=4.5, elevation=30, look=_TALL),
    Shot(subject="127", trial="20", start=0.5, heading=-30, distance=3.5, elevation=10, look=_SMALL),
    Shot(subject="14", trial="20", start=6.0, heading=-150, distance=3.2, elevation=5, look=_BROAD),
    Shot(subject="16", trial="11", start=0.5, heading=-90, distance=6.0, elevation=0, focal=1.8, look=_DARK),
    Shot(subject="135", trial="10", start=5.0, heading=45, distance=4.5, elevation=-10, look=_SMALL),
    Shot(subject="05", trial="18", start=4.0, heading=120, distance=5.0, elevation=35),
    Shot(subject="49", trial="14", start=1.0, heading=0, distance=4.0, elevation=15, look=_BROAD),
    Shot(subject="14", trial="32", start=10.0, heading=180, distance=3.0, elevation=0),
    Shot(subject="16", trial="47", start=0.5, heading=135, distance=4.5, elevation=20, look=_SMALL),
    Shot(subject="135", trial="07", start=3.0, heading=-45, distance=6.5, elevation=10, focal=1.4, look=_TALL),
)


def look_at(shot: Shot) -> View:
    """The shot's camera, aimed at who stands at _STANDS_M."""
    width, height = _SIZE
    focal = shot.focal * width
    camera = Camera(fx=focal, fy=focal, cx=width / 2, cy=height / 2, width=width, height=height, origin="rendered")
    angle = np.radians(shot.elevation)
    back = shot.distance * np.array([0.0, -np.cos(angle), np.sin(angle)])
    return View.looking(camera, _STANDS_M + back, pitch_deg=shot.elevation)


def person_of(shot: Shot, take: Motion, seconds: float) -> FigureMotion:
    """Who moves in the shot, with the middle of the way at _STANDS_M."""
    clip: Clip = facing(part(take, shot.start, shot.start + seconds), np.radians(shot.heading))
    person = worn_by(make_figure(clip.skeleton, shot.look, detail=0.6), clip)
    shift = (_STANDS_M - person.joints[:, 0].mean(0)) * (1, 1, 0)
    return replace(person, joints=person.joints + shift)


def points_of(person: FigureMotion, view: View) -> Float32:
    """POINTS float32 [T, 19, 3] in camera space, of a body of STATURE_M."""
    skeleton = person.figure.skeleton
    motion = Motion(
        joints=person.joints.astype(np.float32),
        rotations=person.rotations.astype(np.float32),
        names=skeleton.names,
        parents=skeleton.parents,
        fps=FPS,
        subject="",
        trial="",
    )
    points = view.to_camera(to_points(motion).astype(np.float64)).astype(np.float32)
    return np.asarray(points * (STATURE_M / stature(points)), np.float32)


def found_in(pictures: Iterator[UInt8], truth: Float32, camera: Camera) -> Float32:
    """NAMES [T, 13, 3] in rays and score, of whom of the tracked is nearest to the truth; NaN where nobody is near."""
    estimator, tracker, rows = make_estimator(), Tracker(), []
    estimator.warm(camera.width, camera.height)
    exact = project(truth[:, IN_POINTS].astype(np.float64), camera)
    for number, picture in enumerate(pictures):
        frame = Frame(source_id="shot", index=number, pts=number / FPS, captured_at=number / FPS, image=picture)
        regions = tracker.regions(frame.stamp)
        tracks = tracker(estimator(frame, regions, searching=tracker.searching("shot")))
        rows.append(_nearest(tracks.keypoints[:, _IN_2D], exact[number]))
    found = np.stack(rows)
    found[..., 0] = (found[..., 0] - camera.cx) / camera.fx
    found[..., 1] = (found[..., 1] - camera.cy) / camera.fy
    return found


def _nearest(people: Float32, exact: Float64) -> Float32:
    nobody = np.full((len(NAMES), 3), (np.nan, np.nan, 0.0), np.float32)
    if not len(people):
        return nobody
    middle = np.linalg.norm(np.nanmean(people[..., :2] - exact, axis=1), axis=-1)
    size = np.ptp(exact, axis=0).max()
    best = int(np.argmin(np.nan_to_num(middle, nan=np.inf)))
    return np.asarray(people[best]) if middle[best] < size / 4 else nobody


def pictures_of(person: FigureMotion, view: View) -> Iterator[UInt8]:
    """Pictures [H, W, 3] of the person before the room as it is without people: no shadows, a quarter of the work."""
    with Renderer(view) as renderer:
        room = renderer.draw([])
    with Renderer(view, furnished=False) as renderer:
        for t in range(len(person)):
            picture = renderer.picture([(person.figure, person.joints[t], person.rotations[t])])
            yield np.where(picture.any(-1, keepdims=True), picture, room)


def takes_of(data: Path, shots: tuple[Shot, ...]) -> list[Motion]:
    """Each shot's take."""
    names = {f"{shot.subject}/{shot.subject}_{shot.trial}.amc" for shot in shots}
    names |= {f"{shot.subject}/{shot.subject}.asf" for shot in shots}
    texts = archive_texts(source(data, _ARCHIVE), lambda path: "/".join(path.parts[-2:]) in names)
    by_name = {"/".join(path.parts[-2:]): text for path, text in texts.items()}
    return [
        read_asf_amc(
            by_name[f"{shot.subject}/{shot.subject}.asf"],
            by_name[f"{shot.subject}/{shot.subject}_{shot.trial}.amc"],
            subject=shot.subject,
            trial=shot.trial,
        )
        for shot in shots
    ]


def seen_shots(data: Path, seconds: float, shots: tuple[Shot, ...] = SHOTS) -> Iterator[Seen]:
    """Every shot, rendered and looked at."""
    for shot, take in zip(shots, takes_of(data, shots), strict=True):
        view, person = look_at(shot), person_of(shot, take, seconds)
        truth = points_of(person, view)
        yield Seen(found=found_in(pictures_of(person, view), truth, view.camera), truth=truth)
