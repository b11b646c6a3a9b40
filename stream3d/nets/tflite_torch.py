"""Turns a graph read from a ``.tflite`` file into a torch module with static, exportable operators.

Pictures are NCHW inside (TFLite's are NHWC) and take their NHWC order again only where the graph reshapes them, so the
module runs at any picture size that suits its strides, and at any batch size. Explicit padding is
merged into the convolution behind it, and activations into their operator.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from stream3d.errors import ModelError
from stream3d.nets import tflite_layers as layers
from stream3d.nets.tflite import Graph, Operator
from stream3d.nets.tflite_passes import cut, hoist_pointwise


class TfliteNet(nn.Module):
    """A graph as a module.

    ``forward`` takes float [B, C, H, W] and returns one tensor per output of the graph: pictures as [B, C, H, W],
    whatever the graph has reshaped as [B, ...].
    """

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        if len(graph.inputs) != 1:
            raise ModelError(f"the model has {len(graph.inputs)} inputs; only models of one picture can be converted")
        self._source, self._targets = graph.inputs[0], graph.outputs
        pads = {o.outputs[0]: o for o in graph.operators if o.name == "PAD"}
        self._wiring: list[tuple[tuple[int, ...], int]] = []
        self.steps = nn.ModuleList()
        for operator in graph.operators:
            if operator.name != "PAD":
                self._append(graph, operator, pads)
        self._check_order()

    def _append(self, graph: Graph, operator: Operator, pads: dict[int, Operator]) -> None:
        inputs = tuple(i for i in operator.inputs if i >= 0 and graph.tensors[i].data is None)
        pad = pads.get(inputs[0]) if inputs else None
        self.steps.append(layers.layer(graph, operator, pad))
        self._wiring.append((inputs if pad is None else (pad.inputs[0], *inputs[1:]), operator.outputs[0]))

    def _check_order(self) -> None:
        known = {self._source}
        for inputs, output in self._wiring:
            if not inputs or not known.issuperset(inputs):
                raise ModelError(f"the model reads tensors {sorted(set(inputs) - known)} before they are made")
            known.add(output)
        if not known.issuperset(self._targets):
            raise ModelError(f"the model never makes its outputs {sorted(set(self._targets) - known)}")

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Run the net on ``image``, float [B, C, H, W]."""
        values = {self._source: image}
        for step, (inputs, output) in zip(self.steps, self._wiring, strict=True):
            values[output] = step(*[values[i] for i in inputs])
        return tuple(values[i] for i in self._targets)


def simplified(graph: Graph, outputs: Sequence[int] | None = None) -> Graph:
    """The graph as ``convert`` builds it: without what ``outputs`` do not need, in a cheaper order.

    Raises:
        ModelError: the graph has no such outputs.
    """
    return hoist_pointwise(cut(graph, range(len(graph.outputs)) if outputs is None else outputs))


def convert(graph: Graph, outputs: Sequence[int] | None = None) -> TfliteNet:
    """The module of ``graph`` in eval mode, its weights frozen; ``outputs`` are positions among ``graph.outputs``.

    Raises:
        ModelError: the graph cannot be converted.
    """
    try:
        net = TfliteNet(simplified(graph, outputs))
    except (ValueError, RuntimeError, IndexError, ZeroDivisionError, OverflowError) as error:
        if isinstance(error, ModelError):
            raise
        raise ModelError(f"the model cannot be converted: {error}") from error
    return net.eval().requires_grad_(requires_grad=False)
