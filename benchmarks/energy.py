"""What the machine's processors took from the mains, where Linux tells: the powercap interface (RAPL), root only."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

_COUNTERS = Path("/sys/class/powercap")
_PACKAGES = "intel-rapl:?"  # AMD's too; the domains below them (cores, memory) are parts of the same


def counters(folder: Path = _COUNTERS) -> dict[Path, int]:
    """Microjoules counted so far by each processor package; empty where none can be read."""
    found = {}
    for package in sorted(folder.glob(_PACKAGES)):
        try:
            found[package] = int((package / "energy_uj").read_text())
        except (OSError, ValueError):
            continue
    return found


def joules_since(before: Mapping[Path, int], folder: Path = _COUNTERS) -> float | None:
    """Joules of all packages since ``before``, of the whole machine; None where none can be read.

    A counter begins anew at ``max_energy_range_uj``, after about a minute under load at the soonest: of what takes
    longer, whole rounds are missing.
    """
    now = counters(folder)
    total = 0
    for package in before.keys() & now.keys():
        spent = now[package] - before[package]
        if spent < 0:
            try:
                spent += int((package / "max_energy_range_uj").read_text())
            except (OSError, ValueError):
                return None
        total += spent
    return total / 1e6 if before.keys() & now.keys() else None
