"""2D tracks to metric 3D skeletons: the causal lifter, and the user's own 2D keypoints as its input.

>>> import numpy as np
>>> from stream3d.sample import load_truth
>>> from stream3d.skeleton import COCO17
>>> from stream3d.values import Tracks2D
>>> truth = load_truth()
>>> lifter = make_lifter(LiftSettings(height_m=truth.height_m))
>>> for index in range(10):  # it sees better with a little past
...     keypoints = np.insert(truth.coco2d[index : index + 1], 2, 1.0, axis=-1)  # x, y, score
...     poses = lifter(Tracks2D(source_id="a", index=index, pts=index / 30, captured_at=0.0, keypoints=keypoints,
...                             layout=COCO17, person=np.array([1])), truth.camera)
>>> poses.joints.shape, bool(abs(poses.root[0] - truth.joints3d[9, 0]).max() < 0.5)  # metres, camera space
((1, 17, 3), True)
"""

from __future__ import annotations

from stream3d.lift.files import lift_file
from stream3d.lift.keypoints import KeypointOptions, KeypointSequence, read_keypoints
from stream3d.lift.lifter import Lifter, make_lifter
from stream3d.lift.settings import LiftSettings

__all__ = ["KeypointOptions", "KeypointSequence", "LiftSettings", "Lifter", "lift_file"]
__all__ += ["make_lifter", "read_keypoints"]
