"""Where a root-relative skeleton stands in camera space."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stream3d.kernels import standing as kernel
from stream3d.kernels.standing import FARTHEST_M, NEAREST_M
from stream3d.lift.features import Bool, Float32, plain

__all__ = ["FARTHEST_M", "NEAREST_M", "Sight", "standing"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Sight:
    """What was seen of the people of a frame, in h36m17 order.

    ``rays`` float32 [..., 17, 2], finite also where unseen; ``confidence`` float32 [..., 17], 0 = unseen; ``trusted``
    bool [..., 17], the seen joints that mean the same place in 2D and 3D.
    """

    rays: Float32
    confidence: Float32
    trusted: Bool


def standing(joints: Float32, sigma: Float32, sight: Sight, size: Float32, noise_m: float) -> tuple[Float32, Float32]:
    """The people in camera space, float32 [P, 17, 3] metres, and how far their joints should still move, [P, 17, 2].

    ``joints`` [P, 17, 3] are relative to the pelvis in camera axes, ``sigma`` [P, 17] theirs, ``size`` [P] the apparent
    size in rays per metre, ``noise_m`` what keypoints are off by at the body; without it the pelvis, whose sigma is
    next to nothing, would decide alone where a person stands.

    *Where they stand* is a weighted least squares fit against the rays (Mehta et al. 2017, "Monocular 3D Human Pose
    Estimation In The Wild", section 4.3), a few times over, in which a joint off its ray counts less (Cauchy weights).
    It starts from medians, which stand where the fit gives no place in front of the camera: the depth over the bones of
    flat length over apparent length, or one over ``size`` where no bone is seen; the rest over the joints.

    *The moves*, metres in x and y, go towards the rays. The depth is the net's; across, net and keypoint are two
    measurements of one place and are weighed by their variances: the keypoint's is ``noise_m`` squared, the net's
    that of half its sigma, which is of the whole distance: most of that lies in depth. A joint far off its ray by
    both counts is a keypoint gone wrong and moves less. Only ``trusted`` joints move.
    """
    pose = plain(joints, np.float64), plain(sigma, np.float64)
    seen = plain(sight.rays, np.float64), plain(sight.confidence, np.float64), plain(sight.trusted, np.bool_)
    out = np.empty((len(joints), 17, 3), np.float32), np.empty((len(joints), 17, 2), np.float32)
    kernel.stand(pose, seen, plain(size, np.float64), float(noise_m), out)
    return out


def warm() -> None:
    """Compile the kernel, or load it from the cache, so that the first frame need not wait."""
    zero = np.zeros((1, 17), np.float32)
    sight = Sight(rays=np.zeros((1, 17, 2), np.float32), confidence=zero, trusted=zero > 0)
    standing(np.zeros((1, 17, 3), np.float32), zero, sight, np.ones(1, np.float32), 0.1)
