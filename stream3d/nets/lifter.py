"""What is to be known of the lifter before it is loaded; the net itself is in ``lifter_torch``.

Torch is imported only when the net is loaded: a cached engine needs none.
"""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from stream3d.errors import ModelMissingError
from stream3d.nets.spec import NetSpec, TensorSpec

if TYPE_CHECKING:
    import torch

WINDOW = 27
FEATURES = 55
JOINTS = 17
REFERENCE_HEIGHT_M = 1.70
WEIGHTS = Path(__file__).parents[1] / "data" / "lifter.safetensors"
# Changes whenever the same weights would mean another function.
_CODE_VERSION = "3"


def lifter_spec(weights: Path | None = None) -> NetSpec:
    """What an engine needs to know of the lifter in ``weights``, or of the one that ships.

    Raises:
        ModelMissingError: no such file.
    """
    path = weights or WEIGHTS
    if not path.is_file():
        raise ModelMissingError(f"no lifter weights at {path}")
    digest = hashlib.sha256(path.read_bytes() + _CODE_VERSION.encode()).hexdigest()
    return NetSpec(
        name="lifter",
        weights_hash=digest,
        load=partial(_load, path),
        inputs=(TensorSpec(name="features", shape=(WINDOW, FEATURES), dtype="float32"),),
        outputs=("joints", "log_sigma"),
        buckets=(1, 8),
    )


def _load(path: Path) -> torch.nn.Module:
    from stream3d.nets.lifter_torch import load_lifter

    return load_lifter(path)
