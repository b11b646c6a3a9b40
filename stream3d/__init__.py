"""Real-time video in, tracked metric 3D human skeletons out."""

__version__ = "0.1.0"
