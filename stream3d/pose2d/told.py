"""What the 2D room says of a frame, whichever nets looked at it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stream3d.pose2d.appearance import appearance
from stream3d.pose2d.protocol import Landmarks
from stream3d.skeleton import Layout
from stream3d.values import Detections2D, Frame

Float32 = npt.NDArray[np.float32]
Int64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]

_OUTSIDE = 0.02  # share of the longer side by which a keypoint may lie outside the picture and still count as seen


def told(
    frame: Frame, seen: Landmarks, layout: Layout, origin: Int64, confirmed: Bool, *, looked: bool
) -> Detections2D:
    """All people of ``seen`` in ``frame``; ``origin``, ``confirmed`` and ``looked`` as in Detections2D."""
    return Detections2D(
        source_id=frame.source_id,
        index=frame.index,
        pts=frame.pts,
        captured_at=frame.captured_at,
        keypoints=_unseen_outside(seen.keypoints, frame),
        layout=layout,
        presence=seen.presence,
        regions=seen.regions,
        origin=origin,
        looked=looked,
        confirmed=confirmed,
        appearance=appearance(frame.planes or frame.image, seen.keypoints, layout),
        size=frame.size,
        covariances=seen.covariances,
    )


def _unseen_outside(keypoints: Float32, frame: Frame) -> Float32:
    """Keypoints that the net put outside the picture are guesses: NaN, score 0."""
    width, height = frame.size
    slack = _OUTSIDE * max(width, height)
    x, y = keypoints[..., 0], keypoints[..., 1]
    outside = (x < -slack) | (x > width + slack) | (y < -slack) | (y > height + slack)
    out = keypoints.copy()
    out[outside, :2] = np.nan
    out[outside, 2] = 0.0
    return out
