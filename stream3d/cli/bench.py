"""``stream3d bench``: a run without outputs, told stage by stage."""

from __future__ import annotations

import argparse
import json

from stream3d.cli.exits import code_of
from stream3d.cli.options import run_settings
from stream3d.cli.process import settle
from stream3d.cli.progress import Progress
from stream3d.pipeline import Summary, run


def command(arguments: argparse.Namespace) -> int:
    """Process the source and print what it cost."""
    settings = run_settings(arguments)
    settle()
    with Progress(quiet=arguments.quiet or arguments.json) as progress:
        summary = run(arguments.source, settings=settings, saves=(), watch=progress)
    print(json.dumps(summary.as_dict(), allow_nan=False) if arguments.json else table(summary))
    return code_of(interrupted=summary.interrupted)


def table(summary: Summary) -> str:
    """One line per stage: wall milliseconds per pass."""
    said = summary.as_dict()
    rows = [
        f"{said['frames']} frames: {said['fps']} frames/s, {said['cpu_ms_per_frame']} ms CPU per frame, "
        f"ready after {said['ready_s']} s",
        f"{'stage':<10}{'count':>8}{'mean':>9}{'p50':>9}{'p95':>9}{'p99':>9}  ms",
    ]
    for name, stage in summary.stages.items():
        numbers = "".join(f"{stage.get(key, 0.0):>9.2f}" for key in ("mean_ms", "p50_ms", "p95_ms", "p99_ms"))
        rows.append(f"{name:<10}{stage['count']:>8}{numbers}")
    rows += [f"{net}: {', '.join(facts.values())}" for net, facts in summary.engines.items()]
    return "\n".join(rows)
