"""The BlazePose nets: a person detector and a net of 39 landmarks, converted from the files of the model store.

Torch is imported only when a net is loaded: a cached engine needs none.

Source: Bazarevsky et al., "BlazePose: On-device Real-time Body Pose Tracking", 2020; weights of MediaPipe 0.10.21.
"""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from stream3d.errors import ModelMissingError, SettingsError
from stream3d.models import sha256_of
from stream3d.nets.spec import NetSpec, TensorSpec

if TYPE_CHECKING:
    import torch

LANDMARK_SIZE = 256
"""Side of the landmark net's crop, pixels."""

LANDMARKS = 39
"""Points that the landmark net answers: 0..32 the body, 33 and 34 hip centre and scale point of the next region."""

LANDMARK_WEIGHTS = Path(__file__).parents[1] / "data" / "landmarks.safetensors"
"""The landmark net that was trained further, as it ships."""

_LAYERS = ((8, 2), (16, 2), (32, 6))  # stride of a detector layer in pixels, boxes per cell
_VERSION = "1"  # of this file's idea of the nets: part of the key under which built engines are cached


def detector_spec(height: int, width: int | None = None) -> NetSpec:
    """The person detector for pictures of ``height`` × ``width`` pixels (square where no width is given).

    Input ``image`` uint8 [B, height, width, 3] RGB, letterboxed. Outputs, one row per anchor in the order of
    ``anchors``: ``boxes`` float32 [B, N, 12], pixels of the input: centre x, y relative to the anchor, width, height,
    then four points x, y relative to the anchor, of which the first is the hip centre and the second lies on the circle
    round the body; ``scores`` float32 [B, N] in 0..1.

    Raises:
        SettingsError: a side is not a positive multiple of 32.
    """
    width = height if width is None else width
    check_sides(height, width)
    return NetSpec(
        name=f"blazepose-detector-{height}x{width}",
        weights_hash=f"{sha256_of('blazepose-detector')}-{_VERSION}",
        load=_detector,
        inputs=(TensorSpec(name="image", shape=(height, width, 3), dtype="uint8"),),
        outputs=("boxes", "scores"),
    )


def landmark_spec(*, world: bool = False, weights: Path | None = None) -> NetSpec:
    """The landmark net for upright crops of one person; ``weights`` is a file of one that was trained further.

    Input ``image`` uint8 [B, 256, 256, 3] RGB. Outputs: ``landmarks`` float32 [B, 39, 5] = x, y, z in pixels of the
    crop, visibility and presence in 0..1; ``presence`` float32 [B], 0..1, of a person in the crop; ``heatmap`` float32
    [B, 64, 64, 39], logits; with ``world`` also ``world`` float32 [B, 39, 3], metres round the hip centre.

    Raises:
        ModelMissingError: there is no file ``weights``.
        SettingsError: ``world`` is asked of ``weights``, which have no such answer.
    """
    if weights is not None and world:
        raise SettingsError(f"{weights.name} has no world points: they are an answer of MediaPipe's own file alone")
    return NetSpec(
        name=weights.stem if weights else "blazepose-landmark-world" if world else "blazepose-landmark",
        weights_hash=f"{_hash_of(weights) if weights else sha256_of('blazepose-landmark')}-{_VERSION}",
        load=partial(_landmarker, world=world, weights=weights),
        inputs=(TensorSpec(name="image", shape=(LANDMARK_SIZE, LANDMARK_SIZE, 3), dtype="uint8"),),
        outputs=("landmarks", "presence", "heatmap", *(("world",) if world else ())),
    )


def anchors(height: int, width: int) -> npt.NDArray[np.float32]:
    """Centres of the detector's anchors, float32 [N, 2] = x, y in 0..1 of the input picture.

    >>> anchors(224, 224).shape, anchors(64, 128)[-1].tolist()
    ((2254, 2), [0.875, 0.75])

    Raises:
        SettingsError: a side is not a positive multiple of 32.
    """
    check_sides(height, width)
    return np.concatenate([_cells(height // stride, width // stride, count) for stride, count in _LAYERS])


def _cells(rows: int, columns: int, count: int) -> npt.NDArray[np.float32]:
    y, x = np.meshgrid((np.arange(rows) + 0.5) / rows, (np.arange(columns) + 0.5) / columns, indexing="ij")
    return np.repeat(np.stack((x, y), -1).reshape(-1, 2), count, axis=0).astype(np.float32)


def check_sides(height: int, width: int) -> None:
    """Refuse sizes that BlazePose's detector, or a net on its trunk, cannot take.

    Raises:
        SettingsError: a side is not a positive multiple of 32.
    """
    if min(height, width) < 32 or height % 32 or width % 32:
        raise SettingsError(f"the detector cannot take {height}×{width} pixels: both sides must be multiples of 32")


def _detector() -> torch.nn.Module:
    from stream3d.nets.blazepose_torch import load_detector

    return load_detector()


def _landmarker(*, world: bool, weights: Path | None) -> torch.nn.Module:
    from stream3d.nets.blazepose_torch import landmarker_from, load_landmarker

    return landmarker_from(weights) if weights else load_landmarker(world=world)


def _hash_of(path: Path) -> str:
    if not path.is_file():
        raise ModelMissingError(f"no landmark net's weights at {path}")
    return hashlib.sha256(path.read_bytes()).hexdigest()
