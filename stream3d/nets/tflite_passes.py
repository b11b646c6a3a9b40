"""Rewrites of a graph that leave its outputs as they are: cutting off what is not asked for, and cheaper orders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from stream3d.errors import ModelError
from stream3d.nets.tflite import NO_ACTIVATION, Graph, Operator, Tensor


def cut(graph: Graph, outputs: Sequence[int]) -> Graph:
    """What of ``graph`` its ``outputs`` (positions among all) depend on; ModelError if there are none such."""
    if not all(0 <= i < len(graph.outputs) for i in outputs):
        raise ModelError(f"outputs {list(outputs)} were asked for; the model has {len(graph.outputs)}")
    targets = tuple(graph.outputs[i] for i in outputs)
    wanted, kept = set(targets), []
    for operator in reversed(graph.operators):
        if not operator.inputs or operator.inputs[0] < 0 or len(operator.outputs) != 1:
            raise ModelError(f"{operator.name} from {operator.inputs} to {operator.outputs}: one output is understood")
        if operator.outputs[0] in wanted:
            wanted.update(operator.inputs)
            kept.append(operator)
    return replace(graph, operators=tuple(kept[::-1]), outputs=targets)


def hoist_pointwise(graph: Graph) -> Graph:
    """Move each 1×1 convolution that alone reads a bilinear enlarging before it, which leaves a quarter of its work.

    The two commute because bilinear weights sum to one; the convolution's activation does not, and stays behind both.
    """
    readers = Counter(i for o in graph.operators for i in o.inputs) + Counter(graph.outputs)
    resizes = {o.outputs[0]: o for o in graph.operators if o.name == "RESIZE_BILINEAR" and readers[o.outputs[0]] == 1}
    tensors, swapped = list(graph.tensors), {}
    for conv in graph.operators:
        resize = resizes.get(conv.inputs[0])
        if resize is not None and _is_pointwise(graph, conv):
            swapped[resize.outputs[0]], swapped[conv.outputs[0]] = _swap(resize, conv, len(tensors))
            small, channels = tensors[resize.inputs[0]].shape, tensors[conv.outputs[0]].shape[-1:]
            tensors.append(Tensor(name="before enlarging", shape=(*small[:-1], *channels), data=None))
    operators = tuple(swapped.get(o.outputs[0], o) for o in graph.operators)
    return replace(graph, tensors=tuple(tensors), operators=operators)


def _swap(resize: Operator, conv: Operator, between: int) -> tuple[Operator, Operator]:
    """The convolution to ``between`` and the enlarging from there, in place of the enlarging and the convolution."""
    plain, active = (
        {**o.options, "activation": a} for o, a in ((conv, NO_ACTIVATION), (resize, conv.options["activation"]))
    )
    first = replace(conv, inputs=(resize.inputs[0], *conv.inputs[1:]), outputs=(between,), options=plain)
    second = replace(resize, inputs=(between, *resize.inputs[1:]), outputs=conv.outputs, options=active)
    return first, second


def _is_pointwise(graph: Graph, operator: Operator) -> bool:
    if operator.name != "CONV_2D" or len(operator.inputs) < 2 or operator.inputs[1] < 0:
        return False
    weight, o = graph.tensors[operator.inputs[1]].data, operator.options
    return weight is not None and weight.shape[1:3] == (1, 1) and (o["stride_h"], o["stride_w"]) == (1, 1)
