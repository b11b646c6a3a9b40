"""Critics and other helpers of training as safetensors with their settings, ready to be loaded again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from stream3d.errors import ModelError, ModelMissingError
from train.augmentor import Augmentor
from train.critics import MotionCritic, PlaneCritic, PoseCritic, ViewCritic
from train.tilt import TiltNet

_KNOWN: tuple[type[nn.Module], ...] = (PoseCritic, MotionCritic, ViewCritic, PlaneCritic, TiltNet, Augmentor)
KINDS = {kind.__name__: kind for kind in _KNOWN}


def save_nets(nets: nn.ModuleDict, path: Path, notes: Mapping[str, str]) -> None:
    """Write nets of KINDS, with ``notes`` in the metadata; each has its keyword arguments in ``settings``."""
    tensors = {f"{name}/{key}": v for name, net in nets.items() for key, v in net.state_dict().items()}
    made = {name: {"kind": type(net).__name__, **net.settings} for name, net in nets.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(
        {key: value.detach().cpu().clone().contiguous() for key, value in tensors.items()},
        path,
        {"nets": json.dumps(made), **notes},
    )


def load_nets(path: Path) -> tuple[nn.ModuleDict, dict[str, str]]:
    """The nets of a file that ``save_nets`` wrote, in eval mode, and its notes.

    Raises:
        ModelMissingError: no such file.
        ModelError: it holds no such nets.
    """
    if not path.is_file():
        raise ModelMissingError(f"no critics at {path}")
    try:
        with safe_open(path, framework="pt") as file:
            notes = dict(file.metadata() or {})
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
        made = json.loads(notes.pop("nets"))
        nets = nn.ModuleDict({name: KINDS[how.pop("kind")](**how) for name, how in made.items()})
        nets.load_state_dict({name.replace("/", ".", 1): value for name, value in tensors.items()})
    except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ModelError(f"{path} holds no critics: {error}") from error
    return nets.eval(), notes
