"""``python -m engines.tensorrt_ops WHEEL...``: what torch-tensorrt can convert, read out of its wheels.

The wheel needs an NVIDIA GPU's libraries to be imported, but none to be read: converters are registered by decorators,
decompositions by decorators and two sets. The findings of each version go into ``tests/golden/tensorrt_ops.json``: the
tests hold the ops of every net against them. Get a wheel with ``pip download --no-deps torch-tensorrt==2.13.0``.
"""

from __future__ import annotations

import argparse
import ast
import json
import operator
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeGuard

GOLDEN = Path(__file__).parents[1] / "tests" / "golden" / "tensorrt_ops.json"

_CONVERTERS = "torch_tensorrt/dynamo/conversion/"
_FILES = ("aten_ops_converters.py", "prims_ops_converters.py", "ops_evaluators.py")
_LOWERING = "torch_tensorrt/dynamo/lowering/"
_MAX_POOLS = {f"aten.max_pool{n}d_with_indices.default": f"aten.max_pool{n}d.default" for n in (1, 2, 3)}
_REMOVED = {"aten._assert_tensor_metadata.default", "aten.detach.default"}  # by passes before conversion


@dataclass(frozen=True, kw_only=True)
class Registry:
    """What one version of torch-tensorrt converts and decomposes.

    ``converters`` maps an op to the name of the function that may still refuse a node of it ("" where there is none);
    ``decomposed`` are ops that torch decomposes for it, ``kept`` those that stay whole, ``own`` those that it
    decomposes itself, into the ops named.
    """

    converters: dict[str, str]
    decomposed: list[str]
    kept: list[str]
    own: dict[str, list[str]]


def main(argv: list[str] | None = None) -> int:
    """Read the wheels, write the golden file."""
    parser = argparse.ArgumentParser(prog="python -m engines.tensorrt_ops", description=__doc__.splitlines()[0])
    parser.add_argument("wheels", nargs="+", type=Path)
    parser.add_argument("--to", type=Path, default=GOLDEN)
    arguments = parser.parse_args(argv)
    found = {wheel.name.split("-")[1]: asdict(read_wheel(wheel)) for wheel in arguments.wheels}
    arguments.to.write_text(json.dumps(found, indent=0, sort_keys=True) + "\n")
    for version, registry in found.items():
        print(f"torch-tensorrt {version}: {len(registry['converters'])} ops")
    return 0


def read_wheel(wheel: Path) -> Registry:
    """The registry of a wheel; nothing of it is run.

    Raises:
        KeyError: the wheel has not the files that torch-tensorrt 2.11 to 2.14 have.
    """
    with zipfile.ZipFile(wheel) as archive:
        trees = {name: ast.parse(archive.read(_CONVERTERS + name)) for name in _FILES}
        groups = ast.parse(archive.read(_LOWERING + "_decomposition_groups.py"))
        own = ast.parse(archive.read(_LOWERING + "_decompositions.py"))
    sets = {name: sorted(_op(item) for item in value.elts) for name, value in _sets(groups)}
    return Registry(
        converters={op: refuses for tree in trees.values() for op, refuses in _converters(tree)},
        decomposed=sets["torch_enabled_decompositions"],
        kept=sets["torch_disabled_decompositions"],
        own=dict(_own(own)),
    )


