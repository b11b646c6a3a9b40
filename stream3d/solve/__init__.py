"""Smooths 3D skeletons over time."""

from stream3d.solve.settings import SmoothSettings
from stream3d.solve.smooth import SMOOTHERS, Smoother, make_smoother

__all__ = ["SMOOTHERS", "SmoothSettings", "Smoother", "make_smoother"]
