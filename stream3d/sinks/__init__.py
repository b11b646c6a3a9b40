"""Where results go: files, exchange formats, the viewer."""

from stream3d.sinks.base import Meta, OverlaySettings, RunInfo, Sink, SinkSettings
from stream3d.sinks.files import check_writable, known_endings, open_sink

__all__ = [
    "Meta",
    "OverlaySettings",
    "RunInfo",
    "Sink",
    "SinkSettings",
    "check_writable",
    "known_endings",
    "open_sink",
]
