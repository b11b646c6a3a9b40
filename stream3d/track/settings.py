"""What a user can say about following people."""

from __future__ import annotations

from dataclasses import dataclass

from stream3d.errors import SettingsError


@dataclass(frozen=True, kw_only=True, slots=True)
class TrackSettings:
    """How identity is kept, all in seconds of media time.

    Somebody out of sight for up to ``memory_s`` gets the same id back on return near where they were expected, the
    farther off the longer they were away and the more alike they look. While somebody else stands before them, they are
    looked for where they should be for ``hidden_s``. A newcomer is told apart from a ghost by being seen for
    ``birth_s``, one that is hardly visible or looks odd also by moving or by being found again and again; whoever the
    detector has not confirmed for ``doubt_s`` although it looked at least ``doubt_looks`` times is a ghost, unless
    ``sure_visibility`` (the net's visibility and presence, less what no body can do) says otherwise.

    Raises:
        SettingsError: a negative value.
    """

    memory_s: float = 5.0
    hidden_s: float = 1.5
    birth_s: float = 0.15
    doubt_s: float = 1.5
    doubt_looks: int = 3
    sure_visibility: float = 0.8

    def __post_init__(self) -> None:
        for name in ("memory_s", "hidden_s", "birth_s", "doubt_s", "doubt_looks", "sure_visibility"):
            if getattr(self, name) < 0:
                raise SettingsError(f"{name} must not be negative, but is {getattr(self, name)}")
