"""``stream3d models``."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from stream3d.models import fetch, import_file, list_models, verify
from stream3d.nets.lifter import describe_lifter, shipped_lifters


def command(arguments: argparse.Namespace) -> int:
    """Fetch, verify or import the default 2D nets; list them and the lifters that ship."""
    if arguments.action == "fetch":
        fetch(progress=print)
    elif arguments.action == "import":
        for path in import_file(arguments.file):
            print(f"stored {path}")
    elif arguments.action == "verify":
        verify()
    for model in list_models():
        size = f"{model.size_bytes / 1e6:.1f} MB"
        print(f"{model.name:<22}{model.state:<10}{size:>8}  {model.licence}, {model.source}  {model.path}")
    for line in _lifters():
        print(line)
    return 0


def _lifters() -> Iterator[str]:
    for name, path in shipped_lifters().items():
        shape, size = describe_lifter(path).shape, f"{path.stat().st_size / 1e6:.1f} MB"
        ahead = f"{shape.kind}, looks {shape.lookahead} frames ahead"
        yield f"{'lifter:' + name:<22}{'ships':<10}{size:>8}  {ahead}  {path}"
