"""What a look for people and what a reading of joints costs, apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from stream3d.meters import Meters
from stream3d.pose2d.protocol import Found, KeypointNet, Landmarks, PersonDetector
from stream3d.pose2d.shown import takes_planes, uploads_of
from stream3d.pose2d.together import look_together, read_together

Float32 = npt.NDArray[np.float32]
UInt8 = npt.NDArray[np.uint8]


class MeasuredDetector:
    """A detector whose looks are counted and timed as ``detect``; a `PersonDetector`."""

    def __init__(self, detector: PersonDetector, meters: Meters) -> None:
        self.min_score, self.confirm_score = detector.min_score, detector.confirm_score
        self.takes_planes, self.uploads = takes_planes(detector), uploads_of(detector)
        self._detector, self._meters = detector, meters

    def __call__(self, image: UInt8) -> Found:
        """As the detector."""
        with self._meters["detect"].measure():
            return self._detector(image)

    def together(self, images: Sequence[UInt8]) -> list[Found]:
        """As the detector; one measurement of all pictures."""
        with self._meters["detect"].measure():
            return look_together(self._detector, images)

    def describe(self) -> dict[str, str]:
        """As the detector."""
        return self._detector.describe()


class MeasuredKeypoints:
    """A net whose readings are counted and timed as ``keypoints``; a `KeypointNet`.

    A reading is of all people of a picture, or of several pictures, at once.
    """

    def __init__(self, net: KeypointNet, meters: Meters) -> None:
        self.layout, self.min_presence, self.agreement = net.layout, net.min_presence, net.agreement
        self.takes_planes, self.uploads = takes_planes(net), uploads_of(net)
        self._net, self._meters = net, meters

    def __call__(self, image: UInt8, regions: Float32) -> Landmarks:
        """As the net."""
        with self._meters["keypoints"].measure():
            return self._net(image, regions)

    def together(self, images: Sequence[UInt8], regions: Sequence[Float32]) -> list[Landmarks]:
        """As the net; one measurement of all pictures."""
        with self._meters["keypoints"].measure():
            return read_together(self._net, images, regions)

    def describe(self) -> dict[str, str]:
        """As the net."""
        return self._net.describe()
