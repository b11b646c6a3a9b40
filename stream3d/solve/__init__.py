"""Smooths 3D skeletons, and 2D keypoints for the eye, over time; live, or whole recordings without lag.

>>> import numpy as np
>>> from stream3d.skeleton import H36M17
>>> from stream3d.values import Poses3D
>>> smooth = make_smoother("one-euro")
>>> def pose(index, x):
...     return Poses3D(source_id="a", index=index, pts=index / 25, captured_at=0.0, layout=H36M17,
...                    joints=np.full((1, 17, 3), x, np.float32), sigma=np.ones((1, 17), np.float32),
...                    person=np.array([1]))
>>> first, second = smooth(pose(0, 1.0)), smooth(pose(1, 1.02))  # 2 cm of noise
>>> bool(1.0 < second.joints.mean() < 1.01)
True
"""

from stream3d.solve.flat import KeypointSmoother, make_keypoint_smoother
from stream3d.solve.recording import smooth_recording
from stream3d.solve.series import smooth_series
from stream3d.solve.settings import KalmanSettings, SmoothSettings
from stream3d.solve.smooth import SMOOTHERS, Smoother, make_smoother
from stream3d.solve.whole import WHOLE, WholeSettings, butterworth, savgol, smooth_whole

__all__ = [
    "SMOOTHERS",
    "WHOLE",
    "KalmanSettings",
    "KeypointSmoother",
    "SmoothSettings",
    "Smoother",
    "WholeSettings",
    "butterworth",
    "make_keypoint_smoother",
    "make_smoother",
    "savgol",
    "smooth_recording",
    "smooth_series",
    "smooth_whole",
]
