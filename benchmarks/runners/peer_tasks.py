"""The peer by its newer interface: MediaPipe's pose landmarker over a clip in its VIDEO mode, one person.

``python -m benchmarks.runners.peer_tasks CLIP --task FILE``, run by the Python of the peer's own environment.
"""

from __future__ import annotations

import argparse

from benchmarks.runners.readers import READERS
from benchmarks.runners.steady import Steady

_FRAME_MS = 33


def main() -> None:
    """Follow the person to the end and print what a frame cost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip")
    parser.add_argument("--task", required=True, metavar="FILE", help="the nets")
    parser.add_argument("--reader", choices=("cv2", "av"), default="cv2")
    parser.add_argument("--frames", type=int, default=0, help="stop after so many; 0 = all")
    arguments = parser.parse_args()
    import mediapipe
    from mediapipe.tasks.python import BaseOptions, vision

    options = vision.PoseLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=arguments.task), running_mode=vision.RunningMode.VIDEO
    )
    steady = Steady()
    with vision.PoseLandmarker.create_from_options(options) as landmarker:
        for image in READERS[arguments.reader](arguments.clip, True):
            picture = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=image)
            found = landmarker.detect_for_video(picture, steady.frames * _FRAME_MS)
            steady.tick(people=bool(found.pose_landmarks))
            if steady.frames == arguments.frames:
                break
    steady.say()


if __name__ == "__main__":
    main()
