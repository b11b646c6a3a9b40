"""What people look like: colours of the trunk and of the thighs, cheap enough for every pose."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from stream3d.kernels.appearance import BINS, histograms
from stream3d.planes import Planes
from stream3d.skeleton import Layout

Float32 = npt.NDArray[np.float32]
UInt8 = npt.NDArray[np.uint8]

_PARTS = 2
SIZE = _PARTS * BINS**3
# Corners round the trunk and round both thighs; the thighs of somebody seen from the side would have no width, so
# they are as wide as a part of their length.
_TRUNK = ("left_shoulder", "right_shoulder", "right_hip", "left_hip")
_THIGHS = ("left_hip", "right_hip", "right_knee", "left_knee")
_WIDTH = 0.3  # least width over length
_NO_IMAGE, _NO_PLANE, _NO_GAINS = np.zeros((0, 0, 3), np.uint8), np.zeros((0, 0), np.uint8), np.zeros(6, np.int32)


def appearance(image: UInt8 | Planes, keypoints: Float32, layout: Layout) -> Float32:
    """float32 [P, 128]: what the people of ``keypoints`` [P, J, 3] in ``image`` (RGB, or planes) look like.

    Two parts, each a root histogram of colour over 64 bins, together of unit length: the scalar product with another's
    is how alike two people are, 0..1 (mean Bhattacharyya coefficient). Zeros for a part that lies outside the picture.
    """
    corners = np.ascontiguousarray(keypoints[:, _corners(layout), :2], np.float32)
    out = np.empty((len(corners) * _PARTS, SIZE // _PARTS), np.float32)
    quadrilaterals = corners.reshape(-1, 4, 2)
    if isinstance(image, Planes):
        histograms(_NO_IMAGE, (image.y, image.u, image.v), image.coefficients, quadrilaterals, _WIDTH, out)
    else:
        histograms(image, (_NO_PLANE, _NO_PLANE, _NO_PLANE), _NO_GAINS, quadrilaterals, _WIDTH, out)
    out *= _PARTS**-0.5
    return out.reshape(len(corners), SIZE)


@cache
def _corners(layout: Layout) -> npt.NDArray[np.int64]:
    """int64 [2, 4]."""
    return np.array([[layout.names.index(name) for name in names] for names in (_TRUNK, _THIGHS)])
