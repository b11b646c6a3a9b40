"""The clips that figures are given for."""

from __future__ import annotations

import argparse
from pathlib import Path

import stream3d

DEFAULT = ("taiji.mp4", "webcam-upper-body.mkv", "one-by-one-person.mp4", "sample")
_SAMPLE = Path(stream3d.__file__).parent / "data" / "sample.mp4"


def add_clips(parser: argparse.ArgumentParser, default: tuple[str, ...] = DEFAULT) -> None:
    """``--data`` and ``--clips``."""
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder with videos/; only sample needs none")
    parser.add_argument("--clips", nargs="+", default=default, metavar="NAME", help="files in DIR/videos, or sample")


def find_clips(data: Path | None, names: list[str]) -> dict[str, str]:
    """Name → file.

    Raises:
        SystemExit: one is not there.
    """
    files = {name: _SAMPLE if name == "sample" else (data or Path()) / "videos" / name for name in names}
    missing = [name for name, file in files.items() if not file.is_file()]
    if missing:
        raise SystemExit(f"no {', '.join(missing)} in {data or 'no folder'}; give --data DIR, or --clips sample")
    return {name: str(file) for name, file in files.items()}
