"""Opens a file, camera, URL, image folder or the built-in sample and yields its frames."""

from stream3d.source.info import Kind, Source, SourceCounts, SourceInfo
from stream3d.source.opener import open_source
from stream3d.source.settings import SourceSettings

__all__ = ["Kind", "Source", "SourceCounts", "SourceInfo", "SourceSettings", "open_source"]
