"""The process that reads damaged files: a line with a seed in, a line of JSON out.

FFmpeg may crash it, hang it or fill its memory; whoever started it sees that, and knows by which seed.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import torch

from tests.fakes import fake_rooms
from tests.fuzz.trial import attempt, planned

if sys.platform != "win32":
    import resource

ADDRESS_SPACE = 12 << 30
"""Bytes; beyond them the system refuses memory. Torch alone maps several GiB that it never touches."""


def peak_mb() -> float:
    """Most memory that this process has held so far."""
    if sys.platform == "win32":
        return 0.0
    if sys.platform == "linux":  # where getrusage tells of the parent's peak too
        return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20)


def main() -> None:
    """Read the corpus in the folder that is named on the command line, then serve seeds until the input ends."""
    corpus = [Path(line) for line in json.loads(sys.argv[1])]
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    torch.set_num_threads(1)
    rooms = fake_rooms()
    with tempfile.TemporaryDirectory(prefix="stream3d-fuzz-") as folder:
        for line in sys.stdin:
            if line == "ready\n":  # asked once, before the first seed
                print("{}", flush=True)
                continue
            plan, data = planned(int(line), corpus)
            before = peak_mb()
            said = attempt(plan, data, Path(folder), rooms)
            print(json.dumps(said | {"peak_mb": peak_mb(), "rose_mb": peak_mb() - before}), flush=True)


if __name__ == "__main__":
    main()
