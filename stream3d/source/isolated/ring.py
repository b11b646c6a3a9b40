"""Shared memory for the newest pictures, written by one process and read by another, neither of which waits."""

from __future__ import annotations

import contextlib
import mmap
import os
import secrets
import struct
import sys
import tempfile
from typing import NamedTuple

import numpy as np

from stream3d.errors import SourceRefusedError
from stream3d.planes import Planes, UInt8

SLOTS = 4
BIGGEST_PIXELS = 8192 * 8192
_HEAD = mmap.PAGESIZE  # of each slot: the number of the picture that lies in it, 0 while it is being written
_NUMBER = struct.Struct("=Q")


class Ticket(NamedTuple):
    """What another process needs to find a ring: a descriptor that it inherits, or (Windows) a secret tag."""

    descriptor: int
    tag: str
    slot_bytes: int


class Ring:
    """Four slots for one picture each; the slot of picture ``number`` (1, 2, ...) is ``number`` modulo four.

    The memory is sparse: made for the biggest picture, it takes up only what the pictures that came have filled. A slot
    bears the number of its picture. Its writer strikes the number out before it starts over, and the reader looks at it
    before and after it copies: so the reader knows what it has lost, and the writer never waits.
    """

    def __init__(self, ticket: Ticket) -> None:
        self.ticket = ticket
        size = SLOTS * ticket.slot_bytes
        if sys.platform == "win32":
            self._map = mmap.mmap(-1, size, tagname=ticket.tag)
        else:
            self._map = mmap.mmap(ticket.descriptor, size)

    @classmethod
    def create(cls, max_pixels: int) -> Ring:
        """A new ring for pictures of up to ``max_pixels`` (and never more than ``BIGGEST_PIXELS``) in RGB."""
        pixels = min(max_pixels, BIGGEST_PIXELS)
        slot_bytes = _HEAD + -(-3 * pixels // mmap.PAGESIZE) * mmap.PAGESIZE
        if sys.platform == "win32":
            return cls(Ticket(-1, f"stream3d-{secrets.token_hex(16)}", slot_bytes))
        descriptor = _nameless(SLOTS * slot_bytes)
        try:
            return cls(Ticket(descriptor, "", slot_bytes))
        except BaseException:
            os.close(descriptor)
            raise

    def close(self) -> None:
        """Let go of the memory; it is gone with the last process that does."""
        self._map.close()
        if self.ticket.descriptor >= 0:
            os.close(self.ticket.descriptor)
            self.ticket = self.ticket._replace(descriptor=-1)

    def strike_out(self, number: int) -> None:
        """From here on nobody trusts what lies in the slot for picture ``number``."""
        _NUMBER.pack_into(self._map, self._at(number), 0)

    def write(self, number: int, picture: Planes | UInt8) -> None:
        """Lay down picture ``number``: y, u, v or RGB, without gaps. Its slot must have been struck out.

        Raises:
            SourceRefusedError: the picture is larger than a slot.
        """
        parts = (picture.y, picture.u, picture.v) if isinstance(picture, Planes) else (picture,)
        at, room = self._at(number) + _HEAD, self.ticket.slot_bytes - _HEAD
        if sum(part.size for part in parts) > room:
            high, wide, _ = picture.shape
            raise SourceRefusedError(f"a picture of {wide}x{high} is larger than the limit of {room // 3} pixels")
        for part in parts:
            np.copyto(np.frombuffer(self._map, np.uint8, part.size, at).reshape(part.shape), part)
            at += part.size
        _NUMBER.pack_into(self._map, self._at(number), number)

    def read(self, number: int, size: int) -> UInt8 | None:
        """A copy of the first ``size`` bytes of picture ``number``, uint8 [size]; None if it has been overwritten."""
        if not 0 < size <= self.ticket.slot_bytes - _HEAD or self._holds(number) != number:
            return None
        copy = np.frombuffer(self._map, np.uint8, size, self._at(number) + _HEAD).copy()
        return copy if self._holds(number) == number else None

    def _holds(self, number: int) -> int:
        held: int = _NUMBER.unpack_from(self._map, self._at(number))[0]
        return held

    def _at(self, number: int) -> int:
        return number % SLOTS * self.ticket.slot_bytes


def _nameless(size: int) -> int:
    """A descriptor of ``size`` bytes of memory that no file name leads to."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("stream3d-pictures")
    else:
        handle, name = tempfile.mkstemp(prefix="stream3d-")
        descriptor = handle
        with contextlib.suppress(OSError):
            os.unlink(name)  # noqa: PTH108
    os.truncate(descriptor, size)
    return descriptor
