"""Graphs with their number types in them: what is narrow, what stays wide, and what that costs."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
import torch

from stream3d.engine.typed import DTYPES, exported
from stream3d.errors import EngineError
from stream3d.nets.spec import NetSpec, TensorSpec

CPU = torch.device("cpu")


class Deep(torch.nn.Module):
    """Three convolutions, of which the last makes the answer; a softmax; and a sum of a wide and a narrow tensor."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = torch.nn.Conv2d(3, 8, 3, 2, 1), torch.nn.Conv2d(8, 8, 3, 1, 1)
        self.norm, self.last = torch.nn.LayerNorm([8, 8, 8]), torch.nn.Conv2d(8, 4, 1)
        self.offset = torch.nn.Parameter(torch.full((8, 1, 1), 0.25))

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = torch.relu(self.first(image.permute(0, 3, 1, 2).float() / 255))
        x = self.norm(self.second(x) + self.offset)
        out = self.last(x)
        return out.flatten(1), out.softmax(1)


def deep_spec() -> NetSpec:
    return NetSpec(
        name="deep",
        weights_hash="0",
        load=Deep,
        inputs=(TensorSpec(name="image", shape=(16, 16, 3), dtype="uint8"),),
        outputs=("flat", "share"),
        buckets=(1, 4),
    )


def pictures(count: int) -> torch.Tensor:
    return torch.randint(0, 256, (count, 16, 16, 3), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)


def types_of(program: torch.export.ExportedProgram, op: str) -> list[torch.dtype]:
    return [node.meta["val"].dtype for node in program.graph.nodes if str(node.target).startswith(f"aten.{op}.")]


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_heavy_layers_are_narrow_but_for_the_last(precision: str) -> None:
    program = exported(deep_spec(), 2, precision=precision, device=CPU)
    narrow = DTYPES[precision]
    assert types_of(program, "conv2d") == [narrow, narrow, torch.float32]
    assert types_of(program, "layer_norm") == types_of(program, "softmax") == [torch.float32]
    weights = Counter(tensor.dtype for tensor in program.state_dict.values())
    assert weights == {narrow: 4, torch.float32: 5}  # two convolutions with biases; norm, last convolution, offset


def test_fp32_is_the_net_as_it_is() -> None:
    program = exported(deep_spec(), 2, precision="fp32", device=CPU)
    with torch.no_grad():
        for got, want in zip(program.module()(pictures(2)), Deep().eval()(pictures(2)), strict=True):
            torch.testing.assert_close(got, want, rtol=0, atol=0)


@pytest.mark.parametrize(("precision", "near"), [("fp16", 4e-3), ("bf16", 4e-2)])
def test_a_typed_graph_keeps_inputs_outputs_and_nearly_the_answers(precision: str, near: float) -> None:
    program = exported(deep_spec(), 2, precision=precision, device=CPU, floats=True)
    with torch.no_grad():
        got = program.module()(pictures(2).float())
        want = Deep().eval()(pictures(2))
    assert [out.dtype for out in got] == [torch.float32, torch.float32]
    for ours, theirs in zip(got, want, strict=True):
        assert 0 < (ours - theirs).abs().max() < near


def test_what_cannot_be_exported_is_named() -> None:
    class Asks(torch.nn.Module):
        def forward(self, image: torch.Tensor) -> tuple[torch.Tensor]:
            return (image if image.sum() > 0 else -image,)

    with pytest.raises(EngineError, match="deep cannot be exported for batches of 3"):
        exported(replace(deep_spec(), load=Asks), 3, precision="fp32", device=CPU)
