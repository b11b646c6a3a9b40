"""MediaPipe's own weights as the model bundle that its Tasks interface reads.

``python -m benchmarks.runners.pack_task FILE``, run by the Python of an environment with MediaPipe 0.10.21, whose wheel
holds the nets and the tools to say how their pixels are scaled. So both interfaces can be measured on the same nets;
Google's own ``pose_landmarker_full.task`` is a bundle of the same form.
"""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

# in the bundle, in the wheel, (mean, scale) of a pixel: to [-1, 1] and to [0, 1]
_NETS = (
    ("pose_detector.tflite", "pose_detection/pose_detection.tflite", (127.5, 127.5)),
    ("pose_landmarks_detector.tflite", "pose_landmark/pose_landmark_full.tflite", (0.0, 255.0)),
)


def main() -> None:
    """Write the bundle whole or not at all."""
    import mediapipe
    from mediapipe.tasks.python.metadata.metadata_writers.metadata_writer import MetadataWriter

    modules = Path(mediapipe.__file__).parent / "modules"
    target = Path(sys.argv[1])
    part = target.with_suffix(".part")
    with zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as bundle:
        for name, file, (mean, scale) in _NETS:
            writer = MetadataWriter(bytearray((modules / file).read_bytes()))
            writer.add_image_input([mean], [scale])
            bundle.writestr(name, bytes(writer.populate()[0]))
    part.replace(target)


if __name__ == "__main__":
    main()
