"""Which way up a JPEG file was taken."""

from __future__ import annotations

import struct

Matrix = tuple[int, int, int, int]

_ORIENTATION_TAG = 0x0112
_SHORT = 3
# EXIF 2.3, tag 274: how the stored picture has to be turned, as the a, b, c, d of a display matrix.
_MATRICES: dict[int, Matrix] = {
    2: (-1, 0, 0, 1),
    3: (-1, 0, 0, -1),
    4: (1, 0, 0, -1),
    5: (0, 1, 1, 0),
    6: (0, 1, -1, 0),
    7: (0, -1, -1, 0),
    8: (0, -1, 1, 0),
}


def jpeg_matrix(data: bytes) -> Matrix | None:
    """The display matrix that a JPEG's EXIF orientation asks for, None where it is upright or does not say."""
    at = 2
    try:
        while data[at] == 0xFF and data[at + 1] != 0xDA:  # up to the start of the scan
            marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
            if marker == 0xE1 and data[at + 4 : at + 10] == b"Exif\0\0":
                return _MATRICES.get(_orientation(data[at + 10 : at + 2 + length]))
            at += 2 + length
    except (IndexError, struct.error):  # a damaged header says nothing
        pass
    return None


def _orientation(tiff: bytes) -> int:
    """The orientation 1..8 in an EXIF block, 1 where it has none."""
    order = "<" if tiff[:2] == b"II" else ">"
    (directory,) = struct.unpack_from(f"{order}I", tiff, 4)
    (entries,) = struct.unpack_from(f"{order}H", tiff, directory)
    for entry in range(directory + 2, directory + 2 + 12 * entries, 12):
        tag, kind, _, value = struct.unpack_from(f"{order}HHIH", tiff, entry)
        if tag == _ORIENTATION_TAG and kind == _SHORT:
            return int(value)
    return 1
