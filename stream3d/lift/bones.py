"""What is known of everybody's bones: left and right ones are as long as each other."""

from __future__ import annotations

import numpy as np

from stream3d.lift.features import Float32
from stream3d.skeleton import H36M17

_PARENTS = np.array([parent for parent, _ in H36M17.bones])
_CHILDREN = np.array([child for _, child in H36M17.bones])
_TWINS = np.array([_CHILDREN.tolist().index(H36M17.mirror[child]) for child in _CHILDREN])


def _chains() -> Float32:
    """Float32 [17, 16]: 1 where a bone lies between the root and a joint."""
    out = np.zeros((H36M17.size, len(H36M17.bones)), np.float32)
    for bone, (parent, child) in enumerate(H36M17.bones):
        out[child] = out[parent]
        out[child, bone] = 1
    return out


_CHAINS = _chains()


def even_sided(joints: Float32) -> Float32:
    """``joints`` float32 [..., 17, 3] with mirror bones of one length, the mean of the two.

    The root and the directions of all bones stay. A net errs on each side by itself, so that the mean of both lengths
    is nearer the truth than either.
    """
    bones = joints[..., _CHILDREN, :] - joints[..., _PARENTS, :]
    length = np.sqrt(np.square(bones).sum(-1, keepdims=True))
    factor = (length + length[..., _TWINS, :]) / np.maximum(2 * length, np.float32(1e-6))
    return np.asarray(joints[..., :1, :] + _CHAINS @ (bones * factor), np.float32)
