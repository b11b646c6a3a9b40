"""Nets filled with the tensors of a safetensors file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch
from torch import nn

from stream3d.errors import ModelError

N = TypeVar("N", bound=nn.Module)


def filled(make: Callable[[], N], path: Path, what: str) -> N:
    """What ``make`` gives, in eval mode, with all its tensors from ``path`` as float32; ``what`` it is, for errors.

    Raises:
        ModelError: the file cannot be read, or holds other tensors than the net has.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118 (no mapping)
        with torch.device("meta"):  # sizes alone: a file may say that its net is larger than any memory
            wanted = {name: value.shape for name, value in make().state_dict().items()}
        if wanted != {name: value.shape for name, value in tensors.items()}:
            raise ValueError("its tensors are not those of a net of the sizes that it says")
        net = make()
        net.load_state_dict(tensors)
    except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ModelError(f"{path} holds no {what}: {error}") from error
    return net.eval()
