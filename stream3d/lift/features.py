"""What the lifter net sees: a window of centred, size-normalised rays. Pure arrays, shared by training and run time.

Each frame is seen by a virtual camera that looks at the person's root (perspective centring, so that where the person
stands in the picture changes nothing), in units of the body's apparent size over the window.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stream3d.kernels import windows
from stream3d.kernels.windows import BONE_A, BONE_B, BONE_M
from stream3d.nets.lifter_shape import FEATURES, WINDOW

__all__ = ["BONE_A", "BONE_B", "BONE_M", "FEATURES", "WINDOW", "Bool", "Float32"]
__all__ += ["apparent_size", "root_rays", "size_of", "window_features"]

Float32 = npt.NDArray[np.float32]
Bool = npt.NDArray[np.bool_]

_ZOOM = 17 * 3 + 1


def plain(array: npt.NDArray[Any], dtype: type[np.generic]) -> npt.NDArray[Any]:
    """The array as the kernels know it: for any other kind they would be compiled again, in the middle of a stream."""
    return np.require(array, dtype, ["C_CONTIGUOUS", "ALIGNED", "WRITEABLE"])


def root_rays(rays: Float32, seen: Bool) -> Float32:
    """Where the root appears, float32 [..., 2], from ``rays`` [..., 17, 2] of which ``seen`` [..., 17] are known.

    The mean of both hips; else the pelvis, one hip, a guess below the shoulders, the mean of what is seen, and 0 where
    nothing is.
    """
    out = np.empty((rays.size // 34, 2), np.float32)
    windows.roots(plain(rays, np.float32).reshape(-1, 17, 2), plain(seen, np.bool_).reshape(-1, 17), out)
    return out.reshape(*rays.shape[:-2], 2)


def apparent_size(rays: Float32, seen: Bool) -> Float32:
    """How large one metre of the body appears, float32 [B], from a window of ``rays`` [B, T, 17, 2].

    The sum of all seen bones' lengths over the sum of their usual lengths: it barely moves when limbs go unseen.
    """
    out = np.empty(len(rays), np.float32)
    windows.sizes(plain(rays, np.float32), plain(seen, np.bool_), out)
    return out


def size_of(features: Float32, lookahead: int = 0) -> Float32:
    """The apparent size float32 [B], rays per metre, that the features [B, 27, 55] of a window were divided by."""
    return np.asarray(np.exp(features[:, -1 - lookahead, _ZOOM]) / 4, np.float32)


def window_features(
    rays: Float32, confidence: Float32, time: npt.NDArray[np.float64], lookahead: int = 0
) -> tuple[Float32, Float32]:
    """The net's input, and how to undo the centring.

    ``rays`` float32 [B, 27, 17, 2] in h36m17 order, oldest first; ``confidence`` float32 [B, 27, 17] in 0..1, where 0
    or a NaN ray means not seen; ``time`` float64 [B, 27] seconds. A frame in which nothing is seen counts as no frame.
    The answered frame has ``lookahead`` frames after it, of which the last may be no frames: the person has left.
    Returns features float32 [B, 27, 55] and, of the answered frame, ``virtual_from_camera`` float32 [B, 3, 3].
    Per frame: 17 × (x, y, confidence), seconds since the frame before × 10, log apparent size over the window, the root
    as the answered frame's virtual camera sees it (x, y).
    """
    count, frames = rays.shape[:2]
    out = np.zeros((count, frames, FEATURES), np.float32), np.empty((count, 3, 3), np.float32)
    given = plain(rays, np.float32), plain(confidence, np.float32), plain(time, np.float64)
    windows.features(*given, frames - 1 - lookahead, out)
    return out


def warm() -> None:
    """Compile the kernel, or load it from the cache, so that the first frame need not wait."""
    window_features(np.zeros((1, 1, 17, 2), np.float32), np.zeros((1, 1, 17), np.float32), np.zeros((1, 1)))
