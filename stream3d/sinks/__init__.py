"""Where results go: files, exchange formats, the viewer.

>>> import itertools, tempfile
>>> from pathlib import Path
>>> from stream3d.geometry import Camera
>>> from stream3d.pipeline import results
>>> from stream3d.skeleton import BLAZEPOSE33, H36M17
>>> info = RunInfo(source="sample", width=960, height=720, fps=30, camera=Camera.from_fov(960, 720),
...                keypoint_layout=BLAZEPOSE33, joint_layout=H36M17)
>>> with tempfile.TemporaryDirectory() as folder:
...     sink = open_sink(Path(folder) / "sample.csv", info)
...     for result in itertools.islice(results("sample"), 10):
...         sink.write(result)
...     sink.close({})
...     lines = (Path(folder) / "sample.csv").read_text().splitlines()
>>> lines[0].split(",")[:4]
['frame', 'time', 'person', 'pelvis_x']
"""

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
