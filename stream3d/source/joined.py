"""The pictures of one session after the other, as of one source."""

from __future__ import annotations

import time
from dataclasses import replace

from stream3d.source.info import SourceCounts
from stream3d.source.isolated import Shot
from stream3d.values import Frame

_LEAST_GAP_S = 1e-3


class Joined:
    """Makes frames of what readers give: indices go on, counts add up, and media time goes on over a gap.

    The first picture of a session lies as far after the last one as the monotonic clock says that they were captured
    apart, whatever the stream's own stamps begin with.
    """

    def __init__(self, shown: str) -> None:
        self._shown = shown
        self.counts = SourceCounts()
        self._before = SourceCounts()  # of the sessions that are over
        self._offset_s = 0.0
        self._last: tuple[float, float] | None = None  # media time and capture of the last picture
        self.session_at: float | None = None
        """When the first picture of this session came (monotonic seconds); None between two."""

    @property
    def begun(self) -> bool:
        """Whether any picture has come."""
        return self._last is not None

    def frame(self, shot: Shot) -> Frame:
        """The next frame."""
        header = shot.header
        if self.session_at is None:
            self.session_at = time.monotonic()
            if self._last is not None:
                last_s, last_at = self._last
                self._offset_s = last_s + max(header.captured_at - last_at, _LEAST_GAP_S) - header.time_s
        self._add(header.counts)
        self._last = header.time_s + self._offset_s, header.captured_at
        return Frame(
            source_id=self._shown,
            index=self.counts.read,
            pts=self._last[0],
            captured_at=header.captured_at,
            image=shot.picture,
            corrupt=header.corrupt,
        )

    def end_session(self) -> None:
        """What comes next is of another reader."""
        self.session_at = None
        self._before = replace(self.counts)

    def _add(self, counts: SourceCounts) -> None:
        before = self._before
        self.counts.corrupt = before.corrupt + counts.corrupt
        self.counts.skipped = before.skipped + counts.skipped
        self.counts.repaired = before.repaired + counts.repaired
