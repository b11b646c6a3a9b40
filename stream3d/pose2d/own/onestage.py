"""One-stage nets in ONNX files: people with their joints from the whole picture, as RTMO."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stream3d.engine import Engine
from stream3d.nets.spec import OnnxSpec
from stream3d.pose2d.own.cards import OneStageCard
from stream3d.pose2d.own.decode import belief, suppressed
from stream3d.pose2d.own.whole import Answers, Look
from stream3d.pose2d.protocol import Landmarks
from stream3d.pose2d.regions import regions_from_boxes

UInt8 = npt.NDArray[np.uint8]


class OnnxOneStage:
    """Finds people and their joints as its TOML says; a `OneStageNet`."""

    def __init__(self, card: OneStageCard, spec: OnnxSpec, engine: Engine) -> None:
        self.layout = card.joints
        self.min_score, self.confirm_score = card.min_score, card.confirm_score
        self._card = card
        self._answers = Answers(card, spec, engine)

    def __call__(self, image: UInt8) -> Landmarks:
        """Everybody in ``image`` uint8 [H, W, 3] RGB, best first.

        Raises:
            ModelError: the net does not answer as its TOML says.
        """
        look = Look(self._card, self._answers, image)
        boxes, joints = look.outputs[0][0], look.outputs[1][0]
        likely = np.flatnonzero(boxes[:, 4] >= self.confirm_score)
        keep = likely[suppressed(boxes[likely, :4], boxes[likely, 4], self._card.overlap)]
        corners = look.to_image(boxes[keep, :4].reshape(-1, 2, 2)).reshape(-1, 4)
        scores = belief(joints[keep, :, 2], self._card.seen_score)
        keypoints = np.concatenate([look.to_image(joints[keep, :, :2]), scores[..., None]], -1)
        return Landmarks(
            keypoints=keypoints.astype(np.float32), presence=boxes[keep, 4], regions=regions_from_boxes(corners)
        )

    def describe(self) -> dict[str, str]:
        """The file, the layout and the engine it runs on."""
        return {**self._answers.describe(), "layout": self.layout.name}
