"""The peer: MediaPipe's tracking mode over a clip, one person, as its documentation shows it.

``python -m benchmarks.runners.peer CLIP``, run by the Python of the peer's own environment.
"""

from __future__ import annotations

import argparse

from benchmarks.runners.readers import READERS
from benchmarks.runners.steady import Steady


def main() -> None:
    """Follow the person to the end and print what a frame cost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip")
    parser.add_argument("--reader", choices=("cv2", "av"), default="cv2")
    parser.add_argument("--frames", type=int, default=0, help="stop after so many; 0 = all")
    arguments = parser.parse_args()
    import mediapipe

    steady = Steady()
    with mediapipe.solutions.pose.Pose(static_image_mode=False, model_complexity=1) as pose:
        for image in READERS[arguments.reader](arguments.clip, True):
            image.flags.writeable = False  # saves it a copy
            steady.tick(people=pose.process(image).pose_landmarks is not None)
            if steady.frames == arguments.frames:
                break
    steady.say()


if __name__ == "__main__":
    main()
