"""The BlazePose nets as torch modules: bytes of a picture in, answers in pixels and probabilities out."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from stream3d.errors import ModelError
from stream3d.models import read_weights
from stream3d.nets.graph_file import read_graph
from stream3d.nets.tflite import Graph, read_tflite
from stream3d.nets.tflite_torch import TfliteNet, convert, simplified

LANDMARKS = 39
_ANSWERS = (0, 1, 3)  # of the landmark net's file: points, presence, heat maps


class Detector(nn.Module):
    """Uint8 RGB [B, H, W, 3] to raw boxes float32 [B, N, 12] and scores float32 [B, N] in 0..1."""

    def __init__(self, net: TfliteNet) -> None:
        super().__init__()
        self.net = net
        self.register_buffer("_scale", torch.tensor(2 / 255), persistent=False)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Boxes and scores, in the order of ``blazepose.anchors``."""
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


def load_detector() -> Detector:
    """The detector as a module; one module serves every size. Raises as ``stream3d.models.read_weights`` does."""
    return Detector(convert(read_tflite(read_weights("blazepose-detector")))).eval()


def load_landmarker(*, world: bool = False) -> Landmarker:
    """The landmark net as a module, without the segmentation head and, unless ``world``, without the world head."""
    graph = read_tflite(read_weights("blazepose-landmark"))
    return Landmarker(convert(graph, (*_ANSWERS, 4) if world else _ANSWERS)).eval()


def landmark_graph() -> Graph:
    """The graph of ``load_landmarker``'s net. Raises as ``stream3d.models.read_weights`` does."""
    return simplified(read_tflite(read_weights("blazepose-landmark")), _ANSWERS)


def landmarker_from(path: Path) -> Landmarker:
    """A landmark net that was trained further, as a module.

    Raises:
        ModelMissingError: no such file.
        ModelError: it holds no such net.
    """
    graph, _ = read_graph(path)
    if len(graph.outputs) != len(_ANSWERS):
        raise ModelError(f"{path} holds a net of {len(graph.outputs)} answers; a landmark net has {len(_ANSWERS)}")
    return Landmarker(convert(graph)).eval()
