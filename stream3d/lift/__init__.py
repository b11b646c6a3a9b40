"""2D tracks to metric 3D skeletons: the causal lifter, and the user's own 2D keypoints as its input."""

from __future__ import annotations

from stream3d.lift.files import lift_file
from stream3d.lift.keypoints import KeypointOptions, KeypointSequence, read_keypoints
from stream3d.lift.lifter import Lifter
from stream3d.lift.settings import LiftSettings

__all__ = ["KeypointOptions", "KeypointSequence", "LiftSettings", "Lifter", "lift_file", "read_keypoints"]
