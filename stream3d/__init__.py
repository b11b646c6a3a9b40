"""Real-time video in, tracked metric 3D human skeletons out.

The short way is `stream`::

    for poses in stream3d.stream("video.mp4"):
        poses.joints  # float32 [P, 17, 3], metres, camera space

Every room is usable alone: ``stream3d.source``, ``pose2d``, ``track``, ``lift``, ``solve``, ``sinks``.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

# At every import OpenVINO would fork, and tell its makers by the network; without this package it has a stub instead.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type] # Python's own way to say: not there

if TYPE_CHECKING:
    from stream3d.pipeline import RunSettings, results, run, run_all, stream

__version__ = "0.1.0"
__all__ = ["RunSettings", "__version__", "results", "run", "run_all", "stream"]


def __getattr__(name: str) -> Any:
    """Load the pipeline when it is first asked for, so that ``stream3d --version`` costs nothing."""
    if name in ("RunSettings", "results", "run", "run_all", "stream"):
        from stream3d import pipeline

        return getattr(pipeline, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
