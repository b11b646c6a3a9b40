"""People in a whole picture: BlazePose's detector at several sizes, with suppression across them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from stream3d.engine import Engine
from stream3d.nets.blazepose import anchors
from stream3d.pose2d.regions import no_regions, regions_from_points, same_person

Float32 = npt.NDArray[np.float32]
UInt8 = npt.NDArray[np.uint8]

_OVERLAP = 0.3  # IoU above which two boxes are one person (MediaPipe's NonMaxSuppression, WEIGHTED)


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """People found by the detector: ``regions`` float32 [R, 4] (see regions.py), ``scores`` float32 [R], best first."""

    regions: Float32
    scores: Float32


def nobody_found() -> Found:
    """No region at all."""
    return Found(regions=no_regions(), scores=np.zeros(0, np.float32))


class Detector:
    """Runs the detector at the given sizes; ``engines`` maps the side of the square input to its engine."""

    def __init__(self, engines: Mapping[int, Engine], *, min_score: float = 0.5) -> None:
        self.sizes = tuple(sorted(engines))
        self._engines = dict(engines)
        self._anchors = {size: anchors(size, size) for size in engines}
        self._min_score = min_score

    def __call__(self, image: UInt8, sizes: tuple[int, ...] | None = None) -> Found:
        """Find people in ``image`` uint8 [H, W, 3] RGB, at ``sizes`` or at all there are."""
        candidates = [self._candidates(image, size) for size in (sizes or self.sizes)]
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
        """The engine it runs on, and its input sizes."""
        return {**self._engines[self.sizes[0]].describe(), "sizes": ", ".join(map(str, self.sizes))}

    def _candidates(self, image: UInt8, size: int) -> Float32:
        """float32 [N, 9] = box x0, y0, x1, y1, hips x, y, circle x, y in image pixels, score."""
        picture, scale, left, top = letterbox(image, size)
        out = self._engines[size](image=picture[None])
        scores = out["scores"][0]
        rows = np.flatnonzero(scores >= self._min_score)
        raw, centre = out["boxes"][0][rows] / size, self._anchors[size][rows]
        middle, half = raw[:, 0:2] + centre, raw[:, 2:4] / 2
        points = np.concatenate([middle - half, middle + half, raw[:, 4:6] + centre, raw[:, 6:8] + centre], 1) * size
        points = (points - np.tile([left, top], 4)) / scale
        return np.concatenate([points, scores[rows, None]], 1).astype(np.float32)


def letterbox(image: UInt8, size: int) -> tuple[UInt8, float, int, int]:
    """The image shrunk into a black square: picture uint8 [size, size, 3], scale, left and top border."""
    height, width = image.shape[:2]
    scale = size / max(height, width)
    wide, high = max(1, round(width * scale)), max(1, round(height * scale))
    left, top = (size - wide) // 2, (size - high) // 2
    picture = np.zeros((size, size, 3), np.uint8)
    cv2.resize(image, (wide, high), dst=picture[top : top + high, left : left + wide], interpolation=cv2.INTER_LINEAR)
    return picture, scale, left, top


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
