"""People with known truth, as a 2D net would stream them, and the lifter's answer to the stream.

Every held-out take passes one virtual camera at FPS and is lifted frame by frame, by the very steps of run time.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch

from stream3d.geometry import Camera
from stream3d.lift.body import Body, even_sided
from stream3d.lift.bridge import Bridge
from stream3d.lift.features import WINDOW, size_of, window_features
from stream3d.lift.observe import observe, same_places
from stream3d.lift.placement import Sight, standing
from stream3d.lift.settings import LiftSettings
from stream3d.nets.lifter_torch import Lifter
from stream3d.skeleton import COCO17, H36M17, MPII16, Layout
from stream3d.values import Tracks2D
from train import augment
from train.augment import NET_TYPES, STATURE_M
from train.cameras import random_cameras, seen_by
from train.evaluation.actions import action_of
from train.mocap.takes import Take

Float32 = npt.NDArray[np.float32]
Scalar = TypeVar("Scalar", bound=np.generic)

FPS = 30.0
FOCAL_PX = 1145.0
CLIP_FRAMES = 300
LEGS = [H36M17.names.index(f"{side}_{joint}") for side in ("left", "right") for joint in ("knee", "ankle")]
_LAYOUTS = {"h36m": H36M17, "coco": COCO17, "mpii": MPII16}


@dataclass(frozen=True, kw_only=True, slots=True)
class Condition:
    """What the 2D input is like; noise in pixels of a camera with a focal length of FOCAL_PX."""

    name: str
    net: str = "h36m"
    noise_px: float = 0.0
    missing: float = 0.0
    no_legs: bool = False
    focal: float = 1.0

    @property
    def joints(self) -> list[int]:
        """The joints that are judged: without legs, those above the knees."""
        return [joint for joint in range(H36M17.size) if not (self.no_legs and joint in LEGS)]


CONDITIONS = (
    Condition(name="all 17 joints"),
    Condition(name="all 17, 10 px noise", noise_px=10.0),
    Condition(name="all 17, 10 % missing", missing=0.1),
    Condition(name="all 17, focal 1.4 × off", focal=1.4),
    Condition(name="BlazePose or COCO", net="coco"),
    Condition(name="BlazePose or COCO, 10 px noise", net="coco", noise_px=10.0),
    Condition(name="BlazePose or COCO, 10 % missing", net="coco", missing=0.1),
    Condition(name="BlazePose or COCO, no legs", net="coco", no_legs=True),
    Condition(name="MPII", net="mpii"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Clip:
    """Camera-space points float32 [T, 19, 3] of a body of STATURE_M, and the true stature over that."""

    points: Float32
    scale: float
    subject: str = ""
    action: str = "other"


@dataclass(frozen=True, kw_only=True, slots=True)
class Stream:
    """One person over time: what a net sees, and what is true.

    ``rays`` float32 [T, 17, 2] and ``confidence`` float32 [T, 17] (0 = unseen) in h36m17 order, made from ``layout``;
    ``truth`` float32 [T, 17, 3] relative to the pelvis, axes of the camera, metres of a body of STATURE_M; ``scale`` is
    the true stature over that.
    """

    rays: Float32
    confidence: Float32
    layout: Layout
    truth: Float32
    scale: float
    fps: float = FPS
    action: str = "other"

    def __len__(self) -> int:
        return len(self.rays)


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """``pose`` float32 [T, 17, 3] and ``sigma`` [T, 17] of a lifter, in the space and unit of the stream's truth."""

    pose: Float32
    sigma: Float32
    stream: Stream


def clips_of(takes: Iterable[Take], seed: int = 7) -> list[Clip]:
    """Takes at FPS, cut to CLIP_FRAMES, each before one random camera."""
    out = []
    for number, take in enumerate(takes):
        points = take.points[:: max(1, round(take.fps / FPS))]
        for start in range(0, len(points) - 2, CLIP_FRAMES):
            piece = points[start : start + CLIP_FRAMES]
            if len(piece) < 3 or not np.isfinite(piece).all():
                continue
            scale = float(augment.stature(piece[None])[0]) / STATURE_M
            camera = random_cameras(np.random.default_rng([seed, number, start]), 1)
            seen = seen_by(piece[None] / np.float32(scale), camera, piece[:1, 0] / np.float32(scale))[0]
            if seen[..., 2].min() > 0.5:
                out.append(Clip(points=seen, scale=scale, subject=take.subject, action=action_of(take)))
    return out


