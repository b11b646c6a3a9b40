"""Where stream3d keeps what it can make again."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def cache_dir() -> Path:
    """The folder for fetched weights and built engines: ``STREAM3D_CACHE``, or the system's own place for caches."""
    given = os.environ.get("STREAM3D_CACHE")
    return Path(given) if given else Path(platformdirs.user_cache_dir("stream3d", appauthor=False))
