"""Opens a file, camera, URL, image folder or the built-in sample and yields its frames.

>>> with open_source("sample") as source:
...     frame = next(iter(source))
>>> frame.image.shape, frame.image.dtype.name, frame.pts
((720, 960, 3), 'uint8', 0.0)
"""

from stream3d.source.health import STATES, Health, HealthRecord, State
from stream3d.source.info import Kind, Source, SourceCounts, SourceInfo
from stream3d.source.opener import open_source
from stream3d.source.settings import SourceSettings

__all__ = [
    "STATES",
    "Health",
    "HealthRecord",
    "Kind",
    "Source",
    "SourceCounts",
    "SourceInfo",
    "SourceSettings",
    "State",
    "open_source",
]
