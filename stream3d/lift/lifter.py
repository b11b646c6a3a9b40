"""The room: 2D tracks in, metric skeletons in camera space out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from stream3d.engine.protocol import Engine
from stream3d.geometry import Camera, pixels_to_rays
from stream3d.lift.features import Bool, Float32, size_of, window_features
from stream3d.lift.history import Histories, Key
from stream3d.lift.placement import Sight, standing
from stream3d.lift.settings import LiftSettings
from stream3d.nets.lifter import REFERENCE_HEIGHT_M
from stream3d.skeleton import H36M17, Layout, conversion, convert
from stream3d.values import Poses3D, Tracks2D

# Training knows no lower confidence of a joint that is seen at all.
_LOWEST_CONFIDENCE = 0.05
_FEWEST_JOINTS = 2


def observe(tracks: Tracks2D, camera: Camera, min_score: float) -> tuple[Float32, Float32]:
    """Rays [P, 17, 2] and confidences [P, 17] (0 = unseen) in h36m17 order.

    Raises:
        LayoutError: the tracks' layout cannot become h36m17.
    """
    keypoints = convert(tracks.keypoints, tracks.layout, H36M17)
    rays = pixels_to_rays(keypoints[..., :2], camera).astype(np.float32)
    score = np.nan_to_num(keypoints[..., 2])
    seen = np.isfinite(rays).all(-1) & (score > 0) & (score >= min_score)
    confidence = np.where(seen, np.clip(score, _LOWEST_CONFIDENCE, 1), np.float32(0)).astype(np.float32)
    return np.where(seen[..., None], rays, np.float32(0)), confidence


@cache
def same_places(layout: Layout) -> Bool:
    """Which of the 17 joints mean the same place in the keypoints of ``layout`` and in the lifter's answer.

    Those the layout knows itself, and the pelvis, which is the middle of the hips by definition; not the nose, which in
    h36m17 lies between neck and nose.
    """
    direct = np.array([len(parts) == 1 for parts in conversion(layout, H36M17)])
    direct[H36M17.names.index("pelvis")] = True
    direct[H36M17.names.index("nose")] = False
    return direct


class Lifter:
    """Lifts every person of a frame with its own past of up to 27 frames at their true times.

    The answer has one row per row of the tracks, in the same order. ``joints`` are camera-space metres under the
    stature of the settings; ``sigma`` is the net's one standard deviation per axis relative to the pelvis, without
    the common error in depth that an unknown stature brings. A person of whom fewer than two joints are seen gets NaN.
    """

    def __init__(self, engine: Engine, settings: LiftSettings | None = None) -> None:
        self.settings = settings or LiftSettings()
        self.engine = engine
        self._histories = Histories(reset_gap_s=self.settings.reset_gap_s, max_people=self.settings.max_people)

    def __call__(self, tracks: Tracks2D, camera: Camera) -> Poses3D:
        """Lift one frame.

        Raises:
            LayoutError: the tracks' layout cannot become h36m17.
        """
        return self.lift([(tracks, camera)])[0]

    def lift(self, frames: Sequence[tuple[Tracks2D, Camera]]) -> list[Poses3D]:
        """Lift frames of several sources, at most one of each, in one call of the engine.

        Raises:
            LayoutError: a layout cannot become h36m17.
        """
        rows: dict[Key, Sight] = {}
        for tracks, camera in frames:
            rows |= self._remember(tracks, camera)
        # One order whatever the rows' order, so that the same people always meet the engine in the same batch.
        keys = sorted(rows)
        answers = dict(zip(keys, self._answers(keys, rows), strict=True)) if keys else {}
        return [self._poses(tracks, answers) for tracks, _ in frames]

    def forget(self, source_id: str) -> None:
        """Drop all that is remembered of one source."""
        self._histories.forget(source_id)

    def _remember(self, tracks: Tracks2D, camera: Camera) -> dict[Key, Sight]:
        """Add a frame to its people's histories; the rows of those who are seen well enough."""
        self._histories.drop_stale(tracks.source_id, tracks.pts)
        rays, confidence = observe(tracks, camera, self.settings.min_score)
        same = same_places(tracks.layout)
        out = {}
        for row, person in enumerate(tracks.person.tolist()):
            if (confidence[row] > 0).sum() >= _FEWEST_JOINTS:
                key = (tracks.source_id, person)
                self._histories.push(key, rays[row], confidence[row], tracks.pts)
                seen = confidence[row] > 0
                out[key] = Sight(rays=rays[row], confidence=confidence[row], trusted=seen & same)
        return out

    def _answers(self, keys: list[Key], rows: dict[Key, Sight]) -> list[tuple[Float32, Float32]]:
        """Joints [17, 3] in camera space and sigma [17] of each key."""
        past_rays, past_confidence, time = self._histories.stacked(keys)
        features, turn = window_features(past_rays, past_confidence, time)
        out = self.engine(features=features)
        scale = np.float32(self.settings.height_m / REFERENCE_HEIGHT_M)
        joints = (out["joints"] @ turn * scale).astype(np.float32)
        sigma = (np.exp(out["log_sigma"]) * scale).astype(np.float32)
        sight = Sight(
            rays=np.stack([rows[key].rays for key in keys]),
            confidence=np.stack([rows[key].confidence for key in keys]),
            trusted=np.stack([rows[key].trusted for key in keys]),
        )
        noise_m = float(scale) * self.settings.keypoint_noise_m
        placed, moves = standing(joints, sigma, sight, size_of(features) / scale, noise_m)
        placed[..., :2] += self._histories.steady_moves(keys, moves)
        return list(zip(placed, sigma, strict=True))

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
