"""``stream3d lift``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tqdm import tqdm

from stream3d.cli.options import run_settings
from stream3d.errors import SettingsError
from stream3d.lift import KeypointOptions, lift_file, make_lifter
from stream3d.solve import make_smoother


def command(arguments: argparse.Namespace) -> int:
    """Lift a keypoint file or folder."""
    settings = run_settings(arguments)
    options = _options(arguments)
    lifter = make_lifter(settings.lift, settings.engine)
    bars: list[tqdm[None]] = []  # made with the first frame, so that a file that cannot be read leaves no empty bar

    def progress(done: int, total: int) -> None:
        if not bars:
            bars.append(tqdm(total=total, unit=" frames", file=sys.stderr, disable=arguments.quiet, dynamic_ncols=True))
        bars[0].update(done - bars[0].n)

    try:
        sequence = lift_file(
            Path(arguments.keypoints),
            Path(arguments.save),
            lifter,
            options=options,
            smooth=make_smoother(settings.smoother, settings.smooth, settings.kalman),
            progress=progress,
        )
    finally:
        for bar in bars:
            bar.close()
    for note in sequence.notes:
        print(f"stream3d: {note}", file=sys.stderr)
    if not arguments.quiet:
        print(f"lifted {len(sequence)} frames; camera: {sequence.camera.origin}", file=sys.stderr)
        print(f"wrote {arguments.save}", file=sys.stderr)
    return 0


def _options(arguments: argparse.Namespace) -> KeypointOptions:
    width, height = _size(arguments.size) if arguments.size else (None, None)
    return KeypointOptions(
        layout=arguments.layout, fps=arguments.fps, width=width, height=height, fov_deg=arguments.fov
    )


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise SettingsError(f"--size must be WIDTHxHEIGHT in pixels, such as 1280x720, not {text!r}")
    return int(width), int(height)
