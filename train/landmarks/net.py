"""The landmark net as it is trained: answers as logits, and layers whose backward pass is fast."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor, nn

from stream3d.nets.blazepose import LANDMARKS
from stream3d.nets.blazepose_torch import Landmarker
from stream3d.nets.tflite import Graph
from stream3d.nets.tflite_conv import Conv
from stream3d.nets.tflite_torch import TfliteNet
from train.detector.depthwise import hasten


@dataclass(frozen=True, kw_only=True, slots=True)
class Answers:
    """Float32: ``points`` [B, 39, 2] and ``depth`` [B, 39] in pixels of the crop; ``heat`` [B, 39, 64, 64] logits.

    Logits too: ``seen`` [B, 39], that a joint is visible, and ``person`` [B].
    """

    points: Tensor
    depth: Tensor
    seen: Tensor
    heat: Tensor
    person: Tensor


def trainable(landmarker: Landmarker, frozen: int) -> TfliteNet:
    """The net within, its last sigmoid taken away; the first ``frozen`` layers do not learn. Its tensors keep names."""
    net = landmarker.net
    for number, step in enumerate(net.steps):
        if isinstance(step, nn.Sigmoid):
            net.steps[number] = nn.Identity()
    net.requires_grad_(requires_grad=True)
    net.steps[:frozen].requires_grad_(requires_grad=False)
    hasten(net)
    return net


def answers(net: nn.Module, crops: Tensor) -> Answers:
    """What a trainable net says of crops uint8 [B, 256, 256, 3] RGB."""
    rows, person, heat = net(crops.permute(0, 3, 1, 2).float() / 255)
    rows = rows.float().reshape(-1, LANDMARKS, 5)
    return Answers(
        points=rows[..., :2],
        depth=rows[..., 2],
        seen=rows[..., 3],
        heat=heat.float(),
        person=person.float().reshape(-1),
    )


def refilled(graph: Graph, net: TfliteNet) -> Graph:
    """The graph that ``net`` was built from, with the weights that it has now."""
    tensors = list(graph.tensors)
    steps = [step for step in net.steps if isinstance(step, Conv)]
    operators = [o for o in graph.operators if o.name in ("CONV_2D", "DEPTHWISE_CONV_2D")]
    for step, operator in zip(steps, operators, strict=True):
        weight = step.conv.weight.detach().float().cpu().numpy()
        order = (1, 2, 3, 0) if operator.name == "DEPTHWISE_CONV_2D" else (0, 2, 3, 1)
        at = operator.inputs[1]
        tensors[at] = replace(tensors[at], data=weight.transpose(order))
        if step.conv.bias is not None:
            at = operator.inputs[2]
            tensors[at] = replace(tensors[at], data=step.conv.bias.detach().float().cpu().numpy())
    return replace(graph, tensors=tuple(tensors))
