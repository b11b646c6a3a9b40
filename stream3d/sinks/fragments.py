"""The file under a fragmented MP4: when the disk is full it ends after the last whole fragment, and plays."""

from __future__ import annotations

import os
from pathlib import Path

from stream3d.errors import SinkError
from stream3d.trackfile import cannot_write, open_locked


class FragmentFile:
    """What the muxer writes to.

    FFmpeg's muxer does not bear a failing file: it leaves gaps, and can crash at the end. So it is never told: the
    first failure cuts the file back to whole fragments and is kept in ``error``, and what comes after goes nowhere.

    Raises:
        SinkError: the file cannot be opened, or another process is writing it.
    """

    def __init__(self, path: Path) -> None:
        self.error: SinkError | None = None
        self._path = path
        self._file = open_locked(path)
        self._at = 0
        self._size = 0

    def write(self, data: bytes) -> int:
        """Write at the present position."""
        if self.error is None:
            try:
                self._put(data)
            except OSError as error:
                self.error = cannot_write(self._path, error)
                self._cut()
        self._at += len(data)
        self._size = max(self._size, self._at)
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a position, as if all that was written were there."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        """The present position."""
        return self._at

    def close(self) -> None:
        """Close the file; idempotent."""
        self._file.close()

    def _put(self, data: bytes) -> None:
        self._file.seek(self._at)
        rest = memoryview(data)
        while rest:  # a nearly full disk takes a part first and says so only at the next try
            rest = rest[self._file.write(rest) or 0 :]

    def _cut(self) -> None:
        """Keep the header and the whole fragments."""
        at = end = 0
        length = self._file.seek(0, os.SEEK_END)
        while at + 16 <= length:
            self._file.seek(at)
            head = self._file.read(16)
            size = int.from_bytes(head[8:16] if head[:4] == b"\0\0\0\1" else head[:4])
            at += size
            if size < 8 or at > length:
                break
            end = at if head[4:8] in (b"ftyp", b"moov", b"mdat") else end
        try:
            self._file.truncate(end)
        except OSError:  # the disk itself has failed
            return
