"""Nets of the user's own: ONNX files, with a small TOML beside each that says what goes in and what comes out."""

from stream3d.pose2d.own.detectors import OnnxDetector
from stream3d.pose2d.own.files import detector_from, keypoints_from
from stream3d.pose2d.own.onestage import OnnxOneStage

__all__ = ["OnnxDetector", "OnnxOneStage", "detector_from", "keypoints_from"]
