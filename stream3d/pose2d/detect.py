"""People in a whole picture: BlazePose's detector at several sizes, with suppression across them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

from stream3d.engine import Engine
from stream3d.nets.blazepose import anchors as anchors_of
from stream3d.planes import Planes
from stream3d.pose2d.crops import framed
from stream3d.pose2d.glance import Glance, Glancer, Glances
from stream3d.pose2d.protocol import Found, nobody_found
from stream3d.pose2d.regions import regions_from_points, same_person

Float32 = npt.NDArray[np.float32]
UInt8 = npt.NDArray[np.uint8]

_OVERLAP = 0.3  # IoU above which two boxes are one person (MediaPipe's NonMaxSuppression, WEIGHTED)

_SHARES = (0.5625, 0.75)  # short side over long side of the shapes that have an engine, besides the square
_STRIDE = 32
anchors = cache(anchors_of)


class BlazePoseDetector:
    """Looks at a whole picture at several sizes; a `PersonDetector`.

    ``engine_for`` (height, width) gives the engine of an input of that shape; ``sizes`` are the longer sides in
    pixels. The input takes the shape of the picture, roughly: a wide picture in a square would be nearly half border.
    Furniture scores just above 0.5, so that a newcomer needs more. ``glancer`` shrinks pictures; by default the CPU.
    """

    takes_planes = True

    def __init__(
        self,
        engine_for: Callable[[int, int], Engine],
        *,
        sizes: Sequence[int],
        min_score: float = 0.6,
        confirm_score: float = 0.4,
        glancer: Glancer | None = None,
    ) -> None:
        self.sizes = tuple(sorted(sizes))
        self.min_score, self.confirm_score = min_score, min(min_score, confirm_score)
        self._glances = Glances(engine_for, glancer)
        self.uploads = self._glances.uploads

    def __call__(self, image: UInt8 | Planes) -> Found:
        """Find people in ``image``: uint8 [H, W, 3] RGB, or planes."""
        return self.together([image])[0]

    def together(self, images: Sequence[UInt8 | Planes]) -> list[Found]:
        """Find people in each of ``images``; those of one shape are looked at in one call of the net."""
        by_size = [
            self._glances(images, [input_shape(image.shape[1], image.shape[0], size) for image in images])
            for size in self.sizes
        ]
        return [self._found(image, glances) for image, *glances in zip(images, *by_size, strict=True)]

    def _found(self, image: UInt8 | Planes, glances: Sequence[Glance]) -> Found:
        candidates = [self._candidates(image, glance) for glance in glances]
        merged = weighted_nms(np.concatenate(candidates), _OVERLAP)
        if not len(merged):
            return nobody_found()
        regions = regions_from_points(merged[:, 4:6], merged[:, 6:8])
        keep: list[int] = []
        for row in range(len(regions)):
            if not keep or not same_person(regions[row], regions[keep]).any():
                keep.append(row)
        return Found(regions=regions[keep], scores=merged[keep, -1])

    def describe(self) -> dict[str, str]:
        """The engine it runs on, once one was needed, and the shapes of its inputs."""
        return self._glances.describe()

    def _candidates(self, image: UInt8 | Planes, glance: Glance) -> Float32:
        """float32 [N, 9] = box x0, y0, x1, y1, hips x, y, circle x, y in image pixels, score."""
        shape, scores = glance.shape, glance.scores
        scale = min(shape[0] / image.shape[0], shape[1] / image.shape[1])
        rows = np.flatnonzero(scores >= self.confirm_score)
        raw = glance.boxes[rows]
        centre = anchors(*shape)[rows] * np.array(shape[::-1], np.float32)
        middle, half = raw[:, 0:2] + centre, raw[:, 2:4] / 2
        points = np.concatenate([middle - half, middle + half, raw[:, 4:6] + centre, raw[:, 6:8] + centre], 1)
        points = (points - np.tile(glance.offset.astype(np.int64), 4)) / scale
        return np.concatenate([points, scores[rows, None]], 1).astype(np.float32)


def input_shape(width: int, height: int, size: int) -> tuple[int, int]:
    """(height, width) of the detector's input for a picture, multiples of 32 with ``size`` as the longer side.

    Few shapes only, since each is an engine to build: about 1:1, 4:3 and 16:9, lying or upright.

    >>> input_shape(1920, 1080, 448), input_shape(480, 640, 224), input_shape(640, 600, 224)
    ((256, 448), (224, 192), (224, 224))
    """
    share = min(width, height) / max(width, height)
    fitting = next((s for s in _SHARES if share <= s), 1.0)
    short = min(size, math.ceil(size * fitting / _STRIDE) * _STRIDE)
    return (short, size) if width >= height else (size, short)


def letterbox(image: UInt8 | Planes, height: int, width: int) -> tuple[UInt8, float, int, int]:
    """The image shrunk into a black frame: picture uint8 [height, width, 3], scale, left and top border."""
    picture, _, (left, top) = framed(image, height, width)
    return picture, min(height / image.shape[0], width / image.shape[1]), int(left), int(top)


def weighted_nms(candidates: Float32, overlap: float) -> Float32:
    """Weighted non-maximum suppression (Bazarevsky et al. 2019, "BlazeFace", section 4).

    ``candidates`` float32 [N, D] begin with x0, y0, x1, y1 and end with the score; each group that overlaps its best
    by more than ``overlap`` becomes its score-weighted mean with the best's score. Returns float32 [M, D], best
    first.
    """
    rest = candidates[np.argsort(-candidates[:, -1], kind="stable")]
    merged = []
    while len(rest):
        together = iou(rest[0, :4], rest[:, :4]) > overlap
        together[0] = True
        mean = np.average(rest[together], axis=0, weights=rest[together, -1])
        mean[-1] = rest[0, -1]
        merged.append(mean)
        rest = rest[~together]
    return np.array(merged, np.float32).reshape(-1, candidates.shape[1])


def iou(box: Float32, boxes: Float32) -> Float32:
    """Intersection over union of ``box`` [4] with ``boxes`` [N, 4], all x0, y0, x1, y1."""
    low, high = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
    common = np.prod(np.clip(high - low, 0, None), axis=1)
    area, areas = np.prod(box[2:] - box[:2]), np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    result: Float32 = common / np.maximum(area + areas - common, 1e-9)
    return result
