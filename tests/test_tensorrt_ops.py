"""Every op of every net can be converted by torch-tensorrt, as its wheels say (tests/golden/tensorrt_ops.json)."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import torch

from engines.tensorrt_ops import GOLDEN, Registry, decomposed, main, uncovered
from stream3d.engine.typed import exported
from stream3d.nets.blazepose import LANDMARK_WEIGHTS, detector_spec, landmark_spec
from stream3d.nets.lifter import lifter_spec, shipped_lifters
from stream3d.nets.lifter_shape import KINDS, Kind
from stream3d.nets.person import person_spec
from stream3d.nets.spec import NetSpec
from tests.test_lifter_export import net_of, seen

REGISTRIES = {version: Registry(**said) for version, said in json.loads(GOLDEN.read_text()).items()}
NETS: dict[str, Callable[[], NetSpec]] = {
    "person": lambda: person_spec(192, 320),
    "landmarks": lambda: landmark_spec(weights=LANDMARK_WEIGHTS),
    "blazepose-detector": lambda: detector_spec(224, 224),
    "blazepose-landmark": landmark_spec,
    **{f"lifter {name}": lambda path=path: lifter_spec(path) for name, path in shipped_lifters().items()},
}
SHIPPED = ["person", "landmarks", "lifter default"]


@cache
def program(net: str, bucket: int, precision: str) -> torch.export.ExportedProgram:
    return exported(NETS[net](), bucket, precision=precision, device=torch.device("cpu"), floats=True)


@cache
def graph_of(net: str, bucket: int, precision: str, rules: str) -> torch.fx.Graph:
    """Decomposed as ``rules`` say, which several versions share."""
    return decomposed(program(net, bucket, precision), Registry(**json.loads(rules)))


def outside(net: str, bucket: int, precision: str, version: str) -> list[str]:
    registry = REGISTRIES[version]
    rules = {"converters": {}, "decomposed": registry.decomposed, "kept": registry.kept, "own": {}}
    return uncovered(graph_of(net, bucket, precision, json.dumps(rules)), registry)


def test_the_golden_file_is_of_the_versions_that_are_written_for() -> None:
    assert {version.rpartition(".")[0] for version in REGISTRIES} == {"2.11", "2.12", "2.13", "2.14"}
    assert all(len(registry.converters) > 200 for registry in REGISTRIES.values())


@pytest.mark.parametrize("net", SHIPPED)
def test_the_shipped_nets_in_fp16_lie_wholly_inside(net: str) -> None:
    for version in ("2.11.0", "2.12.1", "2.13.0"):
        assert not outside(net, 1, "fp16", version), version


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.usefixtures("weights")
@pytest.mark.parametrize("net", NETS)
def test_every_net_bucket_and_version_lies_wholly_inside(net: str) -> None:
    wanted = [(bucket, "fp16") for bucket in NETS[net]().buckets] + [(1, "fp32")]
    for bucket, precision in wanted:
        for version in REGISTRIES:
            assert not outside(net, bucket, precision, version), (bucket, precision, version)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_lifter_lies_wholly_inside_in_fp16_too_and_stays_near(kind: Kind) -> None:
    net = replace(lifter_spec(), name=kind, load=lambda: net_of(kind))
    narrow = exported(net, 3, precision="fp16", device=torch.device("cpu"))
    with torch.no_grad():
        for ours, theirs in zip(narrow.module()(seen(3)), net_of(kind)(seen(3)), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=0, atol=0.01)
    for registry in (REGISTRIES["2.11.0"], REGISTRIES["2.14.0"]):
        assert not uncovered(decomposed(narrow, registry), registry)


class Foreign(torch.nn.Module):
    """Ops that no converter takes, or not so: a Bessel function, a pool spread out, and one that tells its places."""

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        spread = torch.nn.functional.max_pool2d(x, 2, 2, dilation=2)
        return torch.special.i0(x), spread, *torch.nn.functional.max_pool2d(x, 2, 2, return_indices=True)


@pytest.mark.parametrize("version", REGISTRIES)
def test_what_cannot_be_converted_is_found(version: str) -> None:
    foreign = torch.export.export(Foreign().eval(), (torch.eye(8)[None, None],))
    graph = decomposed(foreign, REGISTRIES[version])
    assert sorted(uncovered(graph, REGISTRIES[version])) == [
        "aten.i0.default",
        "aten.max_pool2d.default",
        "aten.max_pool2d_with_indices.default",
    ]


def test_a_wheel_is_read_and_not_run(tmp_path: Path) -> None:
    conversion, lowering = "torch_tensorrt/dynamo/conversion/", "torch_tensorrt/dynamo/lowering/"
    converters = """
raise SystemExit("run")
@dynamo_tensorrt_converter(torch.ops.aten.cat.default, capability_validator=cat_validator)
@dynamo_tensorrt_converter(torch.ops.aten.relu.default, supports_dynamic_shapes=True)
def convert(): ...
if ENABLED:
    @dynamo_tensorrt_converter(torch.ops.aten.fft_fft.default)
    def rare(): ...
"""
    groups = (
        "torch_enabled_decompositions: Set = {aten.frac}\ntorch_disabled_decompositions: Set = {aten.linear.default}"
    )
    own = """
replace_inplace_op(aten.add_, aten.add)
@register_torch_trt_decomposition(aten.view.default, registry=OWN)
def view(x): return aten._reshape_copy.default(x)
@register_torch_trt_decomposition(aten._unsafe_view, registry=OWN)
def unsafe_view(x): return torch.reshape(x)
@register_torch_trt_decomposition(aten.var, registry=OWN)
def var(x):
    y = aten.mean(x)
    return aten.mean(y)
"""
    wheel = tmp_path / "torch_tensorrt-9.9.9-cp311-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(conversion + "aten_ops_converters.py", converters)
        archive.writestr(conversion + "prims_ops_converters.py", "")
        archive.writestr(conversion + "ops_evaluators.py", "")
        archive.writestr(lowering + "_decomposition_groups.py", groups)
        archive.writestr(lowering + "_decompositions.py", own)
    assert main([str(wheel), "--to", str(tmp_path / "ops.json")]) == 0
    assert json.loads((tmp_path / "ops.json").read_text()) == {
        "9.9.9": {
            "converters": {"aten.cat.default": "cat_validator", "aten.relu.default": ""},
            "decomposed": ["aten.frac"],
            "kept": ["aten.linear.default"],
            "own": {
                "aten._unsafe_view": ["aten.reshape"],
                "aten.add_": ["aten.add"],
                "aten.var": [],
                "aten.view.default": ["aten._reshape_copy.default"],
            },
        }
    }
