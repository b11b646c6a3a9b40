"""``stream3d run``."""

from __future__ import annotations

import argparse
import json
import sys

from stream3d.cli.exits import code_of
from stream3d.cli.options import run_settings
from stream3d.cli.process import settle
from stream3d.cli.progress import Progress
from stream3d.pipeline import Summary, run


def command(arguments: argparse.Namespace) -> int:
    """Process the source; 0, or 130 or 143 if the user ended it."""
    settings = run_settings(arguments)
    settle()
    with Progress(quiet=arguments.quiet) as progress:
        summary = run(arguments.source, settings=settings, saves=arguments.save, view=arguments.view, watch=progress)
    if arguments.json:
        print(json.dumps(summary.as_dict(), allow_nan=False))
    elif not arguments.quiet:
        print(told(summary), file=sys.stderr)
    return code_of(interrupted=summary.interrupted)


def told(summary: Summary) -> str:
    """The summary in a few lines."""
    people = len(summary.person_ids)
    lines = [
        f"{'stopped after ' if summary.interrupted else ''}{summary.frames} frames, {summary.media_s:.1f} s of media, "
        f"{people} {'person' if people == 1 else 'people'} in {summary.frames_with_people} frames, "
        f"{summary.fps:.1f} frames/s",
        f"camera: {summary.camera}",
    ]
    if summary.counts.get("corrupt"):
        lines.append(f"damaged frames: {summary.counts['corrupt']}")
    lines += [f"wrote {output}" for output in summary.outputs]
    return "\n".join(lines)
