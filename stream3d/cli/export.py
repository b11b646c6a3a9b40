"""``stream3d export``: a track file as another format."""

from __future__ import annotations

import argparse

from stream3d.sinks.convert import convert_tracks


def command(arguments: argparse.Namespace) -> int:
    """Write the tracks with every writer that was asked for."""
    for save in arguments.save:
        convert_tracks(arguments.tracks, save)
        print(f"wrote {save}")
    return 0
