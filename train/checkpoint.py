"""Checkpoints without pickle: all tensors in one safetensors file, all numbers in its metadata."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from stream3d.errors import ModelError


def _of_optimizer(optimizer: Optimizer) -> dict[str, Tensor]:
    states = optimizer.state_dict()["state"]
    return {f"{index}.{key}": torch.as_tensor(value) for index, state in states.items() for key, value in state.items()}


def _into_optimizer(optimizer: Optimizer, tensors: Mapping[str, Tensor]) -> None:
    states: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        index, _, key = name.partition(".")
        states.setdefault(int(index), {})[key] = value
    optimizer.load_state_dict({"state": states, "param_groups": optimizer.state_dict()["param_groups"]})


def _below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(f"{prefix}/"): value for name, value in tensors.items() if name.startswith(f"{prefix}/")}


def save(
    path: Path, modules: Mapping[str, nn.Module], optimizers: Mapping[str, Optimizer], numbers: Mapping[str, object]
) -> None:
    """Write atomically: a killed run leaves the last whole checkpoint."""
    tensors = {f"{name}/{key}": value for name, m in modules.items() for key, value in m.state_dict().items()}
    for name, optimizer in optimizers.items():
        tensors |= {f"{name}/{key}": value for key, value in _of_optimizer(optimizer).items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    save_file(
        {key: value.detach().clone().contiguous() for key, value in tensors.items()},
        partial,
        {"numbers": json.dumps(numbers)},
    )
    partial.replace(path)


def numbers_of(path: Path) -> dict[str, Any]:
    """The numbers alone.

    Raises:
        ModelError: it is no checkpoint.
    """
    try:
        with safe_open(path, framework="pt") as file:
            numbers: dict[str, Any] = json.loads((file.metadata() or {})["numbers"])
    except (SafetensorError, KeyError, ValueError) as error:
        raise ModelError(f"{path} is no checkpoint of a training run: {error}; remove it to start anew") from error
    return numbers


def load(path: Path, modules: Mapping[str, nn.Module], optimizers: Mapping[str, Optimizer]) -> None:
    """Fill modules and optimizers."""
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    for name, module in modules.items():
        module.load_state_dict(_below(name, tensors))
    for name, optimizer in optimizers.items():
        _into_optimizer(optimizer, _below(name, tensors))
