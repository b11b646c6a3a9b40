"""stream3d as a library: ``stream3d.results`` over a clip. ``python -m benchmarks.runners.ours CLIP``."""

from __future__ import annotations

import argparse

from benchmarks.runners.steady import Steady


def main() -> None:
    """Follow everybody to the end and print what a frame cost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip")
    parser.add_argument("--precision", default="fp32")
    parser.add_argument("--frames", type=int, default=0, help="stop after so many; 0 = all")
    arguments = parser.parse_args()
    import stream3d
    from stream3d.engine import EngineSettings

    steady = Steady()
    settings = stream3d.RunSettings(engine=EngineSettings(precision=arguments.precision))
    for result in stream3d.results(arguments.clip, settings):
        steady.tick(people=len(result.poses) > 0)
        if steady.frames == arguments.frames:
            break
    steady.say()


if __name__ == "__main__":
    main()
