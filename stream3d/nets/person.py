"""What is to be known of the person detector before it is loaded; the net itself is in ``person_torch``.

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

import numpy as np
import numpy.typing as npt

from stream3d.errors import ModelError, ModelMissingError, SettingsError
from stream3d.nets.blazepose import check_sides
from stream3d.nets.spec import NetSpec, TensorSpec

if TYPE_CHECKING:
    import torch

STRIDES = (8, 16, 32)
"""Pixels between neighbouring cells, in the order of the answers."""

SIZE = 320
"""Longer side of the default input: 320×256 for a 4:3 picture."""

PERSON_WEIGHTS = Path(__file__).parents[1] / "data" / "person.safetensors"
# Changes whenever the same weights would mean another function.
_CODE_VERSION = "1"
_WIDEST_HEAD = 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class PersonShape:
    """Sizes of the net: ``head`` channels of each head."""

    head: int = 64

    def __post_init__(self) -> None:
        if not 1 <= self.head <= _WIDEST_HEAD:
            raise SettingsError(f"a head needs at least 1 channel, not {self.head}; at most {_WIDEST_HEAD}")


@dataclass(frozen=True, kw_only=True, slots=True)
class PersonFile:
    """A file of weights as it describes itself; ``sha256`` is of its bytes, ``notes`` its metadata.

    ``threshold`` is the score from which on a found box is a person.
    """

    path: Path
    shape: PersonShape
    sha256: str
    notes: Mapping[str, str]

    @property
    def threshold(self) -> float:
        """0.5 unless the file says otherwise."""
        return float(self.notes.get("threshold", "0.5"))


def describe_person(weights: Path | None = None) -> PersonFile:
    """What the file ``weights``, or the one that ships, says of itself.

    Raises:
        ModelMissingError: no such file.
        ModelError: it is not a person detector's safetensors file.
    """
    from safetensors import SafetensorError, safe_open

    path = weights or PERSON_WEIGHTS
    if not path.is_file():
        raise ModelMissingError(f"no person detector's weights at {path}")
    try:
        with safe_open(path, framework="numpy") as file:
            notes: dict[str, str] = file.metadata() or {}
        shape = PersonShape(**json.loads(notes["person"]))
        float(notes.get("threshold", "0.5"))
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise ModelError(f"{path} holds no person detector: {error}") from error
    return PersonFile(path=path, shape=shape, sha256=hashlib.sha256(path.read_bytes()).hexdigest(), notes=notes)


def person_spec(height: int, width: int | None = None, *, weights: Path | None = None) -> NetSpec:
    """The person detector for pictures of ``height`` × ``width`` pixels (square where no width is given).

    Input ``image`` uint8 [B, height, width, 3] RGB, letterboxed. Outputs, one row per cell in the order of ``cells``:
    ``boxes`` float32 [B, N, 8], pixels: from the cell's centre to the box's left, top, right and bottom side, then
    from the cell's centre to the hips' middle x, y, then from there to the point of the circle round the body that
    lies beyond the shoulders x, y; ``scores`` float32 [B, N] in 0..1.

    Raises:
        ModelMissingError: there are no weights.
        ModelError: the file is not a person detector's.
        SettingsError: a side is not a positive multiple of 32.
    """
    width = height if width is None else width
    check_sides(height, width)
    said = describe_person(weights)
    return NetSpec(
        name=f"{said.path.stem}-{height}x{width}",
        weights_hash=hashlib.sha256(f"{said.sha256} {_CODE_VERSION}".encode()).hexdigest(),
        load=partial(_load, said.path),
        inputs=(TensorSpec(name="image", shape=(height, width, 3), dtype="uint8"),),
        outputs=("boxes", "scores"),
    )


def cells(height: int, width: int) -> npt.NDArray[np.float32]:
    """Centres of the detector's cells, float32 [N, 2] = x, y in pixels of the input picture.

    >>> cells(64, 96).shape, cells(64, 96)[-1].tolist()
    ((126, 2), [80.0, 48.0])

    Raises:
        SettingsError: a side is not a positive multiple of 32.
    """
    check_sides(height, width)
    grids = []
    for stride in STRIDES:
        y, x = np.meshgrid(np.arange(height // stride), np.arange(width // stride), indexing="ij")
        grids.append((np.stack((x, y), -1).reshape(-1, 2) + 0.5) * stride)
    return np.concatenate(grids).astype(np.float32)


def _load(path: Path) -> torch.nn.Module:
    from stream3d.nets.person_torch import load_person

    return load_person(path)
