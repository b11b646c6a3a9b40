"""What bodies are bound by. Arrays in, arrays out; ``stream3d.lift.body`` says what they mean and why."""

from __future__ import annotations

import math

import numba
import numpy as np
import numpy.typing as npt

from stream3d.skeleton import H36M17

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

BONES = len(H36M17.bones)
_PARENTS = np.array([parent for parent, _ in H36M17.bones])
_CHILDREN = np.array([child for _, child in H36M17.bones])
_TWINS = np.array([_CHILDREN.tolist().index(H36M17.mirror[child]) for child in _CHILDREN])
_SHORTEST_M = 1e-6


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _lengths(joints: Float32, own: Float64, even: Float64) -> None:
    """Lengths [16] of the bones of ``joints`` [17, 3], each side's own and the mean of both sides."""
    for bone in range(BONES):
        square = 0.0
        for axis in range(3):
            square += (joints[_CHILDREN[bone], axis] - joints[_PARENTS[bone], axis]) ** 2
        own[bone] = math.sqrt(square)
    for bone in range(BONES):
        even[bone] = (own[bone] + own[_TWINS[bone]]) / 2


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _rebuilt(joints: Float32, own: Float64, lengths: Float64, out: Float32) -> None:
    """The pose with bones of other ``lengths``; bones stand parents first."""
    out[0] = joints[0]
    for bone in range(BONES):
        a, b = _PARENTS[bone], _CHILDREN[bone]
        factor = lengths[bone] / max(own[bone], _SHORTEST_M)
        for axis in range(3):
            out[b, axis] = out[a, axis] + factor * (joints[b, axis] - joints[a, axis])


@numba.njit(cache=True, nogil=True, error_model="numpy")
def even(joints: Float32, out: Float32) -> None:
    """``joints`` [P, 17, 3] with mirror bones of one length into ``out``."""
    own, both = np.empty(BONES), np.empty(BONES)
    for p in range(len(joints)):
        _lengths(joints[p], own, both)
        _rebuilt(joints[p], own, both, out[p])


@numba.njit(cache=True, nogil=True, error_model="numpy")
def settle(
    joints: Float32,
    move: Float32,
    sigma: Float32,
    keep: tuple[float, float],
    state: tuple[Float64, Float64],
    out: Float32,
) -> None:
    """One person's ``joints`` [17, 3] after their steadied ``move`` [17, 2], with the bones of the body, into ``out``.

    Of the ``state``, which changes, the move before [17, 2] and sums [2, 16] of weighted lengths and of weights; of
    both the shares ``keep`` are kept from before.
    """
    moved, sums = state
    for j in range(len(joints)):
        out[j] = joints[j]
        for axis in range(2):
            moved[j, axis] = keep[0] * moved[j, axis] + (1 - keep[0]) * move[j, axis]
            out[j, axis] += moved[j, axis]
    own, lengths = np.empty(BONES), np.empty(BONES)
    _lengths(out, own, lengths)
    for bone in range(BONES):
        weight = 1 / max(sigma[_CHILDREN[bone]] ** 2, _SHORTEST_M)
        sums[0, bone] = keep[1] * sums[0, bone] + weight * lengths[bone]
        sums[1, bone] = keep[1] * sums[1, bone] + weight
    for bone in range(BONES):
        twin = _TWINS[bone]
        lengths[bone] = (sums[0, bone] + sums[0, twin]) / (sums[1, bone] + sums[1, twin])
    _rebuilt(out.copy(), own, lengths, out)
