"""What is to be known of a lifter before it is loaded; the net itself is in ``lifter_torch``.

Torch is imported only when the net is loaded: a cached engine needs none.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from stream3d.errors import ModelError, ModelMissingError
from stream3d.nets.lifter_shape import FEATURES, JOINTS, WINDOW, LifterShape
from stream3d.nets.spec import NetSpec, TensorSpec

if TYPE_CHECKING:
    import torch

__all__ = ["FEATURES", "JOINTS", "REFERENCE_HEIGHT_M", "WEIGHTS", "WINDOW", "LifterFile", "describe_lifter"]
__all__ += ["lifter_spec"]

REFERENCE_HEIGHT_M = 1.70
WEIGHTS = Path(__file__).parents[1] / "data" / "lifter.safetensors"
# Changes whenever the same weights would mean another function.
_CODE_VERSION = "3"


@dataclass(frozen=True, kw_only=True, slots=True)
class LifterFile:
    """A file of weights as it describes itself; ``sha256`` is of its bytes, ``notes`` its metadata."""

    path: Path
    shape: LifterShape
    sha256: str
    notes: Mapping[str, str]


def describe_lifter(weights: Path | None = None) -> LifterFile:
    """What the file ``weights``, or the one that ships, says of itself.

    Raises:
        ModelMissingError: no such file.
        ModelError: it is not a lifter's safetensors file.
    """
    from safetensors import SafetensorError, safe_open

    path = weights or WEIGHTS
    if not path.is_file():
        raise ModelMissingError(f"no lifter weights at {path}")
    try:
        with safe_open(path, framework="numpy") as file:
            notes: dict[str, str] = file.metadata() or {}
        shape = LifterShape(**json.loads(notes["shape"]))
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{path} holds no lifter: {error}") from error
    return LifterFile(path=path, shape=shape, sha256=hashlib.sha256(path.read_bytes()).hexdigest(), notes=notes)


def lifter_spec(weights: Path | None = None) -> NetSpec:
    """What an engine needs to know of the lifter in ``weights``, or of the one that ships.

    Raises:
        ModelMissingError: no such file.
        ModelError: it is not a lifter's safetensors file.
    """
    said = describe_lifter(weights)
    digest = hashlib.sha256(f"{said.sha256} {_CODE_VERSION}".encode()).hexdigest()
    return NetSpec(
        name="lifter",
        weights_hash=digest,
        load=partial(_load, said.path),
        inputs=(TensorSpec(name="features", shape=(WINDOW, FEATURES), dtype="float32"),),
        outputs=("joints", "log_sigma"),
        buckets=(1, 8),
    )


def _load(path: Path) -> torch.nn.Module:
    from stream3d.nets.lifter_torch import load_lifter

    return load_lifter(path)
