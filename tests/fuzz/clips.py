"""What is damaged: one small file of every container, codec and image format that is opened, the same on every run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from tests.clips import write_image
from tests.fakes import white_people

WIDTH, HEIGHT, FRAMES, RATE = 160, 120, 25, 25


@dataclass(frozen=True, kw_only=True, slots=True)
class _Kind:
    """``file`` tells the container by its ending; ``rotation`` in degrees; ``odd`` sizes are no multiple of two.

    ``format`` names the container where the ending does not."""

    file: str
    codec: str
    pix_fmt: str = "yuv420p"
    options: dict[str, str] = field(default_factory=dict)
    container: dict[str, str] = field(default_factory=dict)
    rotation: int = 0
    audio: bool = False
    odd: bool = False
    format: str | None = None


_QUICK = {"preset": "ultrafast"}
_B_FRAMES = _QUICK | {"x264-params": "bframes=2:b-adapt=0:cabac=1:keyint=8"}
_KINDS = (
    _Kind(file="h264.mp4", codec="libx264", options=_B_FRAMES),
    _Kind(file="h264-turned-sound.mp4", codec="libx264", options=_QUICK, rotation=90, audio=True),
    _Kind(
        file="h264-pieces.mp4", codec="libx264", options=_B_FRAMES, container={"movflags": "frag_keyframe+empty_moov"}
    ),
    _Kind(file="h264.flv", codec="libx264", options=_QUICK),
    _Kind(file="h264.ts", codec="libx264", options=_B_FRAMES),
    _Kind(file="mpeg2.ts", codec="mpeg2video", options={"g": "8", "bf": "2"}),
    _Kind(file="hevc.mkv", codec="libx265", options=_QUICK | {"x265-params": "keyint=8:log-level=none:pools=1"}),
    _Kind(file="h264-444.mkv", codec="libx264", pix_fmt="yuv444p", options=_QUICK, odd=True),
    _Kind(file="vp8.webm", codec="libvpx", options={"deadline": "realtime", "cpu-used": "8"}),
    _Kind(file="vp9.webm", codec="libvpx-vp9", options={"deadline": "realtime", "cpu-used": "8"}),
    _Kind(file="av1.mkv", codec="libsvtav1", options={"preset": "12", "svtav1-params": "lp=1"}),
    _Kind(file="mjpeg.avi", codec="mjpeg", pix_fmt="yuvj420p"),
    _Kind(file="mpeg4.avi", codec="mpeg4", options={"g": "8"}),
    _Kind(file="mjpeg.mov", codec="mjpeg", pix_fmt="yuvj422p", rotation=180, container={"movflags": "faststart"}),
    _Kind(file="mjpeg.mjpg", codec="mjpeg", pix_fmt="yuvj420p", format="mpjpeg"),
    _Kind(file="pal8.gif", codec="gif", pix_fmt="rgb8"),
)
_IMAGES = ("still.jpg", "still.png", "still.webp", "still.bmp", "still.tiff")


def write_corpus(folder: Path) -> list[Path]:
    """Write every file into ``folder``; their order is always the same."""
    os.environ.setdefault("SVT_LOG", "0")  # the AV1 encoder speaks to the terminal past everybody
    for kind in _KINDS:
        _write(folder / kind.file, kind)
    for name in _IMAGES:
        write_image(folder / name, _picture(3), orientation=6 if name.endswith(".jpg") else None)
    return [folder / name for name in (*(kind.file for kind in _KINDS), *_IMAGES)]


def _picture(index: int) -> np.ndarray:
    """uint8 [H, W, 3]: people for the stand-in detector over a background that codecs have to work for."""
    people = white_people(WIDTH, HEIGHT, 20 + 2 * index, 110)
    rng = np.random.default_rng(index)
    return np.maximum(people, rng.integers(0, 60, (HEIGHT // 8, WIDTH // 8, 3), np.uint8).repeat(8, 0).repeat(8, 1))


def _write(path: Path, kind: _Kind) -> None:
    # bit-exact: no versions, dates or random identifiers in the file
    with av.open(str(path), "w", kind.format, container_options=kind.container | {"fflags": "+bitexact"}) as container:
        stream = container.add_stream(kind.codec, rate=RATE, options=dict(kind.options))
        stream.width, stream.height, stream.pix_fmt = WIDTH - kind.odd, HEIGHT - kind.odd, kind.pix_fmt
        stream.codec_context.time_base = Fraction(1, RATE)
        stream.codec_context.thread_count = 1
        if kind.rotation:
            stream.set_display_rotation(kind.rotation)
        sound = container.add_stream("aac", rate=8000, layout="mono") if kind.audio else None
        for frame in _frames(kind):
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if sound is not None:
            container.mux([*sound.encode(_tone()), *sound.encode(None)])


def _frames(kind: _Kind) -> Iterator[av.VideoFrame]:
    for index in range(FRAMES):
        picture = np.ascontiguousarray(_picture(index)[: HEIGHT - kind.odd, : WIDTH - kind.odd])
        frame = av.VideoFrame.from_ndarray(picture, "rgb24")
        frame.pts, frame.time_base = index, Fraction(1, RATE)
        yield frame


def _tone() -> av.AudioFrame:
    wave = np.sin(np.arange(4096, dtype=np.float32) / 9)[None]
    frame = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
    frame.sample_rate, frame.pts = 8000, 0
    return frame
