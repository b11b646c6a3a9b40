"""What the nets get to see: crops of regions, and whole pictures in a frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from stream3d.kernels.colours import to_rgb
from stream3d.kernels.cutting import cut
from stream3d.planes import Planes, coefficients
from stream3d.pose2d.regions import image_from_crop, to_image

Float32 = npt.NDArray[np.float32]
UInt8 = npt.NDArray[np.uint8]

CROP = 256


def squares_of(images: Sequence[UInt8 | Planes], regions: Sequence[Float32]) -> UInt8:
    """``squares`` of several pictures, one behind the other: uint8 [sum of R, 256, 256, 3]."""
    cut = [squares(image, some) for image, some in zip(images, regions, strict=True)]
    return cut[0] if len(cut) == 1 else np.concatenate(cut)


def squares(image: UInt8 | Planes, regions: Float32) -> UInt8:
    """The regions [R, 4] as upright squares uint8 [R, 256, 256, 3] RGB, the edge repeated outside the picture.

    From planes only these pixels are converted: brightness is bilinear and colour the nearest, both as of the whole
    picture converted first, up to rounding and to colour's own edges.
    """
    if not isinstance(image, Planes):
        return crop(image, regions)
    out = np.empty((len(regions), CROP, CROP, 3), np.uint8)
    for square, region in zip(out, regions, strict=True):
        cut(image.y, image.u, image.v, image.coefficients, image_from_crop(region, CROP), square)
    return out


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


def warm() -> None:
    """Compile the kernels of planes, or load them from the cache."""
    plane, half = np.zeros((4, 4), np.uint8), np.zeros((2, 2), np.uint8)
    planes = Planes(y=plane, u=half, v=half, coefficients=coefficients(0.2126, 0.0722, full=False))
    squares(planes, np.array([[2, 2, 4, 0]], np.float32))


def from_crop(points: Float32, regions: Float32, *, width: int, height: int) -> Float32:
    """Points [R, J, 2] in pixels of their crops (a pixel's centre at +0.5) as pixels of the image."""
    side = max(width, height)
    shift = np.array([(side - width) / 2, (side - height) / 2], np.float32)
    return to_image(((points + shift) / side).astype(np.float32), regions)


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """Where a picture lies in one of another size: its place there, and its own size before, ``rows`` and ``columns``.

    A point p of the picture is p * ``scale`` + ``offset`` there, float32 [2] each.
    """

    left: int
    top: int
    wide: int
    high: int
    rows: int
    columns: int

    @property
    def scale(self) -> Float32:
        """By columns and by rows, which rounding makes differ a little."""
        return np.array([self.wide / self.columns, self.high / self.rows], np.float32)

    @property
    def offset(self) -> Float32:
        """Of its left upper corner."""
        return np.array([self.left, self.top], np.float32)


def laid_out(shape: Sequence[int], height: int, width: int, *, corner: bool = False) -> Layout:
    """Where a picture of ``shape`` (rows, columns, ...) lies in one of another size, its own shape kept.

    In the middle, or with ``corner`` at the left and top.
    """
    rows, columns = shape[:2]
    scale = min(height / rows, width / columns)
    wide, high = max(1, round(columns * scale)), max(1, round(rows * scale))
    left, top = (0, 0) if corner else ((width - wide) // 2, (height - high) // 2)
    return Layout(left=left, top=top, wide=wide, high=high, rows=rows, columns=columns)


def framed(
    image: UInt8 | Planes, height: int, width: int, *, border: int = 0, corner: bool = False
) -> tuple[UInt8, Float32, Float32]:
    """The whole image, its shape kept, in a picture of another size; of planes only so many pixels are converted.

    It lies in the middle, or with ``corner`` at the left and top; the rest is ``border``. Returns the picture uint8
    [height, width, 3], and scale and offset, float32 [2] each: a point p of the image is p * scale + offset there.
    """
    layout = laid_out(image.shape, height, width, corner=corner)
    left, top, wide, high = layout.left, layout.top, layout.wide, layout.high
    picture = np.full((height, width, 3), border, np.uint8)
    inside = picture[top : top + high, left : left + wide]
    if isinstance(image, Planes):
        small = [_resized(plane, wide, high) for plane in (image.y, image.u, image.v)]
        pixels = np.empty(3 * wide * high, np.uint8)
        to_rgb(small[0], small[1], small[2], image.coefficients, pixels)
        inside[:] = pixels.reshape(high, wide, 3)
    else:
        cv2.resize(image, (wide, high), dst=inside, interpolation=cv2.INTER_LINEAR)
    return picture, layout.scale, layout.offset


def _resized(plane: UInt8, wide: int, high: int) -> UInt8:
    return cv2.resize(plane, (wide, high), interpolation=cv2.INTER_LINEAR).reshape(-1)  # type: ignore[return-value]
