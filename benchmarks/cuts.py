"""Cutting streams at random, and saying when they were gone and when they were back."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field

from benchmarks.live_log import Cut
from tests.live_servers import RtspServer

KINDS = ("killed", "frozen", "silent")
"""The server's process is killed and started again; it is stopped and goes on; it runs and sends no pictures."""


@dataclass(kw_only=True)
class Cutter:
    """Cuts one server's only mount every ``every_s`` (least, most) seconds, each time for ``for_s``."""

    source: int
    server: RtspServer
    mount: str
    every_s: tuple[float, float]
    for_s: tuple[float, float]
    random: random.Random
    cuts: list[Cut] = field(default_factory=list)
    _next: float = 0.0
    _back: float = 0.0
    _kind: str = ""
    _began: float = 0.0

    def begin(self) -> None:
        """From now on."""
        self._next = time.monotonic() + self.random.uniform(*self.every_s)

    def tick(self) -> None:
        """Cut it, or let it be back, if that is due."""
        now = time.monotonic()
        if self._kind and now >= self._back:
            self.restore()
        elif not self._kind and now >= self._next:
            self.cut(self.random.choice(KINDS))
            self._back = self._began + self.random.uniform(*self.for_s)

    def cut(self, kind: str) -> None:
        """Cut it now."""
        self._kind, self._began = kind, time.monotonic()
        if kind == "killed":
            self.server.kill()
        elif kind == "frozen":
            self.server.freeze()
        else:
            self.server.set(self.mount, silent=1)

    def restore(self) -> None:
        """Let it be back now; the cut ends when it can be connected to again."""
        if not self._kind:
            return
        if self._kind == "killed":
            self.server.start()
        elif self._kind == "frozen":
            self.server.thaw()
        else:
            self.server.set(self.mount, silent=0)
        back = time.monotonic()
        self.cuts.append(Cut(source=self.source, kind=self._kind, began=self._began, back=back))
        self._kind = ""
        self._next = back + self.random.uniform(*self.every_s)
