"""Memory that only the start needed, given back to the system: on Linux, elsewhere nothing happens.

To load compiled kernels, and to compile nets, big libraries run through code that no frame needs: 70 MB of LLVM's, 30
MB of OpenVINO's and 30 MB of others' stay in memory. They are pages of files that nobody has written to. Given back,
they come again by themselves, from the system's cache of files, if their code is ever run again.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterator
from pathlib import Path

# What lies in these folders is never unloaded while Python runs, or, of OpenVINO, while engines live.
_PACKAGES = tuple(
    b"/site-packages/%s" % name
    for name in (b"llvmlite/", b"openvino/", b"cv2/", b"opencv_python_headless.libs/", b"av/", b"av.libs/", b"numpy")
)
_SMAPS = Path("/proc/self/smaps")
_MADV_DONTNEED = 4  # Linux's own number on all its machines that these libraries run on
_MAPPING = re.compile(rb"^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+ +(/.*)$", re.MULTILINE)
_WRITTEN = re.compile(rb"^Anonymous: +(\d+) kB$", re.MULTILINE)


def let_go() -> None:
    """Give back what of the libraries nobody has written to; they are loaded again page by page where they run.

    Whoever calls this holds the engines that were made: their library must not be unloaded meanwhile.
    """
    try:
        smaps = _SMAPS.read_bytes()
        madvise = ctypes.CDLL(None).madvise
    except (OSError, AttributeError, TypeError):
        return  # not Linux, or not allowed
    madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    for start, end in unwritten(smaps, _PACKAGES):
        madvise(start, end - start, _MADV_DONTNEED)


def unwritten(smaps: bytes, packages: tuple[bytes, ...]) -> Iterator[tuple[int, int]]:
    """Begins and ends of the mappings of libraries with one of ``packages`` in their path, as Linux's smaps lists them.

    Without those that can be written to, and those that were: what was linked at the start is in no file.
    """
    for mapping in _MAPPING.finditer(smaps):
        start, end, may, path = mapping.groups()
        if b"w" in may or b".so" not in path or not any(package in path for package in packages):
            continue
        written = _WRITTEN.search(smaps, mapping.end())
        if written is not None and written[1] == b"0":
            yield int(start, 16), int(end, 16)
