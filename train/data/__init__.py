"""Data sets that others hold and hold out: readers, checks and terms. ``python -m train.data`` lists them."""

from train.data.layouts import layout_named
from train.data.motions import MotionClip, MotionSet
from train.data.poses2d import load_poses2d
from train.data.poses_files import save_poses2d
from train.data.values import Poses2DSet

__all__ = ["MotionClip", "MotionSet", "Poses2DSet", "layout_named", "load_poses2d", "save_poses2d"]
