"""The 2D room: people and their keypoints in a frame."""

from stream3d.pose2d.estimator import PoseEstimator, make_estimator
from stream3d.pose2d.settings import PoseSettings

__all__ = ["PoseEstimator", "PoseSettings", "make_estimator"]
