"""Per-frame cost once everything is warm, measured from inside the process.

Runs in the peer's environment too: standard library only, any Python from 3.9 on.
"""

from __future__ import annotations

import json
import time


class Steady:
    """Call ``tick`` after each result; the first ``warm_up`` of them are start-up."""

    def __init__(self, warm_up: int = 10) -> None:
        self._warm_up = warm_up
        self.frames = 0
        self.with_people = 0
        self.first_cpu_s: float | None = None
        self.first_person_at: float | None = None
        self._from = self._to = (0.0, 0.0)

    def tick(self, *, people: bool = False) -> None:
        """One more result; ``people`` says whether anybody was in it."""
        self.frames += 1
        self.with_people += people
        if people and self.first_person_at is None:
            self.first_person_at, self.first_cpu_s = time.time(), time.process_time()
        if self.frames > self._warm_up:
            self._to = time.process_time(), time.perf_counter()
        else:
            self._from = self._to = time.process_time(), time.perf_counter()

    def as_dict(self) -> dict[str, object]:
        """CPU (user and system, all threads) and wall milliseconds per frame after the warm-up."""
        measured = self.frames - self._warm_up
        if measured < 1:
            raise SystemExit(f"{self.frames} frames are too few for a warm-up of {self._warm_up}")
        cpu_s, wall_s = self._to[0] - self._from[0], self._to[1] - self._from[1]
        return {
            "frames": self.frames,
            "frames_with_people": self.with_people,
            "measured_frames": measured,
            "cpu_ms_per_frame": 1e3 * cpu_s / measured,
            "wall_ms_per_frame": 1e3 * wall_s / measured,
            "first_person_at": self.first_person_at,
            "first_person_cpu_s": self.first_cpu_s,
        }

    def say(self) -> None:
        """Print the figures as one line of JSON."""
        print(json.dumps(self.as_dict()))
