"""``stream3d view``."""

from __future__ import annotations

import argparse


def command(arguments: argparse.Namespace) -> int:
    """Play a track file, or save a picture of it."""
    from stream3d.sinks.viewer import KEYS_HELP, save_picture, view_tracks

    if arguments.screenshot:
        save_picture(arguments.tracks, arguments.screenshot, at_s=arguments.at)
        print(f"wrote {arguments.screenshot}")
    else:
        print(KEYS_HELP)
        view_tracks(arguments.tracks, loop=arguments.loop, start_s=arguments.at)
    return 0
