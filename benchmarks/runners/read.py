"""The floor: read a clip and do nothing with it. ``python -m benchmarks.runners.read cv2|av|stream3d CLIP [--rgb]``."""

from __future__ import annotations

import argparse

from benchmarks.runners.readers import READERS
from benchmarks.runners.steady import Steady


def main() -> None:
    """Read to the end and print what a frame cost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("reader", choices=sorted(READERS))
    parser.add_argument("clip")
    parser.add_argument("--rgb", action="store_true", help="convert each frame to an RGB array")
    arguments = parser.parse_args()
    steady = Steady()
    for _ in READERS[arguments.reader](arguments.clip, arguments.rgb):
        steady.tick()
    steady.say()


if __name__ == "__main__":
    main()
