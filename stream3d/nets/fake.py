"""Nets with BlazePose's inputs and outputs and no weights, for tests of what lies around them.

They know nothing of people: they find bright blobs on dark ground and lay a fixed stick figure over each. So a picture
with a white rectangle has a known answer, without any file and in a few milliseconds.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from stream3d.nets.blazepose import detector_spec, landmark_spec
from stream3d.nets.spec import NetSpec

if TYPE_CHECKING:
    import torch


def fake_detector_spec(height: int, width: int | None = None) -> NetSpec:
    """As ``detector_spec``, but finds upright bright blobs that are at most half as large as the picture.

    The box is the blob's bounding box if the blob is a rectangle, its hip centre the blob's centre, and the circle
    round the body passes through the middle of its upper edge. Blobs have to be a quarter of the picture apart.
    """
    spec = detector_spec(height, width)
    return replace(spec, name=f"fake-{spec.name}", weights_hash="fake-1", load=_detector)


def fake_landmark_spec() -> NetSpec:
    """As ``landmark_spec``, but lays a stick figure over the bright part of the crop; without one, presence is low.

    Visibility and presence of every point are 0.95, z is 0, and the heat maps are empty, which leaves the points as
    they are.
    """
    return replace(landmark_spec(), name="fake-landmark", weights_hash="fake-1", load=_landmarker)


def _detector() -> torch.nn.Module:
    from stream3d.nets.fake_torch import FakeDetector

    return FakeDetector().eval()


def _landmarker() -> torch.nn.Module:
    from stream3d.nets.fake_torch import FakeLandmarker

    return FakeLandmarker().eval()
