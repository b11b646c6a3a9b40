"""The 3D viewer: live in its own process, or playing a track file.

Importing it needs no open3d; opening a window does.
"""

from stream3d.sinks.viewer.playback import KEYS_HELP, save_picture, view_tracks
from stream3d.sinks.viewer.process import ViewerSink

__all__ = ["KEYS_HELP", "ViewerSink", "save_picture", "view_tracks"]
