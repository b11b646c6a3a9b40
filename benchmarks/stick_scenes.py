"""Scenes of people with known truth: who is where in every frame, without any photograph.

World axes: x to the right, y away from the camera, z up, metres; the camera stands at the origin, 1.6 m high.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stream3d.geometry import Camera, project
from stream3d.skeleton import BLAZEPOSE33
from train.mocap.h36m import POINTS

Floats = npt.NDArray[np.float64]
Way = Sequence[tuple[float, float, float]]  # time in seconds, x, y in metres

WIDTH, HEIGHT = 1280, 720
CAMERA = Camera.from_fov(WIDTH, HEIGHT, 60.0)
_EYE_M = 1.6
_HANDS = ("pinky", "index", "thumb")
_SLOW = 0.15  # metres per second below which somebody keeps facing where they faced
HIPS = [BLAZEPOSE33.names.index(f"{side}_hip") for side in ("left", "right")]
SHOULDERS = [BLAZEPOSE33.names.index(f"{side}_shoulder") for side in ("left", "right")]
TRUNK = SHOULDERS + HIPS


@dataclass(frozen=True, kw_only=True, slots=True)
class Scene:
    """What is to be seen.

    ``keypoints`` float64 [P, T, 33, 2] px, NaN while somebody is away; ``depth`` [P, T] metres; ``colours`` [P, 2, 3]
    RGB of shirts and trousers; ``furniture`` [F, 4] regions that a detector may take for people.
    """

    name: str
    fps: float
    keypoints: Floats
    depth: Floats
    colours: Floats
    furniture: Floats

    @property
    def frames(self) -> int:
        """Number of frames T."""
        return self.keypoints.shape[1]

    @property
    def regions(self) -> Floats:
        """[P, T, 4]: centre of the hips, side of the square round the whole body, no rotation."""
        centre = self.keypoints[:, :, HIPS].mean(2)
        reach = np.linalg.norm(self.keypoints - centre[:, :, None], axis=-1)
        side = 2.5 * np.max(np.where(np.isnan(reach), 0, reach), -1)
        return np.concatenate([centre, side[..., None], np.zeros_like(side)[..., None]], -1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Actor:
    """One person: a ``way`` of (time, x, y), the part of a motion they do on it, and what they wear."""

    way: Way
    motion: int = 0
    start: float = 0.0
    shirt: tuple[int, int, int] = (120, 120, 120)
    trousers: tuple[int, int, int] = (60, 60, 70)


def stage(
    name: str, actors: Sequence[Actor], motions: Sequence[tuple[Floats, float]], *, seconds: float, fps: float = 25.0
) -> Scene:
    """Let actors move: ``motions`` are points [T, 19, 3] of train.mocap.h36m in metres, z up, and their rates."""
    times = np.arange(round(seconds * fps)) / fps
    people = [_acted(actor, *motions[actor.motion % len(motions)], times) for actor in actors]
    return Scene(
        name=name,
        fps=fps,
        keypoints=np.array([keypoints for keypoints, _ in people]),
        depth=np.array([depth for _, depth in people]),
        colours=np.array([(actor.shirt, actor.trousers) for actor in actors], np.float64),
        furniture=np.zeros((0, 4)),
    )


def _acted(actor: Actor, points: Floats, rate: float, times: Floats) -> tuple[Floats, Floats]:
    """Keypoints [T, 33, 2] and depths [T] of one actor."""
    at, x, y = np.array(actor.way, np.float64).T
    place = np.stack([np.interp(times, at, x), np.interp(times, at, y)], -1)
    frames = np.round((times + actor.start) * rate).astype(int)
    body = upright(points.astype(np.float64))[_there_and_back(frames, len(points))]
    joints = blazepose(turned(body, headings(place, times)) + np.append(place, np.zeros((len(place), 1)), 1)[:, None])
    seen_from = np.stack([joints[..., 0], _EYE_M - joints[..., 2], joints[..., 1]], -1)
    away = (times < at[0]) | (times > at[-1])
    pixels = np.asarray(project(seen_from, CAMERA))
    pixels[away] = np.nan
    return pixels, np.where(away, np.nan, place[:, 1])


def _there_and_back(frames: npt.NDArray[np.int64], length: int) -> npt.NDArray[np.int64]:
    """Frame numbers of a motion that is played forwards and backwards without end."""
    return length - 1 - np.abs(length - 1 - frames % max(1, 2 * length - 2))


def upright(points: Floats) -> Floats:
    """Points [T, 19, 3] about the spot below the pelvis, facing +x throughout."""
    names = list(POINTS)
    hips = points[:, names.index("left_hip")] - points[:, names.index("right_hip")]
    centred = points - points[:, :1] * (1, 1, 0)
    return turned(centred, -(np.arctan2(hips[:, 1], hips[:, 0]) - np.pi / 2))


def turned(points: Floats, angle: Floats) -> Floats:
    """Points [T, J, 3] turned about the vertical by ``angle`` [T]."""
    c, s = np.cos(angle)[:, None], np.sin(angle)[:, None]
    x, y = points[..., 0], points[..., 1]
    return np.stack([c * x - s * y, s * x + c * y, points[..., 2]], -1)


def headings(place: Floats, times: Floats) -> Floats:
    """Where somebody on a way [T, 2] looks, radians [T]; who stands looks where they went, at first to the camera."""
    velocity = np.gradient(place, times, axis=0)
    angle = np.arctan2(velocity[:, 1], velocity[:, 0])
    known = np.maximum.accumulate(np.where(np.hypot(*velocity.T) > _SLOW, np.arange(len(times)), -1))
    return np.where(known >= 0, angle[np.maximum(known, 0)], -np.pi / 2)


def blazepose(points: Floats) -> Floats:
    """[T, 33, 3] of points [T, 19, 3]: face, hands and feet are put where they about are."""
    names = list(POINTS)
    out = np.empty((len(points), BLAZEPOSE33.size, 3))
    for joint, name in enumerate(BLAZEPOSE33.names):
        side, _, part = name.partition("_") if "_" in name else ("", "", name)
        if name == "nose" or (side in ("left", "right") and part.split("_")[0] in ("eye", "ear", "mouth")):
            nose, neck = points[:, names.index("true_nose")], points[:, names.index("upper_neck")]
            out[:, joint] = nose + (0.45 if part == "ear" else 0.0) * (neck - nose) + (0, 0, 0.04 * ("eye" in part))
        elif part in _HANDS:
            wrist, elbow = points[:, names.index(f"{side}_wrist")], points[:, names.index(f"{side}_elbow")]
            out[:, joint] = wrist + 0.3 * (wrist - elbow)
        elif part in ("heel", "foot_index"):
            out[:, joint] = points[:, names.index(f"{side}_ankle")] - (0, 0, 0.06)
        else:
            out[:, joint] = points[:, names.index(name)]
    return out
