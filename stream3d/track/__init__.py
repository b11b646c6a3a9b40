"""Identity over time."""

from stream3d.track.settings import TrackSettings
from stream3d.track.tracker import Tracker

__all__ = ["TrackSettings", "Tracker"]
