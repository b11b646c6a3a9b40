"""``python -m benchmarks.picture``: README's picture, a moment of the sample as overlay and in the 3D viewer."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import av
import cv2
import numpy as np

from stream3d.pipeline import run
from stream3d.sinks.viewer import save_picture

_SIZE = (960, 720)


def overlay_at(video: Path, at_s: float) -> np.ndarray:
    """The frame uint8 [H, W, 3] RGB shown at ``at_s`` seconds."""
    with av.open(str(video)) as container:
        for frame in container.decode(video=0):
            if frame.time is not None and frame.time >= at_s:
                return frame.to_ndarray(format="rgb24")
    raise SystemExit(f"the sample is shorter than {at_s:g} s")


def main() -> None:
    """Run the sample, take both pictures, lay them side by side."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.picture", description=__doc__.splitlines()[0])
    parser.add_argument("--at", type=float, default=8.4, metavar="SECONDS")
    parser.add_argument("--out", type=Path, default=Path("docs/sample.png"))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tracks, video, viewed = (Path(folder) / name for name in ("s.npz", "s.mp4", "v.png"))
        run("sample", saves=[tracks, video])
        save_picture(tracks, viewed, at_s=arguments.at, size=_SIZE)
        left = cv2.resize(overlay_at(video, arguments.at), _SIZE)[..., ::-1]
        both = np.hstack([left, cv2.imread(str(viewed))])
    cv2.imwrite(str(arguments.out), cv2.resize(both, None, fx=0.667, fy=0.667, interpolation=cv2.INTER_AREA))
    print(f"wrote {arguments.out}")


if __name__ == "__main__":
    main()
