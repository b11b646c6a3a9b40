"""``stream3d models``."""

from __future__ import annotations

import argparse

from stream3d.models import fetch, import_file, list_models, verify


def command(arguments: argparse.Namespace) -> int:
    """List, fetch, verify or import the default 2D nets."""
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
    return 0