def observed(clip: Clip, condition: Condition, rng: np.random.Generator) -> Stream:
    """The clip as a 2D net under a condition streams it."""
    rays = clip.points[..., :2] / clip.points[..., 2:]
    rays = rays + rng.standard_normal(rays.shape, np.float32) * np.float32(condition.noise_px / FOCAL_PX)
    sure = (rng.random(rays.shape[:2]) >= condition.missing).astype(np.float32)
    if condition.no_legs:
        sure[:, LEGS] = 0
    kind = np.array([NET_TYPES.index(condition.net)])
    rays, sure = augment.as_net(kind, rays[None], sure[None])
    return Stream(
        rays=rays[0] * np.float32(condition.focal),
        confidence=sure[0],
        layout=_LAYOUTS[condition.net],
        truth=(clip.points - clip.points[:, :1])[:, : H36M17.size],
        scale=clip.scale,
        action=clip.action,
    )


def stream_of(
    keypoints: Float32, layout: Layout, camera: Camera, joints_camera: Float32, *, fps: float, action: str = "other"
) -> Stream:
    """A stream from a data set with real cameras.

    ``keypoints`` float32 [T, J, 3] = x, y in pixels, score; ``joints_camera`` float32 [T, 17, 3] metres, h36m17 as the
    lifter defines it, NaN for a joint that is never known. The stature that is called known is that of the true bones;
    where they are not all there it is taken as the default.

    Raises:
        LayoutError: the layout cannot become h36m17.
        ShapeError: the keypoints are not of the layout.
    """
    person = np.arange(len(keypoints))
    tracks = Tracks2D(
        source_id="", index=0, pts=0.0, captured_at=0.0, keypoints=keypoints, layout=layout, person=person
    )
    rays, confidence = observe(tracks, camera, LiftSettings().min_score)
    scale = float(augment.stature(joints_camera[None])[0]) / STATURE_M
    scale = scale if np.isfinite(scale) else 1.0
    truth = (joints_camera - joints_camera[:, :1]) / np.float32(scale)
    return Stream(rays=rays, confidence=confidence, layout=layout, truth=truth, scale=scale, fps=fps, action=action)


def sliding(array: npt.NDArray[Scalar], lookahead: int = 0) -> npt.NDArray[Scalar]:
    """The window [T, WINDOW, …] that answers each frame of [T, …]: ``lookahead`` frames after it are its last.

    Before the start and after the end there are zeros.
    """
    edge = ((WINDOW - 1 - lookahead, lookahead), *((0, 0),) * (array.ndim - 1))
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(array, edge), WINDOW, axis=0)
    return np.moveaxis(windows, -1, 1)


@torch.inference_mode()
def lifted(net: Lifter, stream: Stream) -> Answer:
    """What run time would have answered to a stream, at the default stature."""
    ahead, time = net.lookahead, np.arange(len(stream)) / stream.fps
    bridge = Bridge()
    told = [bridge(*frame) for frame in zip(stream.rays, stream.confidence, time.tolist(), strict=True)]
    rays, confidence = (sliding(np.stack(part), ahead) for part in zip(*told, strict=True))
    features, turn = window_features(rays, confidence, sliding(time, ahead), ahead)
    out, log_sigma = net(torch.from_numpy(features))
    joints, sigma = even_sided(out.numpy() @ turn), np.exp(log_sigma.numpy())
    trusted = (stream.confidence > 0) & same_places(stream.layout)
    sight = Sight(rays=stream.rays, confidence=stream.confidence, trusted=trusted)
    placed, moves = standing(joints, sigma, sight, size_of(features, ahead), LiftSettings().keypoint_noise_m)
    body = Body()
    rows = zip(placed, moves, sigma, np.arange(len(stream)) / stream.fps, strict=True)
    pose = np.stack([body.settle(*row) for row in rows])
    return Answer(pose=pose - pose[:, :1], sigma=sigma, stream=stream)
