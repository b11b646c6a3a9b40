"""The 2D room: people and their keypoints in a frame.

>>> import numpy as np
>>> from stream3d.source import open_source
>>> with open_source("sample") as source:
...     frame = next(iter(source))
>>> estimator = make_estimator()
>>> seen = estimator(frame, np.zeros((0, 4), np.float32))  # no regions yet: the detector looks at the whole picture
>>> seen.keypoints.shape, seen.layout.name, bool(seen.presence[0] > 0.9)
((1, 33, 3), 'blazepose33', True)
"""

from stream3d.pose2d.ahead import Ahead
from stream3d.pose2d.estimator import PoseEstimator
from stream3d.pose2d.make import make_estimator
from stream3d.pose2d.onestage import OneStageEstimator
from stream3d.pose2d.protocol import Estimator, Found, KeypointNet, Landmarks, OneStageNet, PersonDetector
from stream3d.pose2d.settings import PoseSettings

__all__ = [
    "Ahead",
    "Estimator",
    "Found",
    "KeypointNet",
    "Landmarks",
    "OneStageEstimator",
    "OneStageNet",
    "PersonDetector",
    "PoseEstimator",
    "PoseSettings",
    "make_estimator",
]
