"""What a user can say about finding people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from stream3d.errors import SettingsError

BLAZEPOSE, OURS = "blazepose", "stream3d"
"""Nets by name: BlazePose's as MediaPipe has them, and those that were trained here."""

PEOPLE = ("1", "few", "crowd")


@dataclass(frozen=True, kw_only=True, slots=True)
class PoseSettings:
    """How people are found.

    The detector looks at the whole picture every ``detect_every_s`` seconds of media time while everybody is followed
    (up to three times as long while nothing changes but where they are), every ``search_every_s`` while nobody is in
    sight, and at once when somebody was lost. ``detector`` and ``keypoints`` are ``stream3d``, ``blazepose``, or files
    of the user's own (docs/nets.md). ``sizes`` are the longer sides in pixels of the pictures that the first two look
    at; larger ones find smaller people and cost by the square.
    With BlazePose's detector a newcomer needs a score of ``min_score``, whoever is followed already only
    ``confirm_score``; its landmark net must say ``min_presence``. Other nets have their own thresholds.

    ``people`` says how many to expect, and so chooses ``sizes``, ``max_people`` and ``detect_every_s`` where they have
    their defaults: ``1`` looks seldom and small, ``crowd`` at tiles of the picture too. ``min_height`` is that of the
    smallest people to be found, as a share of the picture's longer side; below what the detector finds in the whole
    picture it looks at tiles.

    Raises:
        SettingsError: a value outside its range.
    """

    detector: str = OURS
    keypoints: str = OURS
    people: Literal["1", "few", "crowd"] = "few"
    min_height: float | None = None
    min_score: float = 0.6
    confirm_score: float = 0.4
    min_presence: float = 0.5
    detect_every_s: float = 0.35
    search_every_s: float = 0.2
    sizes: tuple[int, ...] = ()
    max_people: int = 16

    def __post_init__(self) -> None:
        for name in ("min_score", "confirm_score", "min_presence"):
            if not 0.0 < getattr(self, name) <= 1.0:
                raise SettingsError(f"{name} must be within (0, 1], not {getattr(self, name)}")
        for name in ("detect_every_s", "search_every_s"):
            if getattr(self, name) < 0:
                raise SettingsError(f"{name} must not be negative, but is {getattr(self, name)}")
        if any(size < 32 or size % 32 for size in self.sizes):
            raise SettingsError(f"detector sizes must be multiples of 32, not {self.sizes}")
        if not self.detector or not self.keypoints:
            raise SettingsError(f"detector and keypoints must be {OURS!r}, {BLAZEPOSE!r} or a file, not an empty name")
        if self.people not in PEOPLE:
            raise SettingsError(f"people must be one of {', '.join(PEOPLE)}, not {self.people!r}")
        if self.min_height is not None and not 0.0 < self.min_height <= 1.0:
            raise SettingsError(f"min_height must be a share within (0, 1], not {self.min_height}")
        if self.max_people < 1:
            raise SettingsError(f"max_people must be at least 1, not {self.max_people}")
