"""What the nets get to see: crops of regions, and whole pictures in a frame."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from stream3d.pose2d.regions import image_from_crop, to_image

Float32 = npt.NDArray[np.float32]
UInt8 = npt.NDArray[np.uint8]

CROP = 256


def crop(image: UInt8, regions: Float32, *, width: int = CROP, height: int = CROP, border: int | None = None) -> UInt8:
    """The regions [R, 4] as upright pictures uint8 [R, height, width, 3], bilinear.

    The longer side of a crop spans the region; the shorter one shows its middle. Outside the image the edge is
    repeated, or all is ``border`` (0..255).
    """
    out = np.empty((len(regions), height, width, 3), np.uint8)
    side = max(width, height)
    left, top = (side - width) / 2, (side - height) / 2
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    mode, value = (cv2.BORDER_REPLICATE, 0) if border is None else (cv2.BORDER_CONSTANT, border)
    for row, region in enumerate(regions):
        matrix = image_from_crop(region, side)
        matrix[:, 2] += matrix[:, :2] @ (left, top)
        cv2.warpAffine(
            image, matrix, (width, height), dst=out[row], flags=flags, borderMode=mode, borderValue=(value,) * 3
        )
    return out


def from_crop(points: Float32, regions: Float32, *, width: int, height: int) -> Float32:
    """Points [R, J, 2] in pixels of their crops (a pixel's centre at +0.5) as pixels of the image."""
    side = max(width, height)
    shift = np.array([(side - width) / 2, (side - height) / 2], np.float32)
    return to_image(((points + shift) / side).astype(np.float32), regions)


def framed(
    image: UInt8, height: int, width: int, *, border: int = 0, corner: bool = False
) -> tuple[UInt8, Float32, Float32]:
    """The whole image, its shape kept, in a picture of another size.

    It lies in the middle, or with ``corner`` at the left and top; the rest is ``border``. Returns the picture uint8
    [height, width, 3], and scale and offset, float32 [2] each: a point p of the image is p * scale + offset there.
    """
    rows, columns = image.shape[:2]
    scale = min(height / rows, width / columns)
    wide, high = max(1, round(columns * scale)), max(1, round(rows * scale))
    left, top = (0, 0) if corner else ((width - wide) // 2, (height - high) // 2)
    picture = np.full((height, width, 3), border, np.uint8)
    cv2.resize(image, (wide, high), dst=picture[top : top + high, left : left + wide], interpolation=cv2.INTER_LINEAR)
    return picture, np.array([wide / columns, high / rows], np.float32), np.array([left, top], np.float32)
