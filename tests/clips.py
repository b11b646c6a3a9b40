"""Small video clips and images made on the spot, whose every frame says which one it is."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

WIDTH, HEIGHT = 128, 96
_BIT = WIDTH // 8
CORNERS = {"left": (200, 50, 50), "right": (50, 60, 200)}  # RGB of the lower half


def picture(number: int, *, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """uint8 [H, W, 3] RGB: ``number`` in eight black and white blocks along the top, red and blue halves below."""
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    for bit in range(8):
        image[:32, bit * _BIT : (bit + 1) * _BIT] = 235 if number >> bit & 1 else 20
    image[32:, : WIDTH // 2] = CORNERS["left"]
    image[32:, WIDTH // 2 :] = CORNERS["right"]
    rows = np.arange(height) * HEIGHT // height
    columns = np.arange(width) * WIDTH // width
    return image[rows][:, columns]


def number_of(image: np.ndarray) -> int:
    """The number that ``picture`` wrote into an upright image of any size."""
    height, width = image.shape[:2]
    blocks = [image[height // 6, int((bit + 0.5) * width / 8)].mean() for bit in range(8)]
    return sum(1 << bit for bit, value in enumerate(blocks) if value > 128)


def colours_of(image: np.ndarray) -> dict[str, np.ndarray]:
    """The mean RGB in the middle of the two lower halves."""
    height, width = image.shape[:2]
    low = image[height * 2 // 3 : height * 5 // 6].astype(float)
    return {
        "left": low[:, width // 8 : width * 3 // 8].mean((0, 1)),
        "right": low[:, width * 5 // 8 : width * 7 // 8].mean((0, 1)),
    }


def write_clip(
    path: Path,
    codec: str = "libx264",
    *,
    pts: list[int] | range = range(12),
    rate: int = 10,
    options: dict[str, str] | None = None,
    pix_fmt: str = "yuv420p",
    size: tuple[int, int] = (WIDTH, HEIGHT),
    rotation: int = 0,
    audio: bool = False,
) -> Path:
    """Frame n shows ``picture(n)`` at ``pts[n] / rate`` seconds, to be shown turned left by ``rotation`` degrees."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, options=options or {})
        stream.width, stream.height, stream.pix_fmt = *size, pix_fmt
        stream.codec_context.time_base = Fraction(1, rate)
        if rotation:
            stream.set_display_rotation(rotation)
        sound = container.add_stream("aac", rate=8000, layout="mono") if audio else None
        for number, stamp in enumerate(pts):
            frame = av.VideoFrame.from_ndarray(picture(number, width=size[0], height=size[1]), "rgb24")
            frame.pts, frame.time_base = stamp, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if sound is not None:
            container.mux([*sound.encode(_silence()), *sound.encode(None)])
    return path


def write_sound(path: Path) -> Path:
    """An audio file without any picture."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000, layout="mono")
        container.mux([*stream.encode(_silence()), *stream.encode(None)])
    return path


def _silence() -> av.AudioFrame:
    frame = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.float32), format="fltp", layout="mono")
    frame.sample_rate, frame.pts = 8000, 0
    return frame


_IMAGE_ENCODERS = {
    ".jpg": ("mjpeg", "yuvj444p"),
    ".png": ("png", "rgb24"),
    ".bmp": ("bmp", "bgr24"),
    ".tiff": ("tiff", "rgb24"),
    ".webp": ("libwebp", "yuv420p"),
}


def write_image(path: Path, image: np.ndarray, *, orientation: int | None = None, pix_fmt: str | None = None) -> Path:
    """An image file in the format of its ending; a JPEG may get an EXIF ``orientation``."""
    codec, default = _IMAGE_ENCODERS[path.suffix]
    context = av.CodecContext.create(codec, "w")
    context.width, context.height = image.shape[1], image.shape[0]
    context.pix_fmt, context.time_base = pix_fmt or default, Fraction(1, 25)
    frame = av.VideoFrame.from_ndarray(image, "rgb24").reformat(format=context.pix_fmt)
    data = b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)])
    path.write_bytes(data if orientation is None else data[:2] + _exif(orientation) + data[2:])
    return path


def _exif(orientation: int) -> bytes:
    entry = struct.pack(">HHIHH", 0x0112, 3, 1, orientation, 0)
    block = b"Exif\0\0MM\0*" + struct.pack(">IH", 8, 1) + entry + bytes(4)
    return b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block
