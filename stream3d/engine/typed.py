"""A net's graph for one batch size, with the number type of every layer said in it.

Runtimes that are strongly typed compute in whatever type the graph says, so narrower arithmetic is written into it:
convolutions and matrix products work in the narrow type, but for the last ones before each output, which make pixels
and metres of their inputs and lose most by rounding; what sums or exponentiates stays wide, as in torch's own autocast.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, fx, nn

from stream3d.engine.exporting import exporting
from stream3d.errors import EngineError
from stream3d.nets.spec import NetSpec

_aten = torch.ops.aten
_HEAVY = {_aten.conv2d.default, _aten.linear.default, _aten.matmul.default, _aten.bmm.default, _aten.addmm.default}
_HEAVY |= {_aten.mm.default, _aten.conv2d.padding, _aten.conv1d.default, _aten.convolution.default}
_WIDE = {_aten.layer_norm.default, _aten.group_norm.default, _aten.softmax.int, _aten.softplus.default}
_WIDE |= {_aten.exp.default, _aten.log.default, _aten.sum.dim_IntList, _aten.mean.dim, _aten.sigmoid.default}
_CLAIMS = _aten._assert_tensor_metadata.default  # that a tensor has the type it had before

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def exported(
    spec: NetSpec, bucket: int, *, precision: str, device: torch.device, floats: bool = False
) -> torch.export.ExportedProgram:
    """The net's graph for batches of ``bucket``, its weights on ``device``.

    With ``floats`` all its inputs are float32, also those that are bytes to the rooms.

    Raises:
        EngineError: the net cannot be exported.
    """
    examples = tuple(
        torch.zeros((bucket, *t.shape), dtype=torch.float32 if floats else getattr(torch, t.dtype), device=device)
        for t in spec.inputs
    )
    try:
        with exporting():
            program = torch.export.export(spec.load().eval().to(device), examples)
            if precision == "fp32":
                return program
            return torch.export.export(Narrow(program, DTYPES[precision]), examples)
    except (RuntimeError, torch._dynamo.exc.Unsupported, torch._dynamo.exc.UserError) as error:
        raise EngineError(f"{spec.name} cannot be exported for batches of {bucket}: {error}") from error


class Narrow(nn.Module):
    """A program whose heavy layers work in ``dtype``; its inputs and outputs keep their types."""

    def __init__(self, program: torch.export.ExportedProgram, dtype: torch.dtype) -> None:
        super().__init__()
        self.net = program.module(check_guards=False)
        self._dtype, self._last = dtype, _last_heavy(self.net.graph)
        self._narrow_weights()

    def forward(self, *inputs: Tensor) -> Any:
        """As the program's own."""
        return _Runner(self.net, self._dtype, self._last).run(*inputs)

    def _narrow_weights(self) -> None:
        """Keep weights in the narrow type that only narrow layers use, so that no call casts them."""
        users: dict[str, set[fx.Node]] = {}
        for node in self.net.graph.nodes:
            if node.op == "get_attr":
                users.setdefault(str(node.target), set()).update(node.users)
        weights = dict(self.net.named_parameters())
        for name in weights.keys() & users.keys():
            if all(user.target in _HEAVY and user not in self._last for user in users[name]):
                weights[name].data = weights[name].data.to(self._dtype)


class _Runner(fx.Interpreter):
    """Runs a graph node by node, casting what goes into each."""

    def __init__(self, net: fx.GraphModule, dtype: torch.dtype, last: set[fx.Node]) -> None:
        super().__init__(net)
        self._dtype, self._last = dtype, last

    def run_node(self, n: fx.Node) -> Any:
        if n.op != "call_function" or n.target is _CLAIMS:
            return None if n.target is _CLAIMS else super().run_node(n)
        args, kwargs = self.fetch_args_kwargs_from_env(n)
        dtype = self._type_of(n, [*args, *kwargs.values()])
        if dtype is not None:
            args = fx.node.map_aggregate(args, lambda value: _cast(value, dtype))
            kwargs = fx.node.map_aggregate(kwargs, lambda value: _cast(value, dtype))
        return self.call_function(n.target, args, kwargs)

    def _type_of(self, n: fx.Node, values: list[Any]) -> torch.dtype | None:
        """The type that a node's floating inputs are to have; None where they have one type already."""
        if n.target in _WIDE or n in self._last:
            return torch.float32
        if n.target in _HEAVY:
            return self._dtype
        found: set[torch.dtype] = set()

        def look(value: Any) -> None:
            if _is_float(value):
                found.add(value.dtype)

        fx.node.map_aggregate(tuple(values), look)
        return torch.float32 if len(found) > 1 else None


def _is_float(value: Any) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point()


def _cast(value: Any, dtype: torch.dtype) -> Any:
    return value.to(dtype) if _is_float(value) and value.dtype != dtype else value


def _last_heavy(graph: fx.Graph) -> set[fx.Node]:
    """The heavy nodes that no other heavy node follows."""
    followed: set[fx.Node] = set()
    for node in reversed(graph.nodes):
        if any(user in followed or user.target in _HEAVY for user in node.users):
            followed.add(node)
    return {node for node in graph.nodes if node.target in _HEAVY and node not in followed}
