"""How well the joints of labelled people are read where it is known where the people are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from stream3d.kernels.heatmap import refine
from stream3d.nets.blazepose import LANDMARK_SIZE
from stream3d.pose2d.crops import crop
from stream3d.pose2d.regions import to_image
from train.detector.photos import Photos
from train.landmarks.net import answers
from train.landmarks.people import People
from train.landmarks.targets import mean_likeness

Float32 = npt.NDArray[np.float32]

_GOOD = 0.5
_TOGETHER = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class Read:
    """Of M people: ``points`` float32 [M, 39, 2] in image pixels, refined; ``seen`` [M, 39] and ``person`` [M].

    ``peak`` [M, 39] and ``spread`` [M, 39, 3] of the heat maps, see ``stream3d.kernels.heatmap``.
    """

    points: Float32
    seen: Float32
    person: Float32
    peak: Float32
    spread: Float32


@torch.no_grad()
def read(net: nn.Module, photos: Photos, numbers: npt.NDArray[np.int64], regions: Float32) -> Read:
    """What a trainable net reads in ``regions`` float32 [M, 4] of photographs [M]."""
    parts = []
    for first in range(0, len(regions), _TOGETHER):
        some = slice(first, first + _TOGETHER)
        pairs = zip(numbers[some], regions[some], strict=True)
        crops = np.concatenate([crop(photos.picture(int(number)), region[None]) for number, region in pairs])
        said = answers(net, torch.from_numpy(crops))
        heat = np.ascontiguousarray(said.heat.permute(0, 2, 3, 1).numpy())
        refined = refine((said.points.numpy() / LANDMARK_SIZE).astype(np.float32), heat)
        seen, person = said.seen.sigmoid().numpy(), said.person.sigmoid().numpy()
        parts.append((to_image(refined.points, regions[some]), seen, person, refined.peak, refined.spread))
    points, seen, person, peak, spread = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return Read(points=points, seen=seen, person=person, peak=peak, spread=spread)


def figures(net: nn.Module, photos: Photos, people: People) -> dict[str, float]:
    """Shares of people read well (similarity above 0.5) and believed, and the mean similarity, by both regions."""
    out = {}
    for name, regions in (("circle", people.by_circle()), ("box", people.by_box())):
        said = read(net, photos, people.photo, regions)
        like = mean_likeness(said.points, people.keypoints, people.scale())
        out[f"{name}_read"] = float(((like > _GOOD) & (said.person > 0.5)).mean())
        out[f"{name}_oks"] = float(like.mean())
        out[f"{name}_believed"] = float((said.person > 0.5).mean())
    return out
