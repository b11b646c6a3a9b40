"""A file that grows by whole pieces: after any failure, and after a kill, what it holds is readable."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import BinaryIO

from stream3d.errors import SinkError

if sys.platform != "win32":
    import fcntl


def cannot_write(path: Path, error: OSError) -> SinkError:
    """The one wording for an output that cannot be opened or written: what, where, why."""
    if isinstance(error, FileNotFoundError):
        return SinkError(f"cannot write {path}: the folder {path.parent} does not exist; create it first")
    return SinkError(f"cannot write {path}: {error.strerror or error}")


def lock(file: BinaryIO, *, shared: bool = False) -> bool:
    """Take an advisory lock that dies with the process; False when another process holds it."""
    if sys.platform == "win32":
        return True  # Windows already refuses to replace a file that is open
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # a file system without locks
    return True


def in_use(path: Path) -> bool:
    """Whether another process, or another sink of this one, is writing the file."""
    try:
        with path.open("rb") as file:
            return not lock(file, shared=True)
    except OSError:
        return False  # what cannot even be read is for the opening to complain about


def open_locked(path: Path) -> BinaryIO:
    """An empty file to write without a buffer, locked against other processes until it is closed.

    Raises:
        SinkError: the file cannot be opened, or another process is writing it.
    """
    try:
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666), "r+b", 0)
    except OSError as error:
        raise cannot_write(path, error) from error
    if not lock(file):
        file.close()
        raise SinkError(f"cannot write {path}: another process is writing it")
    file.truncate(0)
    return file


class AppendFile:
    """Truncates ``path``, then appends pieces without a buffer, so a killed process has lost nothing it appended.

    The file always ends with ``tail`` (a closing bracket, say): each piece is written over it and puts it back.

    Raises:
        SinkError: the file cannot be opened, or another process is writing it.
    """

    def __init__(self, path: Path, *, head: bytes = b"", tail: bytes = b"") -> None:
        self.path = path
        self._tail = tail
        self._end = 0  # where the next piece goes; the tail follows
        self._file = open_locked(path)
        try:
            self.append(head)
        except OSError:
            self._file.close()
            raise

    def append(self, piece: bytes) -> None:
        """Write ``piece`` whole, or leave the file as it was.

        Raises:
            SinkError: the disk is full, or the file is gone or closed.
        """
        if self._file.closed:
            raise SinkError(f"cannot write {self.path}: it has been closed")
        try:
            self._put(piece + self._tail)
        except OSError as error:
            self._roll_back()
            raise cannot_write(self.path, error) from error
        self._end += len(piece)

    def close(self) -> None:
        """Close the file; idempotent."""
        self._file.close()

    def _put(self, data: bytes) -> None:
        self._file.seek(self._end)
        rest = memoryview(data)
        while rest:  # a nearly full disk takes a part first and says so only at the next try
            rest = rest[self._file.write(rest) or 0 :]

    def _roll_back(self) -> None:
        try:
            self._put(self._tail)  # lies within what the file already holds, so it needs no new space
            self._file.truncate(self._end + len(self._tail))
        except OSError:  # the disk itself has failed; readers of these formats bear a torn end
            return
