"""A little scene that every kernel of tracking has a part in."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from stream3d.skeleton import COCO17
from stream3d.values import Detections2D


def rehearsal() -> Iterator[Detections2D]:
    """Two who stand side by side and reach for the same spot, three frames long."""
    keypoints = np.empty((2, COCO17.size, 3), np.float32)
    keypoints[..., 0], keypoints[..., 1], keypoints[..., 2] = np.array([[100], [140]]), 100, 0.9
    keypoints[:, COCO17.names.index("left_wrist"), 0] = 120
    for index in range(3):
        yield Detections2D(
            source_id="",
            index=index,
            pts=index / 25,
            captured_at=0.0,
            keypoints=keypoints,
            layout=COCO17,
            presence=np.ones(2, np.float32),
            regions=np.array([[100, 100, 100, 0], [140, 100, 100, 0]], np.float32),
            origin=np.array([0, 1] if index else [-1, -1], np.int64),
            looked=True,
            confirmed=np.ones(2, np.bool_),
            appearance=np.full((2, 4), 0.5, np.float32),
            size=(200, 200),
        )
