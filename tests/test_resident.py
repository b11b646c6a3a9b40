"""What is given back after the start: pages that nobody has written to, and nothing else."""

from __future__ import annotations

import mmap
import subprocess
import sys
from pathlib import Path

import pytest

from stream3d.pipeline.resident import unwritten

SMAPS = b"""\
7f2000000000-7f2000100000 r--p 00000000 08:01 11    /site/llvmlite/binding/libllvmlite.so
Rss:                 400 kB
Anonymous:             0 kB
AnonHugePages:         0 kB
7f2000100000-7f2000200000 r-xp 00100000 08:01 11    /site/llvmlite/binding/libllvmlite.so
Rss:                1024 kB
Anonymous:             0 kB
7f2000200000-7f2000280000 r--p 00200000 08:01 11    /site/llvmlite/binding/libllvmlite.so
Rss:                 512 kB
Anonymous:            24 kB
7f2000280000-7f2000290000 rw-p 00280000 08:01 11    /site/llvmlite/binding/libllvmlite.so
Anonymous:             0 kB
7f2000290000-7f20002a0000 rw-p 00000000 00:00 0
Anonymous:            64 kB
7f2000300000-7f2000400000 r--p 00000000 08:01 12    /site/llvmlite/binding/weights.bin
Anonymous:             0 kB
7f2000400000-7f2000500000 r-xp 00000000 08:01 13    /site/other/libllvmlite.so
Anonymous:             0 kB
"""


def test_only_what_is_of_the_library_and_was_never_written_is_given_back() -> None:
    assert list(unwritten(SMAPS, (b"/site/llvmlite/",))) == [
        (0x7F2000000000, 0x7F2000100000),
        (0x7F2000100000, 0x7F2000200000),
    ]


GIVEN_BACK = """
import numba
from stream3d.pipeline.resident import let_go

def mb():
    lines = open("/proc/self/smaps").read().splitlines()
    begins = [k for k, line in enumerate(lines) if "libllvmlite" in line]
    return sum(int(next(line for line in lines[k:] if line.startswith("Rss:")).split()[1]) for k in begins) / 1000

half = numba.njit(lambda x: x / 2)
assert half(4.0) == 2.0
before = mb()
let_go()
print(before, mb())
assert half(5.0) == 2.5
assert numba.njit(lambda x: x + 1)(1) == 2  # the compiler still works
"""


@pytest.mark.skipif(
    not Path("/proc/self/smaps").is_file() or not hasattr(mmap, "MADV_DONTNEED"), reason="done on Linux alone"
)
def test_the_compiler_is_given_back_and_comes_again_when_it_is_called() -> None:
    done = subprocess.run([sys.executable, "-c", GIVEN_BACK], capture_output=True, text=True, timeout=120, check=True)
    before, after = map(float, done.stdout.split())
    assert before > 20
    assert after < 5
