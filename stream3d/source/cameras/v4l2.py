"""What a camera on Linux offers, asked of its driver.

The requests and their structures are those of the kernel's ``videodev2.h``; they are the same on every architecture
that Python runs on here, since none of them holds a pointer.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import NamedTuple

from stream3d.source.cameras.modes import CameraMode

_QUERYCAP = 0x80685600
_ENUM_FMT = 0xC0405602
_ENUM_FRAMESIZES = 0xC02C564A
_ENUM_FRAMEINTERVALS = 0xC034564B
_SIZES = {_QUERYCAP: 104, _ENUM_FMT: 64, _ENUM_FRAMESIZES: 44, _ENUM_FRAMEINTERVALS: 52}

_CAPTURE, _DEVICE_CAPS = 0x1, 0x80000000
_DISCRETE = 1
_MOST = 256  # answers to one question; a driver that never ends is none

# The kernel's names of pixel formats, and FFmpeg's
_NAMES = {
    b"MJPG": "mjpeg",
    b"JPEG": "mjpeg",
    b"H264": "h264",
    b"HEVC": "hevc",
    b"YUYV": "yuyv422",
    b"UYVY": "uyvy422",
    b"NV12": "nv12",
    b"YU12": "yuv420p",
    b"RGB3": "rgb24",
    b"BGR3": "bgr24",
    b"BGR4": "bgr0",
    b"XR24": "bgr0",
    b"GREY": "gray",
}

Ask = Callable[[int, int, bytearray], object]


class Capability(NamedTuple):
    """The name that a driver gives its device, and whether pictures come from it."""

    name: str
    captures: bool


def capability(descriptor: int, ask: Ask) -> Capability:
    """What kind of device this is: the metadata that many cameras have beside their pictures captures none.

    ``ask`` is ``fcntl.ioctl``.

    Raises:
        OSError: it is no video device.
    """
    data = bytearray(_SIZES[_QUERYCAP])
    ask(descriptor, _QUERYCAP, data)
    whole, own = struct.unpack_from("=II", data, 84)
    return Capability(_text(data[16:48]), bool((own if whole & _DEVICE_CAPS else whole) & _CAPTURE))


def modes(descriptor: int, ask: Ask) -> Iterator[CameraMode]:
    """Every format, size and set of rates that a camera offers, in the order of its driver.

    A driver that tells a range of sizes gives its largest, and one of rates its highest.
    """
    for data in _answers(descriptor, ask, _ENUM_FMT, struct.pack("=I", _CAPTURE)):
        fourcc = bytes(data[44:48])
        name = _NAMES.get(fourcc, _text(fourcc).lower())
        for width, height in _sizes(descriptor, ask, fourcc):
            rates = sorted(set(_rates(descriptor, ask, fourcc + struct.pack("=II", width, height))), reverse=True)
            yield CameraMode(format=name, width=width, height=height, fps=tuple(rates))


def _sizes(descriptor: int, ask: Ask, fourcc: bytes) -> Iterator[tuple[int, int]]:
    for data in _answers(descriptor, ask, _ENUM_FRAMESIZES, fourcc):
        kind, *numbers = struct.unpack_from("=7I", data, 8)
        if kind != _DISCRETE:  # least width, largest width, step, least height, largest height, step
            yield numbers[1], numbers[4]
            return
        yield numbers[0], numbers[1]


def _rates(descriptor: int, ask: Ask, wanted: bytes) -> Iterator[float]:
    for data in _answers(descriptor, ask, _ENUM_FRAMEINTERVALS, wanted):
        kind, numerator, denominator = struct.unpack_from("=3I", data, 16)
        if numerator:
            yield round(denominator / numerator, 3)
        if kind != _DISCRETE:  # the shortest interval comes first
            return


def _answers(descriptor: int, ask: Ask, request: int, wanted: bytes) -> Iterator[bytearray]:
    """The answers 0, 1, 2, ... to a request about ``wanted``, up to the first that the driver refuses."""
    for index in range(_MOST):
        data = bytearray(_SIZES[request])
        struct.pack_into("=I", data, 0, index)
        data[4 : 4 + len(wanted)] = wanted
        try:
            ask(descriptor, request, data)
        except OSError:
            return
        yield data


def _text(data: bytes | bytearray) -> str:
    text = bytes(data).partition(b"\0")[0].decode("utf-8", "replace")
    return "".join(letter if letter.isprintable() else "?" for letter in text).strip()
