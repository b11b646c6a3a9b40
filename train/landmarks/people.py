"""The people whom the landmark net learns from, and what it said of them before."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from stream3d.nets.blazepose import LANDMARK_SIZE
from stream3d.nets.blazepose_torch import Landmarker
from stream3d.pose2d.crops import crop
from stream3d.pose2d.regions import regions_from_boxes, regions_from_points, to_image
from train.detector.photos import Photos
from train.landmarks.targets import Told

Float32 = npt.NDArray[np.float32]
Int64 = npt.NDArray[np.int64]

_SMALLEST = 20  # pixels of a box's longer side below which nothing is to be learnt
_BELIEVED = 0.3
BODY = 0.53
"""Of a box, as COCO's own areas have it on average."""


@dataclass(frozen=True, kw_only=True, slots=True)
class People:
    """``photo`` int64 [M], their photographs; ``boxes`` float32 [M, 4]; ``keypoints`` [M, 17, 3] labels.

    ``places`` [M, 5] hips x, y, circle x, y and belief in them.
    """

    photo: Int64
    boxes: Float32
    keypoints: Float32
    places: Float32

    def scale(self) -> Float32:
        """Root of the person's area [M], pixels."""
        sides = np.maximum(self.boxes[:, 2:] - self.boxes[:, :2], 1.0)
        return np.sqrt(BODY * sides.prod(1)).astype(np.float32)

    def by_circle(self) -> Float32:
        """Regions [M, 4] round hips and circle, or by the box where these are not believed."""
        circle = regions_from_points(self.places[:, :2], self.places[:, 2:4])
        return np.where(self.places[:, 4:] >= _BELIEVED, circle, self.by_box()).astype(np.float32)

    def by_box(self) -> Float32:
        """Upright regions [M, 4] round the boxes."""
        return regions_from_boxes(self.boxes)


def people_in(photos: Photos, numbers: Int64) -> People:
    """Everybody with labelled joints in some photographs who is not too small."""
    rows = np.concatenate([photos.rows_of(int(number)) for number in numbers])
    boxes, keypoints = photos.table["box"][rows], photos.table["kpts"][rows].astype(np.float32)
    large = (boxes[:, 2:] - boxes[:, :2]).max(1) >= _SMALLEST
    keep = rows[large & (keypoints[..., 2] > 0).any(1)]
    return People(
        photo=photos.table["box_image"][keep].astype(np.int64),
        boxes=photos.table["box"][keep].astype(np.float32),
        keypoints=photos.table["kpts"][keep].astype(np.float32),
        places=photos.rows[keep, 4:],
    )


@torch.no_grad()
def told_by(net: Landmarker, photos: Photos, people: People, *, together: int = 16) -> Told:
    """What ``net`` says of people in their regions."""
    regions = people.by_circle()
    parts = [_read(net, photos, people.photo[i], regions[i]) for i in _groups(len(regions), together)]
    return Told(points=np.concatenate([p[0] for p in parts]), depth=np.concatenate([p[1] for p in parts]))


def remembered(path: Path | None, net: Landmarker, photos: Photos, people: People) -> Told:
    """As ``told_by``, which takes minutes; from ``path`` if it was told of as many people before."""
    if path is not None and path.is_file():
        with np.load(path, allow_pickle=False) as file:
            if len(file["points"]) == len(people.photo):
                return Told(points=file["points"], depth=file["depth"])
    told = told_by(net, photos, people)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, points=told.points, depth=told.depth)
    return told


def _groups(count: int, size: int) -> list[slice]:
    return [slice(first, min(first + size, count)) for first in range(0, count, size)]


def _read(net: Landmarker, photos: Photos, numbers: Int64, regions: Float32) -> tuple[Float32, Float32]:
    crops = [crop(photos.picture(int(n)), region[None]) for n, region in zip(numbers, regions, strict=True)]
    landmarks = net(torch.from_numpy(np.concatenate(crops)))[0].numpy()
    points = to_image((landmarks[..., :2] / LANDMARK_SIZE).astype(np.float32), regions)
    return points, (landmarks[..., 2] * regions[:, None, 2] / LANDMARK_SIZE).astype(np.float32)
