"""rtmlib over a clip with its tracker, on ONNX files of the user's.

``python -m benchmarks.runners.peer_rtmlib CLIP --keypoints FILE [--detector FILE]``, run by the Python of the peer's
own environment. Read by OpenCV without conversion, since the peer takes BGR.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from functools import partial
from typing import Any

from benchmarks.runners.readers import READERS
from benchmarks.runners.steady import Steady

_DETECT_EVERY = 10  # as in the example of its documentation


def main() -> None:
    """Follow the people to the end and print what a frame cost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip")
    parser.add_argument("--keypoints", required=True, metavar="FILE", help="RTMPose, ViTPose; RTMO without a detector")
    parser.add_argument("--detector", metavar="FILE", help="YOLOX")
    parser.add_argument("--frames", type=int, default=0, help="stop after so many; 0 = all")
    arguments = parser.parse_args()
    with contextlib.redirect_stdout(sys.stderr):  # it greets
        follow = tracker(arguments.keypoints, arguments.detector)
    steady = Steady()
    for image in READERS["cv2"](arguments.clip, False):
        keypoints, _ = follow(image)
        steady.tick(people=len(keypoints) > 0)
        if steady.frames == arguments.frames:
            break
    steady.say()


def tracker(keypoints: str, detector: str | None) -> Any:
    """rtmlib's, with the class that fits the files: SimCC answers two arrays a net, heat maps one."""
    from rtmlib import Custom, PoseTracker

    width, height, answers = _signature(keypoints)
    nets: dict[str, Any] = {"pose": keypoints, "pose_input_size": (width, height)}
    if detector is None:
        nets |= {"pose_class": "RTMO", "pose_input_size": (height, width)}
    else:
        width, height, _ = _signature(detector)
        nets |= {"pose_class": "RTMPose" if answers == 2 else "ViTPose"}
        nets |= {"det_class": "YOLOX", "det": detector, "det_input_size": (height, width)}
    return PoseTracker(partial(Custom, **nets), det_frequency=_DETECT_EVERY, backend="onnxruntime", device="cpu")


def _signature(file: str) -> tuple[int, int, int]:
    """Width and height of the picture that a net takes, and how many arrays it answers."""
    import onnxruntime

    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    height, width = session.get_inputs()[0].shape[2:]
    if not (isinstance(height, int) and isinstance(width, int)):
        raise SystemExit(f"{file} takes pictures of {width} x {height}; only a fixed size can be measured")
    return width, height, len(session.get_outputs())


if __name__ == "__main__":
    main()
