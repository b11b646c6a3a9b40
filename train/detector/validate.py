"""The detector on photographs that it neither learns from nor is measured by: which score is a person."""

from __future__ import annotations

import numpy as np
import torch

from stream3d.nets.person import SIZE
from stream3d.nets.person_torch import PersonNet
from stream3d.pose2d.crops import framed
from stream3d.pose2d.detect import input_shape
from stream3d.pose2d.person import Persons, decode
from train.detector.matching import Curve, curve, match
from train.detector.photos import VALIDATION, Photos

_LOWEST = 0.05
_PRECISION = 0.85  # of what is believed


@torch.no_grad()
def people_in(net: PersonNet, image: np.ndarray, size: int = SIZE, min_score: float = _LOWEST) -> Persons:
    """People in a picture uint8 [H, W, 3] RGB, as run time finds them but without an engine."""
    height, width = input_shape(image.shape[1], image.shape[0], size)
    picture, scale, offset = framed(image, height, width)
    device = next(net.parameters()).device
    boxes, scores = (array[0].cpu().numpy() for array in net(torch.from_numpy(picture)[None].to(device)))
    found = decode(boxes, scores, height=height, width=width, min_score=min_score)
    return Persons(
        boxes=(found.boxes - np.tile(offset, 2)) / np.tile(scale, 2),
        hips=(found.hips - offset) / scale,
        edge=(found.edge - offset) / scale,
        scores=found.scores,
    )


def curve_of(net: PersonNet, photos: Photos, numbers: np.ndarray) -> Curve:
    """Recall and precision over some photographs."""
    matched, people = [], 0
    for number in numbers:
        labels = photos.labels(int(number))
        found = people_in(net, photos.picture(int(number)))
        boxes = labels.people[:, :4]
        matched.append(match(found.boxes, found.scores, boxes, labels.ignore, complete=labels.complete))
        people += len(boxes)
    return curve(matched, people)


def best_threshold(net: PersonNet, photos: Photos) -> dict[str, float]:
    """The score to believe, and recall, precision and AP50 on the validation photographs with it."""
    said = curve_of(net, photos, photos.chosen(VALIDATION))
    threshold = said.best_threshold(_PRECISION)
    recall, precision = said.at(threshold)
    return {"threshold": threshold, "recall": recall, "precision": precision, "ap50": said.average_precision}
