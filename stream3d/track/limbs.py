"""Limbs that two poses have in common: given to whom they fit, unseen on the other."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stream3d.kernels import limbs as kernels
from stream3d.track.body import Body
from stream3d.track.motion import Motions

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]

_MISFIT = 5.0  # squared deviation from which a joint is not this person's
_BETTER = 0.5  # and the other's must be below this share of it


def settle(motions: Motions, bones: Float64, rows: Int64, steps: Float64, keypoints: Float32, body: Body) -> Float32:
    """Poses [P, J, 3] of ``rows`` [P] with joints that belong to somebody else unseen (NaN, score 0).

    ``bones`` [N, L] are everybody's greatest lengths of limbs, ``steps`` [P] seconds since the rows were last seen.

    Where a joint of one pose lies on the like joint of another although their trunks are apart, it is the one's whose
    expected place and length of limb it fits; if it fits both, they do meet there and both keep it.
    """
    if len(rows) < 2:
        return keypoints
    met = kernels.meetings(motions.filters, rows, keypoints, body.trunk, body.joints, body.kinds)
    if not met:
        return keypoints
    off = kernels.misfits(motions.filters, steps, rows, keypoints, bones, (body.joints, body.roots)).tolist()
    out = keypoints.copy()
    for i, a, j, b in met:
        mine, theirs = off[i][a], off[j][b]
        if max(mine, theirs) > _MISFIT and min(mine, theirs) < _BETTER * max(mine, theirs):
            row, limb = (i, body.limbs[a]) if mine > theirs else (j, body.limbs[b])
            out[row, limb.lost, :2], out[row, limb.lost, 2] = np.nan, 0.0
    return out
