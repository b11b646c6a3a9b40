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

from stream3d.errors import ModelError, ModelMissingError, SettingsError
from stream3d.nets.lifter_shape import FEATURES, JOINTS, WINDOW, LifterShape
from stream3d.nets.spec import NetSpec, TensorSpec

if TYPE_CHECKING:
    import torch

__all__ = ["FEATURES", "JOINTS", "REFERENCE_HEIGHT_M", "WEIGHTS", "WINDOW", "LifterFile"]
__all__ += ["describe_lifter", "find_lifter", "lifter_spec", "shipped_lifters"]

REFERENCE_HEIGHT_M = 1.70
WEIGHTS = Path(__file__).parents[1] / "data" / "lifter.safetensors"
# Changes whenever the same weights would mean another function.
_CODE_VERSION = "4"


@dataclass(frozen=True, kw_only=True, slots=True)
class LifterFile:
    """A file of weights as it describes itself; ``sha256`` is of its bytes, ``notes`` its metadata."""

    path: Path
    shape: LifterShape
    sha256: str
    notes: Mapping[str, str]

    @property
    def name(self) -> str:
        """What it ships as, or the name of the file."""
        return _name_of(self.path) if self.path.parent == WEIGHTS.parent else self.path.name

    def spec(self) -> NetSpec:
        """What an engine needs to know of it."""
        return NetSpec(
            name=self.path.stem if self.path.stem.startswith(WEIGHTS.stem) else f"{WEIGHTS.stem}-{self.path.stem}",
            weights_hash=hashlib.sha256(f"{self.sha256} {_CODE_VERSION}".encode()).hexdigest(),
            load=partial(_load, self.path),
            inputs=(TensorSpec(name="features", shape=(WINDOW, FEATURES), dtype="float32"),),
            outputs=("joints", "log_sigma"),
            buckets=(1, 8),
        )

    def as_meta(self) -> dict[str, object]:
        """What is kept with the tracks that it made."""
        return {
            "name": self.name,
            "sha256": self.sha256,
            "kind": self.shape.kind,
            "lookahead": self.shape.lookahead,
        }


def _name_of(path: Path) -> str:
    return path.stem.removeprefix(f"{WEIGHTS.stem}-") if path.stem != WEIGHTS.stem else "default"


def shipped_lifters() -> dict[str, Path]:
    """The weights that ship, by name: ``default``, and whatever lies beside it as ``lifter-NAME.safetensors``."""
    others = sorted(WEIGHTS.parent.glob(f"{WEIGHTS.stem}-*{WEIGHTS.suffix}"))
    return {_name_of(path): path for path in (WEIGHTS, *others) if path.is_file()}


def find_lifter(name: str = "default", lookahead: int | None = None) -> Path:
    """The weights of that name that ship, or the file of that name, or the default ones for ``lookahead`` frames.

    Raises:
        SettingsError: there is no such lifter, or it has another lookahead; what there is is listed.
        ModelError: the file is not a lifter's.
    """
    shipped = shipped_lifters()
    if name == "default" and lookahead:
        name = f"lookahead-{lookahead}"
    path = shipped.get(name, Path(name))
    if not path.is_file():
        asked = f"--lookahead {lookahead}" if name == f"lookahead-{lookahead}" else f"--lifter {name}"
        raise SettingsError(f"{asked}: no such weights; there are {', '.join(shipped)}, or give a .safetensors file")
    if lookahead is not None and lookahead != (has := describe_lifter(path).shape.lookahead):
        raise SettingsError(f"--lifter {name} looks {has} frames ahead, not the {lookahead} of --lookahead")
    return path


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
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise ModelError(f"{path} holds no lifter: {error}") from error
    return LifterFile(path=path, shape=shape, sha256=hashlib.sha256(path.read_bytes()).hexdigest(), notes=notes)


def lifter_spec(weights: Path | None = None) -> NetSpec:
    """What an engine needs to know of the lifter in ``weights``, or of the one that ships.

    Raises:
        ModelMissingError: no such file.
        ModelError: it is not a lifter's safetensors file.
    """
    return describe_lifter(weights).spec()


def _load(path: Path) -> torch.nn.Module:
    from stream3d.nets.lifter_torch import load_lifter

    return load_lifter(path)
