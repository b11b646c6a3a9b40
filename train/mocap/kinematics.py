"""Rotations and forward kinematics, vectorised over time."""

from __future__ import annotations

import numpy as np

from train.mocap.motion import Float64


def axis_rotation(axis: str, angle: Float64) -> Float64:
    """Right-handed rotations [..., 3, 3] by ``angle`` [...] radians about ``x``, ``y`` or ``z``."""
    i, j = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    out = np.zeros((*np.shape(angle), 3, 3))
    out[..., range(3), range(3)] = 1.0
    out[..., i, i] = out[..., j, j] = np.cos(angle)
    out[..., j, i] = np.sin(angle)
    out[..., i, j] = -out[..., j, i]
    return out


def euler(axes: str, angles: Float64) -> Float64:
    """Product [..., 3, 3] of rotations by ``angles`` [..., n] radians about ``axes``, the first one leftmost.

    >>> euler("zx", np.array([np.pi / 2, 0.0])).round(1)[0].tolist()
    [0.0, -1.0, 0.0]
    """
    out = np.broadcast_to(np.eye(3), (*angles.shape[:-1], 3, 3))
    for place, axis in enumerate(axes):
        out = out @ axis_rotation(axis, angles[..., place])
    return out


def forward(root: Float64, rotations: Float64, offsets: Float64, parents: tuple[int, ...]) -> Float64:
    """Positions [T, J, 3] of a tree in which each joint's offset turns with ``rotations`` [T, J, 3, 3] of its own.

    ``joint = joint of parent + rotations[joint] @ offsets[joint]``; parents come before their children; the root stands
    at ``root`` [T, 3].
    """
    out = np.empty((*rotations.shape[:2], 3))
    out[:, 0] = root
    for joint, parent in enumerate(parents[1:], start=1):
        out[:, joint] = out[:, parent] + rotations[:, joint] @ offsets[joint]
    return out
