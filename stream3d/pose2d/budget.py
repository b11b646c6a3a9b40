"""How many people to look for, how small, and what that may cost: ``--people`` and ``--min-height``."""

from __future__ import annotations

import math
from dataclasses import fields, replace

from stream3d.errors import SettingsError
from stream3d.pose2d.settings import BLAZEPOSE, OURS, PoseSettings
from stream3d.pose2d.tiles import OVERLAP

SMALLEST = {BLAZEPOSE: 45, OURS: 40}
"""Pixels of its input below which people are looked for in larger pictures or tiles.

BlazePose's is 20 % of 224, where it was seen to lose people. Ours finds two of three people of 40 to 50 pixels on
validation photographs, and hardly every second of 30 to 40.
"""

_MOST_TILES = 8  # along the longer side

# of what differs from PoseSettings' defaults, which are those of "few"
_MODES: dict[str, dict[str, object]] = {
    "1": {"max_people": 1, "detect_every_s": 1.0},
    "few": {},
    "crowd": {"max_people": 64},
}
_SIZES: dict[str, dict[str, tuple[int, ...]]] = {
    BLAZEPOSE: {"1": (224,), "few": (224, 448), "crowd": (448,)},
    OURS: {"1": (256,), "few": (320,), "crowd": (448,)},
}
_LADDERS: dict[str, tuple[tuple[int, ...], ...]] = {
    BLAZEPOSE: ((224,), (224, 448), (448,)),
    OURS: ((256,), (320,), (384,), (448,)),
}
"""What is looked at for smaller and smaller people; the last with tiles, if it must be."""

_CROWD_HEIGHT = 0.06


def budgeted(settings: PoseSettings) -> PoseSettings:
    """The settings with what ``people`` and ``min_height`` ask for; a value that was set to another stays.

    >>> budgeted(PoseSettings(people="1")).sizes, budgeted(PoseSettings(people="1", sizes=(448,))).sizes
    ((256,), (448,))
    """
    wanted = dict(_MODES[settings.people])
    kind = settings.detector if settings.detector in _SIZES else BLAZEPOSE
    wanted["sizes"] = _SIZES[kind][settings.people]
    height = settings.min_height
    if height is None and settings.people == "crowd":
        wanted["min_height"] = _CROWD_HEIGHT
    elif height is not None and settings.people != "crowd":
        wanted["sizes"] = _sizes(kind, height)
    usual = {field.name: field.default for field in fields(PoseSettings)}
    changed = {name: value for name, value in wanted.items() if getattr(settings, name) == usual[name]}
    return replace(settings, **changed)  # type: ignore[arg-type] # the names are those of its fields


def _sizes(kind: str, height: float) -> tuple[int, ...]:
    """What the detector finds people of that height at; of tiles the largest size is enough."""
    ladder = _LADDERS[kind]
    return next((sizes for sizes in ladder if height * max(sizes) >= SMALLEST[kind]), ladder[-1])


def tiles_along(settings: PoseSettings, *, smallest: int, side: int) -> int:
    """Into how many tiles the longer side of a picture is cut for a detector to find people of ``min_height``.

    ``smallest`` is the height in pixels of its input, the longer side of which has ``side``, from which it finds them.

    Raises:
        SettingsError: that would be too many.

    >>> tiles_along(PoseSettings(min_height=0.1), smallest=45, side=448)
    2
    """
    if settings.min_height is None:
        return 1
    shrunk = smallest / (settings.min_height * side)  # how much larger the picture would have to be
    count = max(1, math.ceil((shrunk - OVERLAP) / (1 - OVERLAP)))
    if count > _MOST_TILES:
        raise SettingsError(
            f"--min-height {settings.min_height:g} would take {count} tiles along the picture with this detector; "
            f"at most {_MOST_TILES} are looked at"
        )
    return count
