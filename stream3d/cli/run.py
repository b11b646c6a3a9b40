"""``stream3d run``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from typing import cast

from stream3d.cli.exits import code_of
from stream3d.cli.options import run_settings
from stream3d.cli.process import settle
from stream3d.cli.progress import Progress
from stream3d.pipeline import Summary, run_all

_LIVE_COUNTS = {"dropped": "dropped_frames", "late": "late_frames", "reconnects": "reconnects"}


def command(arguments: argparse.Namespace) -> int:
    """Process the sources; 0, or 130 or 143 if the user ended it."""
    settings = run_settings(arguments)
    settle()
    with Progress(quiet=arguments.quiet) as progress:
        summaries = run_all(
            arguments.source,
            settings=settings,
            saves=arguments.save,
            view=arguments.view,
            watch=progress,
            report=progress.live,
        )
    if arguments.json:
        print(json.dumps(as_json(summaries), allow_nan=False))
    elif not arguments.quiet:
        print("\n".join(map(told, summaries)), file=sys.stderr)
    return code_of(interrupted=any(summary.interrupted for summary in summaries))


def as_json(summaries: Sequence[Summary]) -> dict[str, object]:
    """The summary of one source as it is; of several under ``sources``."""
    if len(summaries) == 1:
        return summaries[0].as_dict()
    return {"sources": [summary.as_dict() for summary in summaries]}


def told(summary: Summary) -> str:
    """The summary in a few lines."""
    people = len(summary.person_ids)
    lines = [
        f"{summary.source}: {'stopped after ' if summary.interrupted else ''}{summary.frames} frames, "
        f"{summary.media_s:.1f} s of media, {people} {'person' if people == 1 else 'people'} in "
        f"{summary.frames_with_people} frames, {summary.fps:.1f} frames/s",
        f"camera: {summary.camera}",
    ]
    if summary.counts.get("corrupt"):
        lines.append(f"damaged frames: {summary.counts['corrupt']}")
    if summary.live_report:
        lines.append(_told_live(summary.live_report))
    lines += [f"wrote {output}" for output in summary.outputs]
    return "\n".join(lines)


def _told_live(report: Mapping[str, object]) -> str:
    """What only live sources have."""
    latency = [f"p{percent} {report[f'latency_p{percent}_ms']} ms" for percent in (50, 95, 99)]
    counts = [f"{kind} {report[name]}" for kind, name in _LIVE_COUNTS.items()]
    left_out = cast("Mapping[str, int]", report["left_out"])
    slow = [f"{count} results left out of {name}, which was too slow" for name, count in left_out.items()]
    return ", ".join(["latency " + latency[0], *latency[1:], *counts, *slow])
