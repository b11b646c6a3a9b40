"""The BlazePose nets: a person detector and a net of 39 landmarks, converted from the files of the model store.

Source: Bazarevsky et al., "BlazePose: On-device Real-time Body Pose Tracking", 2020; weights of MediaPipe 0.10.21.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from stream3d.errors import SettingsError
from stream3d.models import read_weights, sha256_of
from stream3d.nets.spec import NetSpec, TensorSpec
from stream3d.nets.tflite import read_tflite
from stream3d.nets.tflite_torch import TfliteNet, convert

LANDMARK_SIZE = 256
"""Side of the landmark net's crop, pixels."""

LANDMARKS = 39
"""Points that the landmark net answers: 0..32 the body, 33 and 34 hip centre and scale point of the next region."""

_LAYERS = ((8, 2), (16, 2), (32, 6))  # stride of a detector layer in pixels, boxes per cell
_VERSION = "1"  # of this file's idea of the nets: part of the key under which built engines are cached


class Detector(nn.Module):
    """Uint8 RGB [B, H, W, 3] to raw boxes float32 [B, N, 12] and scores float32 [B, N] in 0..1."""

    def __init__(self, net: TfliteNet) -> None:
        super().__init__()
        self.net = net
        self.register_buffer("_scale", torch.tensor(2 / 255), persistent=False)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Boxes and scores, in the order of ``anchors``."""
        scale = self.get_buffer("_scale")
        boxes, scores = self.net(image.permute(0, 3, 1, 2).to(scale.dtype) * scale - 1)
        return boxes.float(), scores.float().squeeze(-1).clamp(-100, 100).sigmoid()


class Landmarker(nn.Module):
    """Uint8 RGB [B, 256, 256, 3] to landmarks [B, 39, 5], presence [B], heat maps [B, 64, 64, 39] and perhaps world."""

    def __init__(self, net: TfliteNet) -> None:
        super().__init__()
        self.net = net
        self.register_buffer("_scale", torch.tensor(1 / 255), persistent=False)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Landmarks, presence, heat maps, and world points if the net was converted with them."""
        scale = self.get_buffer("_scale")
        points, presence, heat, *world = self.net(image.permute(0, 3, 1, 2).to(scale.dtype) * scale)
        rows = points.float().reshape(-1, LANDMARKS, 5)
        landmarks = torch.cat((rows[..., :3], rows[..., 3:].sigmoid()), -1)
        extra = [w.float().reshape(-1, LANDMARKS, 3) for w in world]
        return landmarks, presence.float().reshape(-1), heat.float().permute(0, 2, 3, 1), *extra


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
    _check_sides(height, width)
    return NetSpec(
        name=f"blazepose-detector-{height}x{width}",
        weights_hash=f"{sha256_of('blazepose-detector')}-{_VERSION}",
        load=load_detector,
        inputs=(TensorSpec(name="image", shape=(height, width, 3), dtype="uint8"),),
        outputs=("boxes", "scores"),
    )


def landmark_spec(*, world: bool = False) -> NetSpec:
    """The landmark net for upright crops of one person.

    Input ``image`` uint8 [B, 256, 256, 3] RGB. Outputs: ``landmarks`` float32 [B, 39, 5] = x, y, z in pixels of the
    crop, visibility and presence in 0..1; ``presence`` float32 [B], 0..1, of a person in the crop; ``heatmap`` float32
    [B, 64, 64, 39], logits; with ``world`` also ``world`` float32 [B, 39, 3], metres round the hip centre.
    """
    return NetSpec(
        name="blazepose-landmark-world" if world else "blazepose-landmark",
        weights_hash=f"{sha256_of('blazepose-landmark')}-{_VERSION}",
        load=partial(load_landmarker, world=world),
        inputs=(TensorSpec(name="image", shape=(LANDMARK_SIZE, LANDMARK_SIZE, 3), dtype="uint8"),),
        outputs=("landmarks", "presence", "heatmap", *(("world",) if world else ())),
    )


def load_detector() -> Detector:
    """The detector as a module; one module serves every size."""
    return Detector(convert(read_tflite(read_weights("blazepose-detector")))).eval()


def load_landmarker(*, world: bool = False) -> Landmarker:
    """The landmark net as a module, without the segmentation head and, unless ``world``, without the world head."""
    graph = read_tflite(read_weights("blazepose-landmark"))
    return Landmarker(convert(graph, (0, 1, 3, 4) if world else (0, 1, 3))).eval()


def anchors(height: int, width: int) -> npt.NDArray[np.float32]:
    """Centres of the detector's anchors, float32 [N, 2] = x, y in 0..1 of the input picture.

    >>> anchors(224, 224).shape, anchors(224, 224)[0].tolist() == [0.5 / 28, 0.5 / 28]
    ((2254, 2), True)

    Raises:
        SettingsError: a side is not a positive multiple of 32.
    """
    _check_sides(height, width)
    return np.concatenate([_cells(height // stride, width // stride, count) for stride, count in _LAYERS])


def _cells(rows: int, columns: int, count: int) -> npt.NDArray[np.float32]:
    y, x = np.meshgrid((np.arange(rows) + 0.5) / rows, (np.arange(columns) + 0.5) / columns, indexing="ij")
    return np.repeat(np.stack((x, y), -1).reshape(-1, 2), count, axis=0).astype(np.float32)


def _check_sides(height: int, width: int) -> None:
    if min(height, width) < 32 or height % 32 or width % 32:
        raise SettingsError(f"the detector cannot take {height}×{width} pixels: both sides must be multiples of 32")
