"""Left and right bones as long as each other. Arrays in, arrays out; ``stream3d.lift.bones`` says why."""

from __future__ import annotations

import math

import numba
import numpy as np
import numpy.typing as npt

from stream3d.skeleton import H36M17

Float32 = npt.NDArray[np.float32]

_PARENTS = np.array([parent for parent, _ in H36M17.bones])
_CHILDREN = np.array([child for _, child in H36M17.bones])
_TWINS = np.array([_CHILDREN.tolist().index(H36M17.mirror[child]) for child in _CHILDREN])
_SHORTEST_M = 1e-6


@numba.njit(cache=True, nogil=True, error_model="numpy")
def even(joints: Float32, out: Float32) -> None:
    """``joints`` [P, 17, 3] with mirror bones of one length into ``out``; bones stand parents first."""
    bones, length = np.empty((len(_CHILDREN), 3)), np.empty(len(_CHILDREN))
    for p in range(len(joints)):
        for bone in range(len(_CHILDREN)):
            for axis in range(3):
                bones[bone, axis] = joints[p, _CHILDREN[bone], axis] - joints[p, _PARENTS[bone], axis]
            length[bone] = math.sqrt((bones[bone] * bones[bone]).sum())
        out[p, 0] = joints[p, 0]
        for bone in range(len(_CHILDREN)):
            factor = (length[bone] + length[_TWINS[bone]]) / max(2 * length[bone], _SHORTEST_M)
            for axis in range(3):
                out[p, _CHILDREN[bone], axis] = out[p, _PARENTS[bone], axis] + factor * bones[bone, axis]
