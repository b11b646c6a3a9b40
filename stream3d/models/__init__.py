"""The store of weights that are fetched once, through the user's own pip, and checked on every use.

The package holds none of them. They come out of one pinned release of MediaPipe, of which only two files are read;
it is neither imported nor installed. What does not have the pinned SHA-256 is never used.
"""

from __future__ import annotations

from stream3d.models.intake import fetch, import_file, read_weights, weights_path
from stream3d.models.pins import NAMES, sha256_of
from stream3d.models.store import ModelInfo, list_models, verify

__all__ = [
    "NAMES",
    "ModelInfo",
    "fetch",
    "import_file",
    "list_models",
    "read_weights",
    "sha256_of",
    "verify",
    "weights_path",
]
