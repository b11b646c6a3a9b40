"""Regions of interest: rotated squares, float32 [R, 4].

A row is centre x, centre y, side (pixels), rotation (radians, clockwise). A pixel's centre lies at +0.5. A rotation
of 0 is a person with the head up in the picture.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]

MARGIN = 1.25  # the square is this much wider than the circle round the body (MediaPipe's pose_detection_to_roi)


def no_regions() -> Float32:
    """float32 [0, 4]."""
    return np.zeros((0, 4), np.float32)


def regions_from_points(centre: Float32, edge: Float32) -> Float32:
    """Regions [R, 4] of people whose hips lie at ``centre`` [R, 2] and whose circle passes through ``edge`` [R, 2]."""
    dx, dy = edge[:, 0] - centre[:, 0], edge[:, 1] - centre[:, 1]
    side = 2 * MARGIN * np.hypot(dx, dy)
    turn = math.pi / 2 - np.arctan2(-dy, dx)
    turn = (turn + math.pi) % (2 * math.pi) - math.pi
    return np.stack([centre[:, 0], centre[:, 1], side, turn], 1).astype(np.float32)


def image_from_crop(region: Float32, size: int) -> npt.NDArray[np.float64]:
    """The affine map [2, 3] from a crop's pixel *indices* to the image's, as OpenCV counts them."""
    x, y, side, turn = (float(value) for value in region)
    cos, sin, scale = math.cos(turn), math.sin(turn), side / size
    # index i is the point i + 0.5; the crop's centre is the point size / 2
    shift = 0.5 - size / 2
    a, b = cos * scale, sin * scale
    return np.array([[a, -b, x - 0.5 + (a - b) * shift], [b, a, y - 0.5 + (b + a) * shift]])


def to_image(points: Float32, regions: Float32) -> Float32:
    """Points [R, J, 2] in 0..1 of their crops as pixels of the image."""
    side, turn = regions[:, None, 2], regions[:, None, 3]
    dx, dy = (points[..., 0] - 0.5) * side, (points[..., 1] - 0.5) * side
    cos, sin = np.cos(turn), np.sin(turn)
    x = regions[:, None, 0] + cos * dx - sin * dy
    y = regions[:, None, 1] + sin * dx + cos * dy
    return np.stack([x, y], -1).astype(np.float32)


def same_person(one: Float32, many: Float32) -> npt.NDArray[np.bool_]:
    """Which of ``many`` [R, 4] cover the same body as ``one`` [4]: near in place and alike in size."""
    size = np.minimum(one[2], many[:, 2])
    near = np.hypot(many[:, 0] - one[0], many[:, 1] - one[1]) < 0.25 * size
    alike = np.maximum(one[2], many[:, 2]) < 1.8 * size
    result: npt.NDArray[np.bool_] = near & alike
    return result
