"""The command line: the one place that prints."""

from stream3d.cli.main import main

__all__ = ["main"]
