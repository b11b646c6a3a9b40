"""Any detector on a picture and on overlapping tiles of it: small people cost by their number no more than by area."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from stream3d.pose2d.protocol import Found, PersonDetector
from stream3d.pose2d.regions import MARGIN, same_person
from stream3d.pose2d.together import look_together

Float32 = npt.NDArray[np.float32]
UInt8 = npt.NDArray[np.uint8]

OVERLAP = 0.25  # of a tile with the next: whoever is smaller lies in one of them as a whole
_SLACK = 0.05  # share of their height by which somebody may reach over the inner edge of a tile


class TiledDetector:
    """Looks at the whole picture and at ``along`` tiles of its longer side; a `PersonDetector`."""

    def __init__(self, detector: PersonDetector, *, along: int) -> None:
        self.min_score, self.confirm_score = detector.min_score, detector.confirm_score
        self._detector, self._along = detector, along

    def __call__(self, image: UInt8) -> Found:
        """Find people in ``image`` uint8 [H, W, 3] RGB; of one who is found twice the better stays."""
        whole = self._detector(image)
        regions, scores = [whole.regions], [whole.scores]
        height, width = image.shape[:2]
        places = list(tiles(width, height, self._along))
        parts = [image[top:bottom, left:right] for left, top, right, bottom in places]
        for (left, top, right, bottom), found in zip(places, look_together(self._detector, parts), strict=True):
            moved = found.regions + np.array([left, top, 0, 0], np.float32)
            inside = _inside(moved, (left, top, right, bottom), (width, height))
            regions.append(moved[inside])
            scores.append(found.scores[inside])
        return _best(np.concatenate(regions), np.concatenate(scores))

    def describe(self) -> dict[str, str]:
        """As the detector itself, and the tiles."""
        return {**self._detector.describe(), "tiles": f"{self._along} tiles along"}


def tiles(width: int, height: int, along: int) -> Iterator[tuple[int, int, int, int]]:
    """Left, top, right, bottom of overlapping tiles, squares where the picture is high enough; none for one tile.

    >>> list(tiles(700, 300, 2))
    [(0, 0, 400, 300), (300, 0, 700, 300)]
    """
    if along < 2:
        return
    side = max(width, height) / (along * (1 - OVERLAP) + OVERLAP)
    for top, bottom in _cuts(height, side):
        for left, right in _cuts(width, side):
            yield left, top, right, bottom


def _cuts(length: int, side: float) -> list[tuple[int, int]]:
    count = max(1, math.ceil((length / side - OVERLAP) / (1 - OVERLAP) - 1e-6))
    size = min(length, math.ceil(side))
    starts = np.linspace(0, length - size, count).round().astype(int).tolist()
    return [(start, start + size) for start in starts]


def _inside(regions: Float32, tile: tuple[int, int, int, int], size: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Who is not cut by an edge of the tile that is no edge of the picture: another tile shows them as a whole."""
    reach = regions[:, 2] * (0.5 / MARGIN - _SLACK)
    left, top, right, bottom = tile
    cut = (left > 0) & (regions[:, 0] - reach * 0.5 < left) | (right < size[0]) & (regions[:, 0] + reach * 0.5 > right)
    cut |= (top > 0) & (regions[:, 1] - reach < top) | (bottom < size[1]) & (regions[:, 1] + reach > bottom)
    return ~cut


def _best(regions: Float32, scores: Float32) -> Found:
    keep: list[int] = []
    for row in np.argsort(-scores, kind="stable").tolist():
        if not keep or not same_person(regions[row], regions[keep]).any():
            keep.append(row)
    return Found(regions=regions[keep].reshape(-1, 4), scores=scores[keep])
