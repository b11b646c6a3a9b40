"""What the detector shall answer for a person: a box, the hips' middle, and a point of the circle round the body.

The last two are what BlazePose's landmark net takes its region from (see ``stream3d.pose2d.regions``): the circle round
the hips through the farthest part of the whole body, and its point in the direction from hips to shoulders.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]

LABEL = 9
"""Numbers per person: box x0, y0, x1, y1, hips x, y, circle x, y in pixels, and how far those points are believed."""

_HEAD, _SHOULDERS, _HIPS, _KNEES, _ANKLES = slice(0, 5), slice(5, 7), slice(11, 13), slice(13, 15), slice(15, 17)
# Lengths in trunks (hips' to shoulders' middle), of a standing adult; COCO marks neither crown nor toes.
_CROWN, _FOOT, _REACH = 0.45, 0.3, 1.8


def people_of(boxes: Float32, keypoints: Float32, known: npt.NDArray[np.bool_]) -> Float32:
    """Labels float32 [M, 9] from boxes [M, 4], COCO's keypoints [M, 17, 3] = x, y, v, and whether there are any."""
    out = np.zeros((len(boxes), LABEL), np.float32)
    out[:, :4] = boxes
    for row, (box, points) in enumerate(zip(boxes, keypoints, strict=True)):
        out[row, 4:] = (_by_joints(points) if known[row] else None) or _by_box(box)
    return out


def _middle(points: Float32, which: slice) -> npt.NDArray[np.float64] | None:
    seen = points[which][points[which, 2] > 0, :2]
    return seen.mean(0, dtype=np.float64) if len(seen) else None


def _by_joints(points: Float32) -> tuple[float, ...] | None:
    """Hips, circle and belief; None without shoulders, or where hips and shoulders coincide."""
    shoulders, head, hips, belief = _middle(points, _SHOULDERS), _middle(points, _HEAD), _middle(points, _HIPS), 1.0
    if shoulders is None:
        return None
    if hips is None:
        hips, belief = _hips_below(points, shoulders, head), 0.3
        if hips is None:
            return None
    trunk = float(np.hypot(*(shoulders - hips)))
    seen = points[points[:, 2] > 0, :2]
    if trunk < 1e-3 + 0.05 * float(np.ptp(seen, axis=0).max()):
        return None
    reach = [float(np.hypot(*(seen - hips).T).max())]
    if head is not None:
        reach.append(float(np.hypot(*(head - hips))) + _CROWN * trunk)
    ankles = points[_ANKLES][points[_ANKLES, 2] > 0, :2]
    if len(ankles):
        reach.append(float(np.hypot(*(ankles - hips).T).max()) + _FOOT * trunk)
    else:
        reach.append(_REACH * trunk)  # the circle is of the whole body, also where the picture ends above the knees
        belief = min(belief, 0.5)
    top = hips + (shoulders - hips) / trunk * max(reach)
    return (*hips.tolist(), *top.tolist(), belief)


def _hips_below(
    points: Float32, shoulders: npt.NDArray[np.float64], head: npt.NDArray[np.float64] | None
) -> npt.NDArray[np.float64] | None:
    """Where the hips should be, by the width of shoulders and the length of the neck."""
    both = bool((points[_SHOULDERS, 2] > 0).all())
    if head is None or not both:
        return None
    neck = shoulders - head
    length = float(np.hypot(*neck))
    wide = float(np.hypot(*(points[_SHOULDERS][0, :2] - points[_SHOULDERS][1, :2])))
    if length < 0.1 * wide or length < 1e-3:
        return None
    below: npt.NDArray[np.float64] = shoulders + neck / length * max(1.3 * wide, 2.0 * length)
    return below


def _by_box(box: Float32) -> tuple[float, ...]:
    """For an upright box a person standing in it, hardly believed; for any other nothing but the place."""
    wide, high = float(box[2] - box[0]), float(box[3] - box[1])
    x, y = float(box[0]) + wide / 2, float(box[1]) + high / 2
    return x, y, x, y - 0.52 * max(wide, high), 0.1 if high > 1.5 * wide else 0.0