def _converters(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for function in tree.body:  # what is registered only under a condition stands deeper, and is left out
        for decorator in getattr(function, "decorator_list", []):
            if _calls(decorator, "dynamo_tensorrt_converter"):
                refuses = [ast.unparse(k.value) for k in decorator.keywords if k.arg == "capability_validator"]
                yield _op(decorator.args[0]), " ".join("".join(refuses).split())


def _sets(tree: ast.Module) -> Iterator[tuple[str, ast.Set]]:
    for line in tree.body:
        if isinstance(line, ast.AnnAssign) and isinstance(line.value, ast.Set) and isinstance(line.target, ast.Name):
            yield line.target.id, line.value


def _own(tree: ast.Module) -> Iterator[tuple[str, list[str]]]:
    for part in tree.body:
        if isinstance(part, ast.FunctionDef):
            for call in part.decorator_list:
                if _calls(call, "register_torch_trt_decomposition"):
                    yield _op(call.args[0]), _ops_within(part.body)
        elif isinstance(part, ast.Expr) and _calls(part.value, "replace_inplace_op"):
            yield _op(part.value.args[0]), [_op(part.value.args[1])]


def _calls(node: ast.expr, name: str) -> TypeGuard[ast.Call]:
    return isinstance(node, ast.Call) and ast.unparse(node.func) == name


def _ops_within(body: list[ast.stmt]) -> list[str]:
    """The ops that a decomposition of one line calls; of longer ones nothing is believed."""
    if len(body) != 1 or not isinstance(body[0], ast.Return):
        return []
    names = {_op(node.func) for node in ast.walk(body[0]) if isinstance(node, ast.Call)}
    return sorted(f"aten.{name.removeprefix('torch.')}" if name.startswith("torch.") else name for name in names)


def _op(node: ast.expr) -> str:
    return ast.unparse(node).removeprefix("torch.ops.")


def decompositions(registry: Registry) -> dict[Any, Any]:
    """The table that torch-tensorrt would hand to ``run_decompositions``, but for its own entries."""
    import torch
    from torch._decomp import get_decompositions
    from torch._export.utils import _collect_all_valid_cia_ops_for_aten_namespace, _get_decomp_for_cia

    known = [found for name in registry.decomposed if (found := _known(torch.ops, name)) is not None]
    composite = {
        op: _get_decomp_for_cia(op)
        for op in _collect_all_valid_cia_ops_for_aten_namespace()
        if str(op) not in registry.kept and "scaled_dot_product" not in str(op)
    }
    return {**get_decompositions(known), **composite}


def _known(ops: Any, name: str) -> Any:
    for part in name.split("."):
        ops = getattr(ops, part, None)
    return ops


def decomposed(program: Any, registry: Registry) -> Any:
    """The graph of an exported program as torch-tensorrt gets to see it."""
    return program.run_decompositions(decompositions(registry)).graph


def uncovered(graph: Any, registry: Registry) -> list[str]:
    """The ops of a decomposed graph that would stay outside TensorRT, each as often as it occurs."""
    out = []
    for node in graph.nodes:
        if node.op == "call_function" and str(node.target) not in _REMOVED:
            out += [op for op in _lowered(node, registry) if not _converts(op, node, registry)]
    return out


def _lowered(node: Any, registry: Registry) -> list[str]:
    """The ops that torch-tensorrt's own passes and decompositions make of a node."""
    if node.target is operator.getitem:
        return ["operator.getitem"]
    name = str(node.target)
    if name in _MAX_POOLS:
        values_only = all(user.target is operator.getitem and user.args[1] == 0 for user in node.users)
        return [_MAX_POOLS[name] if values_only else name]
    return registry.own.get(name) or registry.own.get(name.rpartition(".")[0]) or [name]


def _converts(op: str, node: Any, registry: Registry) -> bool:
    if op not in registry.converters and f"{op}.default" not in registry.converters:
        return False
    check = _CHECKS.get(registry.converters.get(op, registry.converters.get(f"{op}.default", "")))
    return check is not None and check(node)


def _casts_to_number(node: Any) -> bool:
    import torch

    wanted = node.kwargs.get("dtype")
    return "dtype" in node.kwargs and wanted in (torch.float32, torch.float16, torch.bfloat16, torch.int32, torch.int64)


def _one_rank(node: Any) -> bool:
    return len({part.meta["val"].dim() for part in node.args[0]}) == 1


def _plain_pool(node: Any) -> bool:
    return len(node.args) <= 4  # neither dilation nor rounding up


# What the functions ask that may refuse a node, as their sources say; a converter with any other is not believed.
_CHECKS: dict[str, Any] = {
    "": lambda _: True,
    "cat_validator": _one_rank,
    "convolution_capability_validator": lambda _: True,  # refuses only what TensorRT-RTX lacks
    "getitem_validator": lambda node: node.args[0].op == "call_function",
    "max_pool_param_validator": _plain_pool,
    # these two stand twice, for nodes on an input and for all others: what one refuses the other takes
    "to_copy_dtype_validator(placeholder_only=True)": _casts_to_number,
    "to_copy_dtype_validator(placeholder_only=False)": _casts_to_number,
    "is_only_operator_on_placeholder": lambda _: True,
    "lambda node, settings: not is_only_operator_on_placeholder(node, settings)": lambda _: True,
}


if __name__ == "__main__":
    sys.exit(main())
