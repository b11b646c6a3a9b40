"""Damage to bytes: what a broken disk, a broken link or somebody with a plan would do to a file.

Everything follows from the random generator that is passed in, so a seed names its damage for good.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

_EXTREMES = (0, 1, 2, 7, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)
_NAMES = re.compile(rb"[A-Za-z0-9 ]{4}")
_HEAD = 512  # where headers lie, at either end of a file

Mutator = Callable[[random.Random, bytearray, bytes], None]


def _at(rng: random.Random, data: bytearray) -> int:
    """A place: half of the time anywhere, else in the first or last bytes, where headers are."""
    if rng.random() < 0.5 or len(data) <= 2 * _HEAD:
        return rng.randrange(len(data))
    place = int(_HEAD * rng.random() ** 2)
    return place if rng.random() < 0.7 else len(data) - 1 - place


def _span(rng: random.Random, data: bytearray) -> tuple[int, int]:
    """The ends of a stretch; short ones are more frequent."""
    start = _at(rng, data)
    return start, min(len(data), start + 1 + int(rng.random() ** 3 * len(data) / 4))


def flip_bits(rng: random.Random, data: bytearray, _: bytes) -> None:
    """One to 64 bits."""
    for _ in range(1 << rng.randrange(7)):
        data[_at(rng, data)] ^= 1 << rng.randrange(8)


def set_bytes(rng: random.Random, data: bytearray, _: bytes) -> None:
    """A few bytes to values at the edge of a range."""
    for _ in range(1 << rng.randrange(5)):
        data[_at(rng, data)] = rng.choice((0, 1, 0x7F, 0x80, 0xFE, 0xFF))


def overwrite(rng: random.Random, data: bytearray, _: bytes) -> None:
    """A stretch by zeros, ones or noise."""
    start, end = _span(rng, data)
    filler = rng.choice((bytes(end - start), b"\xff" * (end - start), rng.randbytes(end - start)))
    data[start:end] = filler


def truncate(rng: random.Random, data: bytearray, _: bytes) -> None:
    """The rest is missing."""
    del data[_at(rng, data) + 1 :]


def remove(rng: random.Random, data: bytearray, _: bytes) -> None:
    """A stretch is missing."""
    start, end = _span(rng, data)
    if end - start < len(data):
        del data[start:end]


def double(rng: random.Random, data: bytearray, _: bytes) -> None:
    """A stretch comes twice, or many times if it is short."""
    start, end = _span(rng, data)
    times = rng.choice((1, 1, 2, 16)) if end - start < 4096 else 1
    data[end:end] = bytes(data[start:end]) * times


def swap(rng: random.Random, data: bytearray, _: bytes) -> None:
    """Two stretches change places."""
    first, second = sorted((_span(rng, data), _span(rng, data)))
    if first[1] <= second[0]:
        one, other = bytes(data[slice(*first)]), bytes(data[slice(*second)])
        data[second[0] : second[1]] = one
        data[first[0] : first[1]] = other


def insert(rng: random.Random, data: bytearray, _: bytes) -> None:
    """Noise between."""
    data[(at := _at(rng, data)) : at] = rng.randbytes(1 + int(64 * rng.random() ** 2))


def extreme_number(rng: random.Random, data: bytearray, _: bytes) -> None:
    """Any two, four or eight bytes become a number at the edge of its range."""
    size, order = rng.choice((2, 4, 4, 8)), rng.choice(("big", "little"))
    at, number = _at(rng, data), rng.choice(_EXTREMES)
    if at + size <= len(data):
        data[at : at + size] = (number & ((1 << 8 * size) - 1)).to_bytes(size, order)  # type: ignore[arg-type]


def wrong_length(rng: random.Random, data: bytearray, _: bytes) -> None:
    """What looks like the length of a box (MP4) or chunk (AVI) lies by little, by much, or is at an edge."""
    places = lengths(bytes(data))
    if not places:
        return extreme_number(rng, data, b"")
    at, order = rng.choice(places)
    length = int.from_bytes(data[at : at + 4], order)  # type: ignore[arg-type]
    lie = rng.choice((length - 1, length + 1, length * 2, length // 2, length + len(data), *_EXTREMES))
    data[at : at + 4] = (lie & 0xFFFFFFFF).to_bytes(4, order)  # type: ignore[arg-type]
    return None


def splice(rng: random.Random, data: bytearray, other: bytes) -> None:
    """The beginning of one file and the end of another, or a stretch of the other within."""
    start, end = _span(rng, data)
    if rng.random() < 0.5:
        data[start:] = other[int(len(other) * start / len(data)) :]
    else:
        at = rng.randrange(len(other))
        data[start:end] = other[at : at + end - start]


MUTATORS: tuple[Mutator, ...] = (
    *(flip_bits, set_bytes, overwrite, truncate, remove, double, swap, insert),
    *(extreme_number, wrong_length, wrong_length, splice),
)


def lengths(data: bytes) -> list[tuple[int, str]]:
    """Where 32-bit lengths beside four-letter names lie, and their byte order."""
    found = []
    for match in _NAMES.finditer(data):
        at = match.start()
        if at >= 4 and 8 <= int.from_bytes(data[at - 4 : at], "big") <= len(data):
            found.append((at - 4, "big"))
        if at + 8 <= len(data) and 0 < int.from_bytes(data[at + 4 : at + 8], "little") <= len(data):
            found.append((at + 4, "little"))
    return found


def mutated(rng: random.Random, data: bytes, others: Sequence[bytes]) -> tuple[bytes, list[str]]:
    """``data`` with one to four kinds of damage, and their names."""
    work, done = bytearray(data), []
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 4))):
        if not work:
            break
        mutator = rng.choice(MUTATORS)
        mutator(rng, work, rng.choice(others))
        done.append(mutator.__name__)
    return bytes(work), done
