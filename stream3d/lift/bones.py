"""What is known of everybody's bones: left and right ones are as long as each other."""

from __future__ import annotations

import numpy as np

from stream3d.kernels import sides
from stream3d.lift.features import Float32, plain


def even_sided(joints: Float32) -> Float32:
    """``joints`` float32 [P, 17, 3] with mirror bones of one length, the mean of the two.

    The root and the directions of all bones stay. A net errs on each side by itself, so that the mean of both lengths
    is nearer the truth than either.
    """
    given = plain(joints, np.float32)
    out = np.empty_like(given)
    sides.even(given, out)
    return out


def warm() -> None:
    """Compile the kernel, or load it from the cache, so that the first frame need not wait."""
    even_sided(np.zeros((1, 17, 3), np.float32))
