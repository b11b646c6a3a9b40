"""Regions of interest: rotated squares, float32 [R, 4].

A row is centre x, centre y, side (pixels), rotation (radians, clockwise). A pixel's centre lies at +0.5. A rotation
of 0 is a person with the head up in the picture.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from stream3d.kernels import placing

Float32 = npt.NDArray[np.float32]

MARGIN = 1.25  # the square is this much wider than the circle round the body (MediaPipe's pose_detection_to_roi)

UPRIGHT = 0.75  # width over height of the crops that nets of keypoints take
_FLESH = 1.2  # a person's box over the extent of the joints, which reach from the eyes to the ankles
_CLOSING = 0.9  # share of the side that is left at least from one frame to the next


def no_regions() -> Float32:
    """float32 [0, 4]."""
    return np.zeros((0, 4), np.float32)


def regions_from_points(centre: Float32, edge: Float32) -> Float32:
    """Regions [R, 4] of people whose hips lie at ``centre`` [R, 2] and whose circle passes through ``edge`` [R, 2]."""
    out = np.empty((len(centre), 4), np.float32)
    placing.round_bodies(np.asarray(centre, np.float32), np.asarray(edge, np.float32), MARGIN, out)
    return out


def regions_from_boxes(boxes: Float32) -> Float32:
    """Upright regions [R, 4] of people in ``boxes`` [R, 4] = x0, y0, x1, y1.

    Nets of keypoints look at upright crops of 3:4, so a wide box gets a square whose middle still holds it.
    """
    wide, high = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    side = MARGIN * np.maximum(high, wide / UPRIGHT)
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    return np.concatenate([middle, side[:, None], np.zeros((len(boxes), 1))], 1).astype(np.float32)


def regions_from_keypoints(keypoints: Float32, asked: Float32, *, min_score: float = 0.5) -> Float32:
    """Where to look next for people whose ``keypoints`` [R, J, 3] were seen in the regions ``asked`` [R, 4].

    The square round the joints seen with ``min_score``, turned as the one before, with room for the flesh round the
    joints; NaN where fewer than two are seen. It closes in slowly, since joints may only be hidden for a while.
    """
    seen = (keypoints[..., 2] >= min_score) & np.isfinite(keypoints[..., 0])
    cos, sin = np.cos(asked[:, 3, None]), np.sin(asked[:, 3, None])
    x, y = keypoints[..., 0], keypoints[..., 1]
    along, down = np.where(seen, x * cos + y * sin, np.nan), np.where(seen, y * cos - x * sin, np.nan)
    out = np.full((len(keypoints), 4), np.nan, np.float32)
    for row in np.flatnonzero(seen.sum(1) > 1):
        left, right, top, bottom = *_ends(along[row]), *_ends(down[row])
        across, low = (left + right) / 2, (top + bottom) / 2
        side = MARGIN * _FLESH * max(bottom - top, (right - left) / UPRIGHT)
        turned = across * cos[row, 0] - low * sin[row, 0], across * sin[row, 0] + low * cos[row, 0]
        out[row] = *turned, max(side, _CLOSING * asked[row, 2]), asked[row, 3]
    return out


def _ends(values: Float32) -> tuple[float, float]:
    return float(np.nanmin(values)), float(np.nanmax(values))


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
    out = np.empty((*points.shape[:2], 2), np.float32)
    placing.to_image(np.asarray(points, np.float32), np.asarray(regions, np.float32), out)
    return out


def same_person(one: Float32, many: Float32) -> npt.NDArray[np.bool_]:
    """Which of ``many`` [R, 4] cover the same body as ``one`` [4]: near in place and alike in size."""
    size = np.minimum(one[2], many[:, 2])
    near = np.hypot(many[:, 0] - one[0], many[:, 1] - one[1]) < 0.25 * size
    alike = np.maximum(one[2], many[:, 2]) < 1.8 * size
    result: npt.NDArray[np.bool_] = near & alike
    return result
