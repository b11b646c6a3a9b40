"""What the lifter makes of 2D keypoints: rays and confidences in its own layout."""

from __future__ import annotations

from functools import cache

import numpy as np

from stream3d.geometry import Camera, pixels_to_rays
from stream3d.lift.features import Bool, Float32
from stream3d.skeleton import H36M17, Layout, conversion, convert
from stream3d.values import Tracks2D

# Training knows no lower confidence of a joint that is seen at all.
_LOWEST_CONFIDENCE = 0.05


def observe(tracks: Tracks2D, camera: Camera, min_score: float) -> tuple[Float32, Float32]:
    """Rays [P, 17, 2] and confidences [P, 17] (0 = unseen) in h36m17 order.

    Raises:
        LayoutError: the tracks' layout cannot become h36m17.
    """
    keypoints = convert(tracks.keypoints, tracks.layout, H36M17)
    rays = pixels_to_rays(keypoints[..., :2], camera).astype(np.float32)
    score = keypoints[..., 2]
    seen = np.isfinite(rays).all(-1) & (score > 0) & (score >= min_score)
    confidence = np.where(seen, np.minimum(np.maximum(score, np.float32(_LOWEST_CONFIDENCE)), 1), np.float32(0))
    return np.where(seen[..., None], rays, np.float32(0)), confidence.astype(np.float32, copy=False)


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
