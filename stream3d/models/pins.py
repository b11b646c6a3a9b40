"""Which files the store knows, and what they must be, byte for byte."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from stream3d.errors import SettingsError

SOURCE = "mediapipe==0.10.21"
LICENCE = "Apache-2.0"


@dataclass(frozen=True, kw_only=True, slots=True)
class Pin:
    """One file: its ``size_bytes`` and ``sha256``; ``member`` is where the wheel holds it ("" for the wheel)."""

    name: str
    file: str
    member: str
    size_bytes: int
    sha256: str

    def fits(self, data: bytes) -> bool:
        """Whether ``data`` are the pinned bytes."""
        return len(data) == self.size_bytes and hashlib.sha256(data).hexdigest() == self.sha256


WHEEL = Pin(
    name="wheel",
    file="mediapipe-0.10.21-cp311-cp311-manylinux_2_28_x86_64.whl",
    member="",
    size_bytes=35_622_638,
    sha256="05dc4a9e593655a79558d05d6227d31018c2537a4bd3362b51e230cf22aecfe3",
)
PINS = (
    Pin(
        name="blazepose-detector",
        file="pose_detection.tflite",
        member="mediapipe/modules/pose_detection/pose_detection.tflite",
        size_bytes=2_959_046,
        sha256="9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
    ),
    Pin(
        name="blazepose-landmark",
        file="pose_landmark_full.tflite",
        member="mediapipe/modules/pose_landmark/pose_landmark_full.tflite",
        size_bytes=6_440_512,
        sha256="e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
    ),
)
NAMES = tuple(pin.name for pin in PINS)
"""Names of the models in the store."""


def pin_of(name: str) -> Pin:
    """The pin called ``name``; SettingsError if there is none."""
    for pin in PINS:
        if pin.name == name:
            return pin
    raise SettingsError(f"no model is called {name!r}; there are {', '.join(NAMES)}")


def sha256_of(name: str) -> str:
    """The pinned SHA-256 of the model called ``name``, without touching any file."""
    return pin_of(name).sha256
