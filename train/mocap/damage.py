"""Whatever goes wrong inside a reader of motion files, as one kind of error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from stream3d.errors import TrackFileError

MOST_JOINTS = 1024
MOST_PLACES = 1 << 24
"""Frames times joints that one file may hold: an hour of 60 joints at 70 frames a second, 4 GB while read."""


@contextmanager
def told_as(what: str) -> Iterator[None]:
    """Raise what damaged numbers and names lead to as a TrackFileError that says which file's."""
    try:
        yield
    except (ValueError, LookupError, ArithmeticError, TypeError) as error:
        if isinstance(error, TrackFileError):
            raise
        raise TrackFileError(f"this {what} is damaged: {error!r}") from error


def check_size(what: str, frames: int, joints: int) -> None:
    """Refuse what a small file may claim but nobody has captured, before memory is taken for it.

    Raises:
        TrackFileError: more than MOST_JOINTS, or more than MOST_PLACES together.
    """
    if joints > MOST_JOINTS or frames * joints > MOST_PLACES:
        raise TrackFileError(
            f"this {what} has {frames} frames of {joints} joints; at most {MOST_JOINTS} joints and {MOST_PLACES} of"
            " both multiplied are read"
        )
